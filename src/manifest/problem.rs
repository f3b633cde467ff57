//! One thing that is wrong, and where.

use serde::Serialize;

/// An error in a manifest, the settings, or a file they name.
///
/// `code` is stable (scripts match on it); `message` says what was found and what was expected;
/// `suggestion` says what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Relative to the project directory, `/`-separated, escaped for display.
    pub path: String,
    /// Absent where the whole file or folder is meant.
    pub place: Option<Place>,
    pub code: &'static str,
    pub message: String,
    pub suggestion: Option<String>,
}

/// A stretch of one line, with the line itself so that it can be quoted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// How many characters of the line are meant; at least 1.
    pub width: usize,
    /// The line without its ending, at most 400 characters around the place.
    pub text: String,
    /// How many characters of the line were cut off before `text`.
    pub skipped: usize,
}
