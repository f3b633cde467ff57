//! Local files that manifests name, as whoever may read them tells.

use std::sync::Arc;

use super::problem::{Place, Problem};
use crate::video::{MediaType, Sha256Hex};

/// Largest text file that can hold a prompt, in bytes.
pub const MAX_TEXT: u64 = 1 << 20;

/// The files of a project, by the words of a manifest or of the settings.
pub trait LocalFiles {
    /// Where the file that `said_in` calls `given` is, before links are followed; `None` if that is
    /// outside the project.
    fn named(&self, said_in: &str, given: &str) -> Option<Arc<str>>;

    /// What a file is, however large.
    fn look(&self, said_in: &str, given: &str) -> Result<LocalFile, FileProblem>;

    /// All of a file of at most [`MAX_TEXT`] bytes.
    fn read(&self, said_in: &str, given: &str) -> Result<LocalText, FileProblem>;
}

#[derive(Debug, Clone)]
pub struct LocalFile {
    /// Relative to the project directory, `/`-separated, links followed.
    pub path: Arc<str>,
    pub bytes: u64,
    pub sha256: Sha256Hex,
    /// `None` if the bytes are of no kind that HeyGen takes.
    pub media_type: Option<MediaType>,
}

#[derive(Debug, Clone)]
pub struct LocalText {
    /// As [`LocalFile::path`].
    pub path: Arc<str>,
    pub bytes: Vec<u8>,
}

/// Why a local file can't be used, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    pub code: &'static str,
    pub message: String,
    pub suggestion: Option<String>,
}

impl FileProblem {
    /// Told where the file is named.
    pub(super) fn at(self, said_in: &str, place: &Place) -> Box<Problem> {
        Box::new(Problem {
            path: said_in.to_owned(),
            place: Some(place.clone()),
            code: self.code,
            message: self.message,
            suggestion: self.suggestion,
        })
    }
}
