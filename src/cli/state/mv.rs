//! `reconcile state mv`: gives a record another name. Costs nothing.

use serde_json::json;

use super::args::MvArgs;
use super::names::{answer, is_approved, open};
use crate::cli::context::Context;
use crate::cli::desired;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::output::escape;
use crate::state::{Entry, Record, Recorded};
use crate::video::Name;

pub(super) fn run(context: &Context, args: &MvArgs) -> Result<Exit, CliError> {
    let new = Name::parse(&args.new)
        .map_err(|e| CliError::usage(format!("`{}` is no name: {e}", args.new)))?;
    let mut ledger = open(context, &args.change, "state mv")?;
    let (old, record) = moved(ledger.recorded(), &args.old, new)?;
    let text = format!("moved {old} → {}", record.name);
    let document = json!({
        "format_version": "1.0",
        "moved": {"name": record.name, "from": old},
    });
    context.say(&format!(
        "The record of {old} will be that of {}.",
        record.name
    ));
    warn(context, args, &old, &record.path)?;
    if !is_approved(context, &args.change, "state mv")? {
        return Ok(Exit::Failed);
    }
    ledger.write(vec![Entry::Forget(old), Entry::Record(record)])?;
    answer(context, &text, &document)
}

/// A manifest that keeps the old name would get a record again.
fn warn(context: &Context, args: &MvArgs, old: &Name, path: &str) -> Result<(), CliError> {
    let settings = context.settings()?;
    let dir = context.state_dir(&settings, args.change.sandbox)?;
    let desired = desired::load(context, &settings, &dir);
    if let Some(wish) = desired.wishes.get(old) {
        context.say(&format!(
            "{} still says {old}: rename it too, or the next plan gives that name the same video.",
            escape(&wish.path)
        ));
    } else if desired.may_hide(old, path) {
        context.say(&format!(
            "A manifest that can't be read may still say {old}: `reconcile validate` shows which."
        ));
    }
    Ok(())
}

fn moved(recorded: &Recorded, old: &str, new: Name) -> Result<(Name, Record), CliError> {
    let mut records = recorded.records.values();
    let record = records
        .find(|r| r.name.as_str() == old)
        .ok_or_else(|| CliError::usage(format!("no record is called `{old}`")))
        .map_err(|e| e.hint("`reconcile state list` lists them"))?;
    if new == record.name {
        return Err(CliError::usage(format!("{old} has that name already")));
    }
    let taken = recorded.records.keys().find(|n| n.folded() == new.folded());
    if let Some(taken) = taken.filter(|n| **n != record.name) {
        return Err(CliError::usage(format!(
            "the name {taken} has a record already; nothing was done"
        ))
        .hint(format!("`reconcile state rm {taken}` forgets it")));
    }
    let old = record.name.clone();
    let renamed = Record {
        name: new,
        moved_from: Some(old.clone()),
        ..record.clone()
    };
    Ok((old, renamed))
}
