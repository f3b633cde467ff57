//! `reconcile state import`: takes in an export, never lowering what is recorded.

use std::fs::File;
use std::io::Read;

use super::args::ImportArgs;
use super::names::{is_approved, open};
use crate::cli::context::Context;
use crate::cli::env;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::output::count;
use crate::state::{Entry, Export, Ledger, export, merge};

/// No export of a project is larger.
const MAX_BYTES: u64 = 1 << 30;
/// Entries written at once: each is a sync, and a batch that is cut short is lost whole.
const AT_ONCE: usize = 200;

pub(super) fn run(context: &Context, args: &ImportArgs) -> Result<Exit, CliError> {
    let text = read(&args.file)?;
    let refused = |what: String| {
        CliError::new(format!(
            "{} can't be imported: {what}; nothing was done",
            args.file
        ))
    };
    let export = export::read(&text).map_err(|e| refused(e.to_string()))?;
    let mut ledger = open(context, &args.change, "state import")?;
    let entries = merge(ledger.recorded(), &export, env::now());
    let entries = entries.map_err(|e| refused(e.to_string()))?;
    if entries.is_empty() {
        context.say("Nothing to import: all of it is recorded already.");
        return Ok(Exit::Done);
    }
    say_what(context, &entries);
    if !is_approved(context, &args.change)? {
        return Ok(Exit::Failed);
    }
    write(&mut ledger, &export, &entries)?;
    context.say(&format!(
        "imported; before its first submission apply compares HeyGen's sessions since {:.0}",
        ledger
            .recorded()
            .unproven(env::now())
            .map_or(export.exported_at, |u| u.since)
    ));
    Ok(Exit::Done)
}

fn read(file: &str) -> Result<String, CliError> {
    let failed = |e: std::io::Error| CliError::new(format!("cannot read {file}")).because(e);
    let source: Box<dyn Read> = match file {
        "-" => Box::new(std::io::stdin().lock()),
        path => Box::new(File::open(path).map_err(failed)?),
    };
    let mut text = String::new();
    source
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    match text.len() as u64 > MAX_BYTES {
        true => Err(CliError::new(format!("{file} is larger than 1 GiB"))),
        false => Ok(text),
    }
}

fn say_what(context: &Context, entries: &[Entry]) {
    let of = |wanted: fn(&Entry) -> bool| entries.iter().filter(|e| wanted(e)).count();
    let records = of(|e| matches!(e, Entry::Record(_)));
    let attempts = of(|e| matches!(e, Entry::Attempt(_)));
    context.say(&format!(
        "{} and {} will be taken in. What is recorded further stays as it is.",
        count(records, "record", "records"),
        count(attempts, "attempt", "attempts")
    ));
}

/// The doubt first, then texts, then what refers to them: wherever it breaks off, the state is
/// sound, unproven, and the import can be made again.
fn write(ledger: &mut Ledger, export: &Export, entries: &[Entry]) -> Result<(), CliError> {
    let (doubt, rest) = entries.split_at(1);
    ledger.write(doubt.to_vec())?;
    for spec in &export.specs {
        ledger.put_spec(spec)?;
    }
    for portion in rest.chunks(AT_ONCE) {
        ledger.write(portion.to_vec())?;
    }
    Ok(())
}
