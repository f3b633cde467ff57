//! A valid manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

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
}

impl Manifest {
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
