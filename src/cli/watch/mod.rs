//! `reconcile watch`: the loop, its signals, and its place under systemd.

mod listen;
mod log;
mod systemd;
mod teller;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use self::listen::Listening;
use self::teller::Teller;
use super::args::WatchArgs;
use super::connect::{connect, connect_nowhere};
use super::context::Context;
use super::env;
use super::error::CliError;
use super::exit::Exit;
use super::interrupt::watch_interrupts;
use crate::project::Settings;
use crate::state::{Holder, LockError, WatchLock, open_reader};
use crate::watch::{Config, Setup, View, Watch};

/// Hints that wait for the loop; more are turned away and come again.
const HINTS: usize = 1_024;

pub(super) fn run(context: &Context, args: &WatchArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    let settings = settings(context, args)?;
    let state_dir = context.state_dir(&settings, args.sandbox)?;
    let _only = only_one(args, &state_dir)?;
    open_reader(&state_dir)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start").because(e))?
        .block_on(serve(context, args, settings, state_dir))
}

fn settings(context: &Context, args: &WatchArgs) -> Result<Settings, CliError> {
    let mut settings = context.settings()?;
    if let Some(resync) = args.resync {
        settings.watch.resync = resync;
    }
    settings.private.extend(secret_file(args));
    Ok(settings)
}

/// No manifest may show it.
fn secret_file(args: &WatchArgs) -> Option<PathBuf> {
    let file = args.webhook_secret_file.as_ref()?;
    file.canonicalize().ok()
}

/// Whoever only shows plans is in nobody's way.
fn only_one(args: &WatchArgs, state_dir: &std::path::Path) -> Result<Option<WatchLock>, CliError> {
    if args.dry_run {
        return Ok(None);
    }
    match WatchLock::try_acquire(state_dir, &holder()) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Held(other)) => Err(CliError::new(format!(
            "another watch works on this state: {other}"
        ))
        .hint("one watch serves a state; stop the other one first")),
        Err(LockError::State(error)) => Err(error.into()),
    }
}

fn holder() -> Holder {
    Holder {
        pid: std::process::id(),
        host: env::host(),
        command: "reconcile watch".to_owned(),
        since: env::now(),
    }
}

async fn serve(
    context: &Context,
    args: &WatchArgs,
    settings: Settings,
    state_dir: PathBuf,
) -> Result<Exit, CliError> {
    let stop = watch_interrupts()?;
    let reload = watch_hangups()?;
    let downloads = context.downloads(&settings, &state_dir, args.sandbox)?;
    if settings.watch.download {
        downloads.check()?;
    }
    let (api, writer) = match args.dry_run {
        true => connect_nowhere(&settings)?,
        false => connect(context, &settings, &state_dir, args.sandbox).await?,
    };
    let setup = Setup {
        settings,
        read_at: env::system_now(),
        reader: api.reader.clone(),
        writer: writer.clone(),
        base: api.base.clone(),
        downloads,
    };
    let (view, seen) = watch::channel(Arc::new(View::new(env::now(), args.dry_run)));
    let (hints, hinted) = mpsc::channel(HINTS);
    let listening = Listening::start(args, &state_dir, seen.clone(), hints).await?;
    let teller = Teller::new(context, args, &state_dir, (api, writer), listening);
    let root = context.root.canonicalize();
    let watch = Watch {
        config: Config {
            root: root.map_err(|e| CliError::new("cannot find the project").because(e))?,
            index: Context::index_path(&state_dir),
            state_dir,
            dry_run: args.dry_run,
            clock: env::now,
            system_clock: env::system_now,
            holder,
        },
        setup,
        edge: Box::new(teller),
        view,
        hints: hinted,
        stop: stop.clone(),
        reload,
        heartbeat: systemd::heartbeat(),
    };
    let announcer = tokio::spawn(systemd::announce(seen, stop));
    crate::watch::run(watch).await;
    // It ends with the request to stop, which it may only just be telling.
    let _ = announcer.await;
    Ok(Exit::Done)
}

/// SIGHUP asks for settings, key and secrets to be read again.
fn watch_hangups() -> Result<mpsc::Receiver<()>, CliError> {
    let mut hangup = signal(SignalKind::hangup())?;
    let (asks, asked) = mpsc::channel(1);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            // One that waits already stands for this one too.
            let _ = asks.try_send(());
        }
    });
    Ok(asked)
}
