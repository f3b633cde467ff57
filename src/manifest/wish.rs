//! A valid manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::video::{Name, Sha256Hex, Spec, VideoHash};

/// One wish: a document of a manifest file, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub name: Name,
    /// The file it stands in, relative to the project directory, `/`-separated.
    pub path: Arc<str>,
    /// Where its document begins, from 1.
    pub line: usize,
    pub spec: Spec,
    pub hash: VideoHash,
    pub labels: BTreeMap<String, String>,
    pub callback_url: Option<String>,
    /// Where the bytes of `spec.files` of kind `Content` come from, in their order.
    pub contents: Vec<Content>,
    /// Local files it was read from, relative to the project directory: under the name it gives them,
    /// and where that leads. Their stats tell whether it would be read the same way again.
    pub locals: Vec<Arc<str>>,
    /// Fields of the picture that it leaves to the defaults of the project, and who decided them.
    /// Empty where there are none.
    pub unsaid: Vec<(&'static str, Option<Origin>)>,
}

/// Who says what a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    Manifest,
    Defaults,
}

impl Manifest {
    /// Who says what a field of the picture is; `None` if it is left to the defaults, and they don't.
    #[must_use]
    pub fn origin(&self, field: &str) -> Option<Origin> {
        let unsaid = self.unsaid.iter().find(|(name, _)| *name == field);
        unsaid.map_or(Some(Origin::Manifest), |(_, origin)| *origin)
    }

    /// Its label `prune: never` keeps the video when the manifest is gone.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.labels
            .get("prune")
            .is_some_and(|value| value == "never")
    }
}

/// Bytes a manifest brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub sha256: Sha256Hex,
    pub bytes: u64,
    pub source: ContentSource,
}

/// Where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentSource {
    /// A file, relative to the project directory, `/`-separated.
    Path(Arc<str>),
    /// In the manifest itself.
    Inline(Arc<[u8]>),
}
