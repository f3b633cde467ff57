//! The text of one file, and how a place in it is quoted.

use std::sync::Arc;

use super::problem::{Place, Problem};

/// Longest part of a line that is quoted, in characters.
const QUOTED: usize = 400;

/// A file's text as the parser sees it: no byte-order mark, checked to be text.
#[derive(Debug)]
pub struct Source<'a> {
    pub path: Arc<str>,
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// Checks the bytes of a file: UTF-8, no control characters, nothing that YAML parsers disagree on.
    pub fn new(path: Arc<str>, bytes: &'a [u8]) -> Result<Self, Box<Problem>> {
        Self::checked(path, bytes, "YAML", "write")
    }

    /// The same for a prompt in a file of its own, which could not stand in a manifest otherwise.
    pub(super) fn of_prompt(path: Arc<str>, bytes: &'a [u8]) -> Result<Self, Box<Problem>> {
        let escaped = "move the prompt into the manifest and write";
        Self::checked(path, bytes, "a prompt", escaped)
    }

    fn checked(
        path: Arc<str>,
        bytes: &'a [u8],
        what: &str,
        way_out: &str,
    ) -> Result<Self, Box<Problem>> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return Err(Box::new(not_utf8(path, bytes, error.valid_up_to()))),
        };
        let source = Self { path, text };
        match source.first_refused_character(what, way_out) {
            Some(problem) => Err(Box::new(problem)),
            None => Ok(source),
        }
    }

    fn first_refused_character(&self, what: &str, way_out: &str) -> Option<Problem> {
        let (at, found) = self.text.char_indices().find(|(_, c)| is_refused(*c))?;
        let before = &self.text[..at];
        let line = lines(before).count().max(1);
        let line = line + usize::from(before.ends_with(['\n', '\r']));
        let column = before
            .rsplit(['\n', '\r'])
            .next()
            .map_or(0, |l| l.chars().count())
            + 1;
        let code = u32::from(found);
        let (kind, message) = if found.is_control() && found != '\u{85}' {
            (
                "control_character",
                format!("the control character U+{code:04X} does not belong in {what}"),
            )
        } else {
            (
                "ambiguous_character",
                format!("YAML parsers disagree on a raw U+{code:04X}"),
            )
        };
        let escape = match code {
            0..=0xff => format!("\\x{code:02x}"),
            _ => format!("\\u{code:04x}"),
        };
        let mut problem = self.problem(kind, self.place(line, column, 1), message);
        problem.suggestion = Some(format!(
            "remove it, or {way_out} {escape} in a double-quoted string"
        ));
        Some(problem)
    }

    #[must_use]
    pub fn problem(&self, code: &'static str, place: Place, message: impl Into<String>) -> Problem {
        Problem {
            path: self.path.to_string(),
            place: Some(place),
            code,
            message: message.into(),
            suggestion: None,
        }
    }

    /// A place by line and column (from 1, in characters), quoted.
    #[must_use]
    pub fn place(&self, line: usize, column: usize, width: usize) -> Place {
        let text = lines(self.text).nth(line.saturating_sub(1)).unwrap_or("");
        let skipped = column.saturating_sub(1 + QUOTED / 2);
        Place {
            line,
            column,
            width: width.max(1),
            text: text.chars().skip(skipped).take(QUOTED).collect(),
            skipped,
        }
    }
}

/// Lines as YAML breaks them: at LF, CRLF or a lone CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return (!text.is_empty()).then_some(text);
        };
        let after = &text[end..];
        let skip = if after.starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&after[skip..]);
        Some(&text[..end])
    })
}

fn is_refused(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => true,
        c => c.is_control(),
    }
}

fn not_utf8(path: Arc<str>, bytes: &[u8], at: usize) -> Problem {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let line = before.matches('\n').count() + 1;
    let last = before.rsplit('\n').next().unwrap_or("");
    let end = bytes[at..]
        .iter()
        .position(|b| *b == b'\n')
        .map_or(bytes.len(), |n| at + n);
    let start = at - last.len();
    let whole = String::from_utf8_lossy(&bytes[start..end]);
    let text = Source {
        path: path.clone(),
        text: &whole,
    };
    let column = last.chars().count() + 1;
    let place = Place {
        line,
        ..text.place(1, column, 1)
    };
    Problem {
        path: path.to_string(),
        place: Some(place),
        code: "not_utf8",
        message: format!("the byte 0x{:02X} is not UTF-8", bytes[at]),
        suggestion: Some("save the file as UTF-8".to_owned()),
    }
}
