//! `reconcile state list`: every record in a line.

use std::io::{BufWriter, Write};

use serde_json::{Value, json};

use super::args::ListArgs;
use super::names::recorded_names;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::output::{escape, write_table};
use crate::state::{ReadState, Record, Recorded, open_reader};

pub(super) fn run(context: &Context, args: &ListArgs) -> Result<Exit, CliError> {
    let settings = context.settings()?;
    let dir = context.state_dir(&settings, args.sandbox)?;
    let recorded = open_reader(&dir)?.load()?;
    let names = recorded_names(&args.names.names, &recorded)?;
    let records: Vec<_> = names
        .iter()
        .filter_map(|name| recorded.records.get(name))
        .collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    if context.is_json() {
        let records: Vec<_> = records.iter().map(|r| record_json(&recorded, r)).collect();
        let document = json!({"format_version": "1.0", "records": records});
        writeln!(out, "{document}")?;
    } else if records.is_empty() {
        writeln!(out, "Nothing is recorded.")?;
    } else {
        let head = ["NAME", "PHASE", "ATTEMPT", "HASH", "SESSION", "PATH"];
        let rows = records
            .iter()
            .map(|r| row(&recorded, r))
            .collect::<Vec<_>>();
        write_table(&mut out, context.stdout_paint(), head, &rows)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn row(recorded: &Recorded, record: &Record) -> [String; 6] {
    let attempt = recorded.current_attempt(&record.hash);
    let or_dash = |text: Option<&str>| escape(text.unwrap_or("-")).into_owned();
    [
        record.name.to_string(),
        or_dash(attempt.map(|a| a.phase.as_str())),
        attempt.map_or_else(|| "-".to_owned(), |a| a.number.to_string()),
        record.hash.short(),
        or_dash(attempt.and_then(|a| a.session_id.as_deref())),
        escape(&record.path).into_owned(),
    ]
}

fn record_json(recorded: &Recorded, record: &Record) -> Value {
    let attempt = recorded.current_attempt(&record.hash);
    json!({
        "name": record.name,
        "path": record.path,
        "hash": record.hash,
        "phase": attempt.map(|a| a.phase),
        "attempt": attempt.map(|a| a.number),
        "session_id": attempt.and_then(|a| a.session_id.as_deref()),
        "video_id": attempt.and_then(|a| a.video_id.as_deref()),
        "protected": record.protected,
    })
}
