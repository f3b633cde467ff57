//! What the commands share: which recorded names are meant, opening the state, the answer.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::Value;

use super::args::ChangeArgs;
use crate::cli::approve;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::open::open_ledger;
use crate::cli::select;
use crate::project::Desired;
use crate::state::{Ledger, Recorded};
use crate::video::Name;

/// The recorded names that arguments mean; none is all.
pub(super) fn recorded_names(
    arguments: &[String],
    recorded: &Recorded,
) -> Result<BTreeSet<Name>, CliError> {
    match arguments.is_empty() {
        true => Ok(recorded.records.keys().cloned().collect()),
        false => select::names(arguments, &Desired::default(), recorded),
    }
}

/// Takes the lock.
pub(super) fn open(
    context: &Context,
    change: &ChangeArgs,
    command: &str,
) -> Result<Ledger, CliError> {
    let settings = context.settings()?;
    let dir = context.state_dir(&settings, change.sandbox)?;
    open_ledger(context, &dir, command, change.lock_timeout)
}

/// Asked once it was told what would be done, so that this can be read where nobody can be asked.
pub(super) fn is_approved(
    context: &Context,
    change: &ChangeArgs,
    command: &str,
) -> Result<bool, CliError> {
    if change.auto_approve {
        return Ok(true);
    }
    if !approve::can_ask(context) {
        return Err(approve::nobody_to_ask(command));
    }
    let approved = approve::ask(context, "Do this? Only `yes` is a yes:")?;
    if !approved {
        context.say("Nothing was done.");
    }
    Ok(approved)
}

/// Tells a person, or a program, what was done.
pub(super) fn answer(context: &Context, text: &str, document: &Value) -> Result<Exit, CliError> {
    match context.is_json() {
        true => writeln!(std::io::stdout().lock(), "{document}")?,
        false => context.say(text),
    }
    Ok(Exit::Done)
}
