//! `reconcile state mv`: gives a record another name. Costs nothing.

use super::args::MvArgs;
use super::names::{is_approved, open};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::state::{Entry, Record, Recorded};
use crate::video::Name;

pub(super) fn run(context: &Context, args: &MvArgs) -> Result<Exit, CliError> {
    let new = Name::parse(&args.new)
        .map_err(|e| CliError::usage(format!("`{}` is no name: {e}", args.new)))?;
    let mut ledger = open(context, &args.change, "state mv")?;
    let record = moved(ledger.recorded(), &args.old, new)?;
    let old = record.moved_from.clone();
    context.say(&format!(
        "The record of {} will be that of {}. Name the manifest so too: where one still says {}, \
         the next plan gives that name the same video.",
        args.old, record.name, args.old
    ));
    if !is_approved(context, &args.change)? {
        return Ok(Exit::Failed);
    }
    let forget = old.map(Entry::Forget);
    let text = format!("moved {} → {}", args.old, record.name);
    ledger.write(forget.into_iter().chain([Entry::Record(record)]).collect())?;
    context.say(&text);
    Ok(Exit::Done)
}

fn moved(recorded: &Recorded, old: &str, new: Name) -> Result<Record, CliError> {
    let mut records = recorded.records.values();
    let record = records
        .find(|r| r.name.as_str() == old)
        .ok_or_else(|| CliError::usage(format!("no record is called `{old}`")))
        .map_err(|e| e.hint("`reconcile state list` lists them"))?;
    let taken = recorded.records.keys().find(|n| n.folded() == new.folded());
    if let Some(taken) = taken.filter(|n| **n != record.name) {
        return Err(CliError::usage(format!(
            "the name {taken} has a record already; nothing was done"
        ))
        .hint(format!("`reconcile state rm {taken}` forgets it")));
    }
    Ok(Record {
        name: new,
        moved_from: Some(record.name.clone()),
        ..record.clone()
    })
}
