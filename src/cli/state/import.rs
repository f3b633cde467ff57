//! `reconcile state import`: takes in an export, never lowering what is recorded.

use std::fs::File;
use std::io::Read;

use serde_json::{Value, json};

use super::args::ImportArgs;
use super::names::{answer, is_approved, open};
use crate::cli::context::Context;
use crate::cli::env;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::output::count;
use crate::state::{
    Conflict, Entry, Export, ExportError, Ledger, MergeError, StateError, export, merge,
};
use crate::video::Spec;

/// No export of a project is larger.
const MAX_BYTES: u64 = 1 << 30;
/// Entries written at once: each is a sync, and a batch that is cut short is lost whole.
const AT_ONCE: usize = 200;

/// What the state does not have yet.
struct New {
    /// The doubt first; nothing at all where only texts are new.
    entries: Vec<Entry>,
    specs: Vec<Spec>,
}

pub(super) fn run(context: &Context, args: &ImportArgs) -> Result<Exit, CliError> {
    let file = &args.file;
    let export = export::read(&read(file, MAX_BYTES)?).map_err(|error| unusable(file, &error))?;
    let mut ledger = open(context, &args.change, "state import")?;
    let entries = merge(ledger.recorded(), &export, env::now());
    let new = New {
        entries: entries.map_err(|error| conflicting(file, &error))?,
        specs: missing(&ledger, export)?,
    };
    if new.entries.is_empty() && new.specs.is_empty() {
        let text = "Nothing to import: all of it is recorded already.";
        return answer(context, text, &document(&ledger, &new));
    }
    context.say(&will_be_taken_in(&new));
    if !is_approved(context, &args.change, "state import")? {
        return Ok(Exit::Failed);
    }
    write(&mut ledger, &new)?;
    answer(context, &done(&ledger), &document(&ledger, &new))
}

/// A file, or stdin for `-`.
pub(super) fn read(file: &str, max: u64) -> Result<Vec<u8>, CliError> {
    let failed = |e: std::io::Error| CliError::new(format!("cannot read {file}")).because(e);
    let source: Box<dyn Read> = match file {
        "-" => Box::new(std::io::stdin().lock()),
        path => Box::new(File::open(path).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    source
        .take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    match bytes.len() as u64 > max {
        true => Err(CliError::new(format!(
            "{file} is larger than {} MiB",
            max >> 20
        ))),
        false => Ok(bytes),
    }
}

fn refused(file: &str, why: &dyn std::error::Error, way_out: &str) -> CliError {
    let text = format!("{file} can't be imported: {why}; nothing was done");
    CliError::new(text).hint(way_out)
}

fn unusable(file: &str, error: &ExportError) -> CliError {
    let way_out = match error {
        ExportError::Format => "give a file that `reconcile state export` wrote",
        ExportError::Version { .. } => "update reconcile to the version that wrote this export",
        ExportError::Line { .. } | ExportError::CutOff => {
            "take the file as it was exported, or another backup"
        }
    };
    refused(file, error, way_out)
}

fn conflicting(file: &str, error: &MergeError) -> CliError {
    let way_out = match error.conflict {
        Conflict::Account { .. } | Conflict::Base { .. } => {
            "import it into a state directory of its own (RECONCILE_STATE)"
        }
        Conflict::Session { .. } => {
            "look at both sessions at HeyGen; to import the rest, take that line out of a copy of \
             the file and lower the number in its last line by one"
        }
        Conflict::Unsettled { .. } => {
            "settle the one here first: run apply, or see `reconcile state settle --help`; then \
             import again"
        }
    };
    refused(file, error, way_out)
}

/// Texts that are not here, also where everything else is.
fn missing(ledger: &Ledger, export: Export) -> Result<Vec<Spec>, StateError> {
    let mut missing = Vec::new();
    for spec in export.specs {
        match ledger.spec(&spec.hash()) {
            Ok(Some(_)) => {}
            // A damaged one is replaced when it is written.
            Ok(None) | Err(StateError::Damaged { .. }) => missing.push(spec),
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
}

impl New {
    fn records(&self) -> usize {
        let records = self.entries.iter();
        records.filter(|e| matches!(e, Entry::Record(_))).count()
    }

    fn attempts(&self) -> usize {
        let attempts = self.entries.iter();
        attempts.filter(|e| matches!(e, Entry::Attempt(_))).count()
    }
}

fn will_be_taken_in(new: &New) -> String {
    format!(
        "{}, {} and {} will be taken in. What is recorded further stays as it is.",
        count(new.records(), "record", "records"),
        count(new.attempts(), "attempt", "attempts"),
        count(new.specs.len(), "text", "texts")
    )
}

/// The doubt first, then texts, then what refers to them: wherever it breaks off, the state is
/// sound, unproven, and the import can be made again.
fn write(ledger: &mut Ledger, new: &New) -> Result<(), StateError> {
    let (doubt, rest) = new.entries.split_at(new.entries.len().min(1));
    ledger.write(doubt.to_vec())?;
    new.specs
        .iter()
        .try_for_each(|spec| ledger.put_spec(spec))?;
    rest.chunks(AT_ONCE)
        .try_for_each(|portion| ledger.write(portion.to_vec()))
}

fn done(ledger: &Ledger) -> String {
    match ledger.recorded().unproven(env::now()) {
        None => "imported".to_owned(),
        Some(unproven) => format!(
            "imported; before its first submission apply compares HeyGen's sessions since {:.0}",
            unproven.since
        ),
    }
}

fn document(ledger: &Ledger, new: &New) -> Value {
    let unproven = ledger.recorded().unproven(env::now());
    json!({
        "format_version": "1.0",
        "imported": {
            "records": new.records(),
            "attempts": new.attempts(),
            "texts": new.specs.len(),
        },
        "unproven_since": unproven.map(|unproven| unproven.since),
    })
}
