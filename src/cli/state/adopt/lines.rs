//! Which video is whose, as arguments or a file say it.

use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};
use serde::Deserialize;

use super::args::AdoptArgs;
use crate::adopt::Wanted;
use crate::cli::error::CliError;
use crate::cli::state::import::read;
use crate::state::is_usable_id;

const MAX_BYTES: u64 = 10 << 20;
/// Each costs a read or two at HeyGen.
const MAX_LINES: usize = 10_000;
const COLUMNS: [&str; 5] = ["name", "session", "session_id", "video", "video_id"];

/// One video and the manifest it belongs to.
#[derive(Debug)]
pub(super) struct Line {
    /// Where it was said, if that was in a file.
    pub(super) at: Option<u64>,
    pub(super) name: String,
    pub(super) wanted: Wanted,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(default, alias = "session_id")]
    session: Option<String>,
    #[serde(default, alias = "video_id")]
    video: Option<String>,
}

/// All lines that can be read, and what is wrong with the others.
pub(super) type Lines = (Vec<Line>, Vec<CliError>);

pub(super) fn lines(args: &AdoptArgs) -> Result<Lines, CliError> {
    let Some(file) = &args.from else {
        let row = Row {
            name: args.name.clone().unwrap_or_default(),
            session: args.session.clone(),
            video: args.video.clone(),
        };
        return Ok((vec![line(None, row)?], Vec::new()));
    };
    let bytes = read(file, MAX_BYTES)?;
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let rows = match bytes.trim_ascii_start().first() {
        Some(b'{') => json_lines(bytes),
        Some(_) => csv(bytes)?,
        None => Vec::new(),
    };
    match rows.len() {
        0 => Err(CliError::new(format!("{file} names no video"))),
        n if n > MAX_LINES => Err(CliError::new(format!(
            "{file} has {n} lines; at most {MAX_LINES} are taken at once"
        ))
        .hint("split it")),
        _ => Ok(sorted(rows)),
    }
}

type Read = (u64, Result<Row, String>);

fn sorted(rows: Vec<Read>) -> Lines {
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for (at, row) in rows {
        match row
            .map_err(CliError::new)
            .and_then(|row| line(Some(at), row))
        {
            Ok(line) => lines.push(line),
            Err(error) => wrong.push(error.at(Some(at))),
        }
    }
    (lines, wrong)
}

fn line(at: Option<u64>, row: Row) -> Result<Line, CliError> {
    let given = |id: Option<String>| id.filter(|id| !id.is_empty());
    let wanted = match (given(row.session), given(row.video)) {
        (Some(session), video) => Wanted::Session(session, video),
        (None, Some(video)) => Wanted::Video(video),
        (None, None) => {
            let error = CliError::usage("neither a session nor a video is named");
            return Err(error.hint("sessions and videos have their ids at https://app.heygen.com"));
        }
    };
    if let Some(id) = wanted.ids().find(|id| !is_usable_id(id)) {
        return Err(CliError::usage(format!("`{id}` is no id of HeyGen's")));
    }
    Ok(Line {
        at,
        name: row.name,
        wanted,
    })
}

fn json_lines(bytes: &[u8]) -> Vec<Read> {
    let lines = bytes.split(|b| *b == b'\n').zip(1..);
    let filled = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    let row = |line: &[u8]| serde_json::from_slice(line).map_err(|e| e.to_string());
    filled.map(|(line, at)| (at, row(line))).collect()
}

fn csv(bytes: &[u8]) -> Result<Vec<Read>, CliError> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bytes);
    let no_head = || {
        CliError::new("line 1: it does not name the columns")
            .hint("write `name,session`, `name,video` or `name,session,video` above the lines")
    };
    let head = reader.headers().map_err(|_| no_head())?.clone();
    if !head.iter().all(|column| COLUMNS.contains(&column)) || !head.iter().any(|c| c == "name") {
        return Err(no_head());
    }
    let rows = reader.into_records().map(|record| match record {
        Ok(record) => (line_of(record.position()), row(&record, &head)),
        Err(error) => (line_of(error.position()), Err(what(&error))),
    });
    Ok(rows.collect())
}

fn row(record: &StringRecord, head: &StringRecord) -> Result<Row, String> {
    record.deserialize(Some(head)).map_err(|e| what(&e))
}

fn line_of(position: Option<&csv::Position>) -> u64 {
    position.map_or(0, csv::Position::line)
}

fn what(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("it has {len} of the {expected_len} columns that the first line names"),
        ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        ErrorKind::Deserialize { err, .. } => err.to_string(),
        _ => error.to_string(),
    }
}
