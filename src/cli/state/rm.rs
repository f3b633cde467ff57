//! `reconcile state rm`: forgets records. Attempts and their numbers stay.

use serde_json::json;

use super::args::RmArgs;
use super::names::{answer, is_approved, open, recorded_names};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::output::count;
use crate::state::{Entry, Phase, Recorded};
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
    if !is_approved(context, &args.change, "state rm")? {
        return Ok(Exit::Failed);
    }
    let removed = count(names.len(), "record was", "records were");
    ledger.write(names.iter().cloned().map(Entry::Forget).collect())?;
    answer(
        context,
        &format!("{removed} forgotten"),
        &json!({"format_version": "1.0", "forgotten": names}),
    )
}

/// An attempt that holds a prompt must be found by the name that holds it.
fn refuse_unsettled(recorded: &Recorded, name: &Name) -> Result<(), CliError> {
    let hash = recorded.records.get(name).map(|r| r.hash);
    let unsettled = recorded.attempts_where(Phase::is_unsettled);
    // An imported record may have led the name away from the hash of its own attempt.
    match unsettled
        .iter()
        .any(|a| Some(a.hash) == hash || a.name == *name)
    {
        false => Ok(()),
        true => Err(CliError::new(format!(
            "{name} has an attempt whose outcome is not known; nothing was done"
        ))
        .hint("settle it first: run apply, or see `reconcile state settle --help`")),
    }
}
