//! `reconcile state show`: everything that is known of one name.

use std::io::{BufWriter, Write};

use serde_json::json;

use super::args::ShowArgs;
use super::names::recorded_names;
use crate::apply::spec_from;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::output::{RecordView, write_record};
use crate::state::{Attempt, ReadState, Record, Recorded, open_reader};

pub(super) fn run(context: &Context, args: &ShowArgs) -> Result<Exit, CliError> {
    let settings = context.settings()?;
    let dir = context.state_dir(&settings, args.sandbox)?;
    let reader = open_reader(&dir)?;
    let recorded = reader.load()?;
    let names = recorded_names(std::slice::from_ref(&args.name), &recorded)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for record in names.iter().filter_map(|name| recorded.records.get(name)) {
        let spec = spec_from(&reader)(&record.hash)?;
        let attempts = attempts(&recorded, record);
        let finished = recorded.finished(record);
        if context.is_json() {
            let document = json!({
                "format_version": "1.0",
                "name": record.name,
                "record": record,
                "spec": spec,
                "attempts": attempts,
                "finished": finished,
            });
            writeln!(out, "{document}")?;
        } else {
            let view = RecordView {
                record,
                spec: spec.as_ref(),
                attempts: &attempts,
                finished,
            };
            write_record(&mut out, &view, context.stdout_paint())?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Those of its hashes, and all that were made for this name: the newest first.
fn attempts<'a>(recorded: &'a Recorded, record: &Record) -> Vec<&'a Attempt> {
    let hashes = [
        Some(record.hash),
        record.previous,
        record.shown.as_ref().map(|s| s.hash),
    ];
    let mut all: Vec<_> = recorded.attempts.values().flatten().collect();
    all.retain(|a| a.name == record.name || hashes.contains(&Some(a.hash)));
    all.sort_by_key(|a| (std::cmp::Reverse(a.intent_at), a.hash, a.number));
    all
}
