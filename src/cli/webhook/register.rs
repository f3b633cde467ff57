//! `reconcile webhook register`: first proves that the secret can be stored, then asks for it.

use std::hash::{BuildHasher as _, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_json::json;
use url::{Host, Url};

use super::args::RegisterArgs;
use super::secret_file::SecretFile;
use crate::cli::connect::connect_endpoints;
use crate::cli::context::Context;
use crate::cli::env;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::heygen::{Endpoint, ReadError};
use crate::output::escape;
use crate::project::Settings;
use crate::state::{Holder, Lock, LockError, StateError};

const EVENTS: [&str; 2] = ["video_agent.success", "video_agent.fail"];

pub(super) async fn run(
    context: &Context,
    settings: &Settings,
    args: &RegisterArgs,
) -> Result<Exit, CliError> {
    check_url(&args.url)?;
    let path = secret_path(context, settings, args)?;
    let endpoints = connect_endpoints(settings)?;
    let unwritable = |e| {
        CliError::new(format!(
            "the secret can't be stored in {}; nothing was registered",
            path.display()
        ))
        .because(e)
        .hint("name another place with --secret-file")
    };
    let file = SecretFile::open(&path).map_err(unwritable)?;
    let pending = file.prepare(&args.url, new_key).map_err(unwritable)?;
    let events = EVENTS.map(str::to_owned);
    let registered = endpoints.register(&args.url, &events, &pending.key).await;
    let endpoint = registered.map_err(|error| not_registered(&file, error))?;
    let Some(secret) = &endpoint.secret else {
        return Err(without_secret(&file, &endpoint));
    };
    store(&file, &endpoint, secret, &path)?;
    tell(context, args, &endpoint, &path)
}

/// HeyGen wants https; a stand-in on this machine does not.
fn check_url(text: &str) -> Result<(), CliError> {
    let refuse = |why: &str| {
        Err(CliError::usage(format!("{} can't be registered: {why}", escape(text)))
            .hint("name the address under which HeyGen reaches `watch --listen`, like https://videos.example.com/webhooks/heygen"))
    };
    let Ok(url) = Url::parse(text) else {
        return refuse("it is not a URL");
    };
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
        return refuse("HeyGen delivers to https only");
    }
    match url.username().is_empty() && url.password().is_none() {
        true => Ok(()),
        false => refuse("a password in it would be stored at HeyGen"),
    }
}

fn secret_path(
    context: &Context,
    settings: &Settings,
    args: &RegisterArgs,
) -> Result<PathBuf, CliError> {
    if let Some(file) = &args.secret_file {
        return Ok(file.clone());
    }
    let dir = context.state_dir(settings, false)?;
    make_state_dir(&dir)?;
    Ok(dir.join("webhook-secret"))
}

/// Taking the lock makes the directory, with its rights; somebody who writes has made it before.
fn make_state_dir(dir: &Path) -> Result<(), StateError> {
    let holder = Holder {
        pid: std::process::id(),
        host: env::host(),
        command: "reconcile webhook register".to_owned(),
        since: env::now(),
    };
    match Lock::try_acquire(dir, &holder) {
        Ok(_) | Err(LockError::Held(_)) => Ok(()),
        Err(LockError::State(error)) => Err(error),
    }
}

/// Random, so that two projects never get each other's answer.
fn new_key() -> String {
    let part = || RandomState::new().hash_one(std::process::id());
    format!("reconcile-webhook-{:016x}{:016x}", part(), part())
}

fn not_registered(file: &SecretFile, error: ReadError) -> CliError {
    match error {
        ReadError::Api(ref answer, _) if is_refusal(answer.status) => {
            file.give_up();
            error.into()
        }
        error => CliError::new(format!(
            "whether HeyGen registered it is not known: {error}"
        ))
        .hint(
            "run the same command again within 24 hours: it asks with the same key, and HeyGen \
             answers with the same endpoint",
        ),
    }
}

/// Whether nothing was registered for certain. A 500 may have had its effect, as a lost answer may,
/// and a conflict is with an earlier request of ours.
fn is_refusal(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 408 | 409)
}

fn without_secret(file: &SecretFile, endpoint: &Endpoint) -> CliError {
    file.give_up();
    let id = escape(&endpoint.endpoint_id);
    CliError::new(format!(
        "HeyGen registered {id} and did not show its secret"
    ))
    .hint(format!(
        "delete it with `reconcile webhook delete {id}` and register again"
    ))
}

fn store(
    file: &SecretFile,
    endpoint: &Endpoint,
    secret: &SecretString,
    path: &Path,
) -> Result<(), CliError> {
    let id: String = endpoint
        .endpoint_id
        .chars()
        .filter(|c| c.is_ascii_graphic())
        .collect();
    file.store(&id, secret).map_err(|e| {
        CliError::new(format!(
            "HeyGen registered {id}, and its secret could not be stored in {}",
            path.display()
        ))
        .because(e)
        .hint("make room and run the same command again within 24 hours: HeyGen answers with the same secret")
    })
}

fn tell(
    context: &Context,
    args: &RegisterArgs,
    endpoint: &Endpoint,
    path: &Path,
) -> Result<Exit, CliError> {
    let mut out = std::io::stdout().lock();
    if context.is_json() {
        let shown = json!({
            "format_version": "1.0", "endpoint_id": endpoint.endpoint_id, "url": endpoint.url,
            "secret_file": path,
        });
        writeln!(out, "{shown}")?;
        return Ok(Exit::Done);
    }
    writeln!(
        out,
        "Registered {} as {}; its secret is in {}.",
        escape(&endpoint.url),
        escape(&endpoint.endpoint_id),
        path.display()
    )?;
    let file = args.secret_file.as_ref().map_or_else(String::new, |file| {
        format!(" --webhook-secret-file {}", file.display())
    });
    context.say(&format!(
        "Next: reconcile watch --listen ADDR{file}; a running watch reads secrets again on SIGHUP."
    ));
    Ok(Exit::Done)
}
