//! Opening the state for writing: the lock first, and for whom it waits.

use std::path::Path;
use std::time::Duration;

use super::context::Context;
use super::env;
use super::error::CliError;
use crate::output::{escape, short_duration};
use crate::state::{EmbeddedState, Holder, Ledger, Lock, StateError};

/// Takes the lock, waiting for another writer at most `timeout`, and opens the state.
pub(super) fn open_ledger(
    context: &Context,
    dir: &Path,
    command: &str,
    timeout: Duration,
) -> Result<Ledger, CliError> {
    Ok(try_open_ledger(context, dir, command, timeout)?)
}

/// As [`open_ledger`], for whoever tells of the error himself.
pub(super) fn try_open_ledger(
    context: &Context,
    dir: &Path,
    command: &str,
    timeout: Duration,
) -> Result<Ledger, StateError> {
    let lock = take_lock(context, dir, command, timeout)?;
    let state = EmbeddedState::open(dir, lock)?;
    Ledger::open(Box::new(state))
}

pub(super) fn take_lock(
    context: &Context,
    dir: &Path,
    command: &str,
    timeout: Duration,
) -> Result<Lock, StateError> {
    let holder = Holder {
        pid: std::process::id(),
        host: env::host(),
        command: format!("reconcile {command}"),
        since: env::now(),
    };
    let on_wait = |other: &Holder| {
        context.say(&format!(
            "waiting for the state, at most {}: it is locked by {}",
            short_duration(timeout),
            escape(&other.to_string())
        ));
    };
    Ok(Lock::acquire(
        dir,
        &holder,
        timeout,
        std::thread::sleep,
        on_wait,
    )?)
}
