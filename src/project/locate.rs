//! Where in a manifest a field stands, read anew: a note for people, best effort.

use std::io::Read;
use std::path::Path;

use super::files::{inside, open_regular};
use super::load::MAX_BYTES;
use crate::manifest::{self, Place, Source};
use crate::video::Name;

/// The place of a field in the manifest of a name; `None` where nothing can be said.
#[must_use]
pub fn locate(root: &Path, path: &str, name: &Name, param: &str) -> Option<Place> {
    let root = root.canonicalize().ok()?;
    let real = inside(&root, &root.join(path)).ok()??;
    let mut bytes = Vec::new();
    let file = open_regular(&real).ok()?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let source = Source::new(path.into(), &bytes).ok()?;
    manifest::locate(&source, name, param)
}
