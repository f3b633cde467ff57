//! `reconcile status`: every video, from the record alone.

use std::io::{BufWriter, Write};

use super::args::StatusArgs;
use super::context::Context;
use super::cost;
use super::desired;
use super::env;
use super::error::CliError;
use super::exit::Exit;
use super::select;
use crate::output::{StatusRow, made_text, problems, status_json, write_status};
use crate::plan::Selection;
use crate::project::Desired;
use crate::state::{Attempt, Phase, ReadState, Record, Recorded, open_reader};

pub(super) fn run(context: &Context, args: &StatusArgs) -> Result<Exit, CliError> {
    if args.cost.cost || args.cost.since.is_some() {
        return cost::run(context, args);
    }
    context.refuse_github()?;
    let settings = context.settings()?;
    let state_dir = context.state_dir(&settings, args.sandbox)?;
    let recorded = open_reader(&state_dir)?.load()?;
    let desired = desired::load(context, &settings, &state_dir);
    let selection = select::select(&args.names.names, &desired, &recorded)?;
    let rows = rows(&desired, &recorded, &selection);
    context.show_problems(&desired.problems);
    let mut out = BufWriter::new(std::io::stdout().lock());
    if context.is_json() {
        let errors = problems::json(&desired.problems);
        writeln!(out, "{}", status_json(&rows, errors))?;
    } else {
        let sum = cost::made(&recorded, &desired, &selection);
        let made = (sum.videos > 0).then(|| made_text(&sum, settings.price_per_second));
        let paint = context.stdout_paint();
        write_status(&mut out, &rows, paint, env::now(), made.as_deref())?;
    }
    out.flush()?;
    Ok(match desired.problems.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

/// The finished video that is not the one of the current attempt.
fn stays<'a>(recorded: &'a Recorded, record: &Record) -> Option<&'a Attempt> {
    let current = recorded.current_attempt(&record.hash)?;
    let finished = recorded.finished(record)?;
    (finished.key() != current.key()).then_some(finished)
}

/// Neither a manifest nor a video: told only where it is asked for by name.
fn has_nothing_left(row: &StatusRow<'_>) -> bool {
    let is_over = |a: &Attempt| matches!(a.phase, Phase::Deleted | Phase::Gone);
    row.wished.is_none() && row.attempt.is_some_and(is_over)
}

/// Wishes and records side by side, by name.
fn rows<'a>(
    desired: &'a Desired,
    recorded: &'a Recorded,
    selection: &Selection,
) -> Vec<StatusRow<'a>> {
    let names: std::collections::BTreeSet<_> = desired
        .wishes
        .keys()
        .chain(recorded.records.keys())
        .collect();
    names
        .into_iter()
        .filter(|name| selection.contains(name))
        .map(|name| {
            let wish = desired.wishes.get(name);
            let record = recorded.records.get(name);
            StatusRow {
                name,
                path: wish.map_or_else(|| record.map_or("", |r| &r.path), |w| &w.path),
                wished: wish.map(|w| w.hash),
                is_hidden: record.is_some_and(|r| desired.may_hide(name, &r.path)),
                recorded: record.map(|r| r.hash),
                attempt: record.and_then(|r| recorded.current_attempt(&r.hash)),
                finished: record.and_then(|r| stays(recorded, r)),
                file: recorded.files.get(name),
            }
        })
        .filter(|row| matches!(selection, Selection::Only(_)) || !has_nothing_left(row))
        .collect()
}
