//! What is wished: every readable manifest's name and hash, and what could not be read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use crate::manifest::{Manifest, Problem};
use crate::video::{Name, VideoHash};

/// The desired state of a project.
#[derive(Debug, Default)]
pub struct Desired {
    pub wishes: BTreeMap<Name, Wish>,
    /// Everything wrong, sorted by path and line.
    pub problems: Vec<Problem>,
    /// Names that may be wished by something that could not be read: see [`Desired::may_hide`].
    pub hidden: Vec<Hidden>,
    /// Local files that decide what is wished, also those that can't be read: relative to the project
    /// directory, as they are named and where links lead.
    pub files: BTreeSet<Arc<str>>,
}

/// One wish, as light as planning needs it.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The manifest file, relative to the project directory, `/`-separated.
    pub path: Arc<str>,
    pub hash: VideoHash,
    /// Where its webhook goes: the manifest's own, else the settings'. Not part of the hash.
    pub callback_url: Option<String>,
    /// Never to be pruned. Not part of the hash.
    pub protected: bool,
    /// When its file, or a local file it uses, was last changed, as the file system tells it.
    pub changed: SystemTime,
    /// Present when the file was parsed in this run, absent when its hash came from the index.
    pub manifest: Option<Box<Manifest>>,
}

/// Something unreadable, and the names it may stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hidden {
    /// A broken file or folder below the manifests: its name without the ending, and its path.
    /// Hides that name, every name below it, and every name recorded with that path.
    At { name: String, path: String },
    /// The root of the manifests itself: hides everything.
    Everything,
}

impl Desired {
    /// The labels of every name whose manifest was parsed in this run.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<Name, BTreeMap<String, String>> {
        let labels = |wish: &Wish| wish.manifest.as_ref().map(|m| m.labels.clone());
        let wishes = self.wishes.iter();
        wishes
            .map(|(name, wish)| (name.clone(), labels(wish).unwrap_or_default()))
            .collect()
    }

    /// Whether a recorded name without a wish may only be missing because something can't be read.
    #[must_use]
    pub fn may_hide(&self, name: &Name, recorded_path: &str) -> bool {
        self.hidden.iter().any(|hidden| match hidden {
            Hidden::Everything => true,
            Hidden::At { name: at, path } => {
                is_at_or_below(name.as_str(), at) || is_at_or_below(recorded_path, path)
            }
        })
    }
}

fn is_at_or_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
