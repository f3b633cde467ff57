//! `reconcile state rm`: forgets records. Attempts and their numbers stay.

use super::args::RmArgs;
use super::names::{is_approved, open, recorded_names};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::output::count;
use crate::state::{Entry, Recorded};
use crate::video::Name;

pub(super) fn run(context: &Context, args: &RmArgs) -> Result<Exit, CliError> {
    let mut ledger = open(context, &args.change, "state rm")?;
    let names = recorded_names(&args.names, ledger.recorded())?;
    for name in &names {
        refuse_unsettled(ledger.recorded(), name)?;
    }
    for name in &names {
        context.say(&format!("  {name}"));
    }
    context.say(
        "These records will be forgotten. The videos stay at HeyGen, and what was paid for stays \
         known: where a manifest still wishes for one, the next plan reuses it.",
    );
    if !is_approved(context, &args.change)? {
        return Ok(Exit::Failed);
    }
    let removed = count(names.len(), "record was", "records were");
    ledger.write(names.into_iter().map(Entry::Forget).collect())?;
    context.say(&format!("{removed} forgotten"));
    Ok(Exit::Done)
}

/// An attempt that holds a prompt must be found by the name that holds it.
fn refuse_unsettled(recorded: &Recorded, name: &Name) -> Result<(), CliError> {
    let hash = recorded.records.get(name).map(|r| r.hash);
    let last = hash.and_then(|hash| recorded.last_attempt(&hash));
    match last.is_some_and(|a| a.phase.is_unsettled()) {
        false => Ok(()),
        true => Err(CliError::new(format!(
            "{name} has an attempt whose outcome is not known; nothing was done"
        ))
        .hint("settle it first: run apply, or see `reconcile state settle --help`")),
    }
}
