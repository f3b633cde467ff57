//! The address that `--listen` names, and the secrets of the webhook endpoint.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::cli::args::WatchArgs;
use crate::cli::env;
use crate::cli::error::CliError;
use crate::watch::server::{Secrets, Sources, serve};
use crate::watch::{Hint, View};

/// A longer file holds something else.
const MAX_BYTES: u64 = 64 << 10;

/// What SIGHUP reads again. Nothing is listened to without `--listen`.
pub(super) struct Listening {
    file: Option<PathBuf>,
    secrets: watch::Sender<Arc<Secrets>>,
}

impl Listening {
    pub(super) async fn start(
        args: &WatchArgs,
        state_dir: &Path,
        view: watch::Receiver<Arc<View>>,
        hints: mpsc::Sender<Hint>,
    ) -> Result<Self, CliError> {
        let Some(addr) = args.listen else {
            return Ok(Self {
                file: None,
                secrets: watch::Sender::default(),
            });
        };
        let file = secret_file(args, state_dir);
        let (sender, secrets) = watch::channel(Arc::new(read(&file)?));
        let listener = bind(addr).await?;
        let sources = Sources {
            secrets,
            view,
            hints,
            clock: env::now,
        };
        tokio::spawn(serve(listener, sources));
        Ok(Self {
            file: Some(file),
            secrets: sender,
        })
    }

    pub(super) fn reload(&self) -> Result<(), CliError> {
        if let Some(file) = &self.file {
            self.secrets.send_replace(Arc::new(read(file)?));
        }
        Ok(())
    }
}

async fn bind(addr: SocketAddr) -> Result<TcpListener, CliError> {
    let failed = |e| CliError::new(format!("cannot listen on {addr}")).because(e);
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    tracing::info!(%addr, "listening for webhooks, health checks and metrics");
    Ok(listener)
}

fn secret_file(args: &WatchArgs, state_dir: &Path) -> PathBuf {
    match &args.webhook_secret_file {
        Some(file) => file.clone(),
        None => state_dir.join("webhook-secret"),
    }
}

/// One secret a line; empty lines and comments are left out.
fn read(file: &Path) -> Result<Secrets, CliError> {
    let place = file.display();
    let failed = |e: std::io::Error| {
        CliError::new(format!("cannot read the webhook secret in {place}"))
            .because(e)
            .hint("--listen needs one: `reconcile webhook register URL` stores it there")
    };
    let size = file.metadata().map_err(failed)?.len();
    if size > MAX_BYTES {
        return Err(CliError::new(format!(
            "{place} is no file of webhook secrets"
        )));
    }
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let lines = text.lines().map(str::trim);
    let secrets: Vec<SecretString> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.to_owned().into())
        .collect();
    match secrets.is_empty() {
        true => Err(CliError::new(format!("{place} holds no webhook secret"))
            .hint("`reconcile webhook register URL` stores one there")),
        false => Ok(Secrets::new(secrets)),
    }
}
