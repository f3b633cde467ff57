//! A state as text that can be kept and read back: JSON Lines with a version. Pure.
//!
//! A header, every entry, the texts of the wishes, and a last line that counts them, so that a file
//! that was cut off is noticed.

use std::io::{self, Write};
use std::str::Utf8Error;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Entry, Recorded};
use crate::video::{Spec, VideoHash};

const FORMAT: &str = "reconcile.export";
const VERSION: u32 = 1;
/// The largest wish there can be, every character of it escaped, is shorter.
const MAX_LINE: usize = 8 << 20;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    exported_at: Timestamp,
    tool: String,
}

/// What a header of any version says.
#[derive(Deserialize)]
struct AnyHeader {
    format: String,
    version: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Entry(Box<Entry>),
    Spec { hash: VideoHash, text: String },
    End { lines: usize },
}

/// An export that was read whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    pub exported_at: Timestamp,
    /// Each with the line it stands in.
    pub entries: Vec<(usize, Entry)>,
    pub specs: Vec<Spec>,
}

/// What is wrong with a file that should be an export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    #[error("it is not an export of reconcile")]
    Format,
    #[error("it has version {found}, this program reads up to {VERSION}")]
    Version { found: u32 },
    #[error("line {line}: {what}")]
    Line { line: usize, what: String },
    #[error("it was cut off: its last line, which counts the others, is missing")]
    CutOff,
}

/// Every entry of a state in an order that depends on nothing else.
#[must_use]
pub fn entries(recorded: &Recorded) -> Vec<Entry> {
    let mut entries = Vec::new();
    entries.extend(recorded.account.clone().map(Entry::Account));
    entries.extend(recorded.vouch.clone().map(Entry::Vouch));
    entries.extend(recorded.runs.values().cloned().map(Entry::Run));
    let mut assets: Vec<_> = recorded.assets.values().cloned().collect();
    assets.sort_by_key(|a| a.sha256.to_string());
    entries.extend(assets.into_iter().map(Entry::Asset));
    let attempts = recorded.attempts_where(|_| true);
    entries.extend(attempts.into_iter().cloned().map(Entry::Attempt));
    entries.extend(recorded.records.values().cloned().map(Entry::Record));
    entries.extend(recorded.files.values().cloned().map(Entry::File));
    entries
}

/// Writes an export. `spec` gives the text of a wish, where there is one.
pub fn write<E: From<io::Error>>(
    out: &mut dyn Write,
    recorded: &Recorded,
    exported_at: Timestamp,
    mut spec: impl FnMut(&VideoHash) -> Result<Option<String>, E>,
) -> Result<(), E> {
    let header = Header {
        format: FORMAT.into(),
        version: VERSION,
        exported_at,
        tool: concat!("reconcile ", env!("CARGO_PKG_VERSION")).into(),
    };
    line(out, &header)?;
    let entries = entries(recorded);
    let mut lines = entries.len();
    for entry in entries {
        line(out, &Line::Entry(Box::new(entry)))?;
    }
    let mut hashes: Vec<_> = recorded.attempts.keys().collect();
    hashes.sort_unstable();
    for hash in hashes {
        if let Some(text) = spec(hash)? {
            lines += 1;
            line(out, &Line::Spec { hash: *hash, text })?;
        }
    }
    line(out, &Line::End { lines })?;
    Ok(())
}

fn line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Reads an export; anything it does not know is refused.
pub fn read(bytes: &[u8]) -> Result<Export, ExportError> {
    let text = std::str::from_utf8(bytes).map_err(|error| not_text(bytes, error))?;
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let (_, first) = lines.next().ok_or(ExportError::Format)?;
    let mut export = Export {
        exported_at: header(first)?.exported_at,
        entries: Vec::new(),
        specs: Vec::new(),
    };
    for (count, (at, line)) in lines.by_ref().enumerate() {
        let wrong = |what: String| ExportError::Line { line: at, what };
        if line.len() > MAX_LINE {
            return Err(wrong(format!("it is longer than {MAX_LINE} bytes")));
        }
        match serde_json::from_str(line).map_err(|e| wrong(e.to_string()))? {
            Line::End { lines } if lines != count => {
                return Err(wrong(format!(
                    "{lines} lines were written, {count} are here"
                )));
            }
            Line::End { .. } => return ended(lines, export),
            Line::Entry(entry) => {
                entry.to_json().map_err(|e| wrong(e.to_string()))?;
                export.entries.push((at, *entry));
            }
            Line::Spec { hash, text } => {
                let spec = Spec::from_canonical(&text).map_err(|e| wrong(e.to_string()))?;
                if spec.hash() != hash {
                    return Err(wrong(format!(
                        "the text is not the one of {}",
                        hash.short()
                    )));
                }
                export.specs.push(spec);
            }
        }
    }
    Err(ExportError::CutOff)
}

fn not_text(bytes: &[u8], error: Utf8Error) -> ExportError {
    let before = &bytes[..error.valid_up_to()];
    ExportError::Line {
        line: before.iter().filter(|b| **b == b'\n').count() + 1,
        what: "it is not UTF-8".into(),
    }
}

fn header(line: &str) -> Result<Header, ExportError> {
    let any: AnyHeader = serde_json::from_str(line).map_err(|_| ExportError::Format)?;
    match (any.format.as_str(), any.version) {
        (FORMAT, VERSION) => serde_json::from_str(line).map_err(|e| ExportError::Line {
            line: 1,
            what: e.to_string(),
        }),
        (FORMAT, found) => Err(ExportError::Version { found }),
        _ => Err(ExportError::Format),
    }
}

fn ended<'a>(
    mut rest: impl Iterator<Item = (usize, &'a str)>,
    export: Export,
) -> Result<Export, ExportError> {
    match rest.next() {
        None => Ok(export),
        Some((line, _)) => Err(ExportError::Line {
            line,
            what: "something comes after the last line".into(),
        }),
    }
}
