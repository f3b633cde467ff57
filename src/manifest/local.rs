//! Local files that manifests name, as whoever may read them tells.

use std::sync::Arc;

use super::problem::{Place, Problem};

/// Largest file `POST /v3/assets` takes. Source: HeyGen's reference.
pub const MAX_UPLOAD: u64 = 32 * 1024 * 1024;

pub(super) const LIMIT_OF_UPLOADS: Limit = Limit {
    bytes: MAX_UPLOAD,
    why: "HeyGen takes at most 33554432 (32 MB)",
};
pub(super) const LIMIT_OF_PROMPTS: Limit = Limit {
    bytes: 1 << 20,
    why: "no prompt file has more than 1048576 (1 MiB)",
};

/// How much is read, and what is said of more.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub bytes: u64,
    pub why: &'static str,
}

/// The files of a project, by the words of a manifest or of the settings.
pub trait LocalFiles {
    /// Where the file that `said_in` calls `given` is, before links are followed; `None` if that is
    /// outside the project.
    fn named(&self, said_in: &str, given: &str) -> Option<Arc<str>>;

    /// The bytes of that file.
    fn read(&self, said_in: &str, given: &str, limit: Limit) -> Result<LocalFile, FileProblem>;
}

#[derive(Debug, Clone)]
pub struct LocalFile {
    /// Relative to the project directory, `/`-separated, links followed.
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
