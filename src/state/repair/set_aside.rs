//! Keeping a copy of a state as it was found.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::state::StateError;
use crate::state::disk::{self, io_error};
use crate::state::journal::FILE;

/// Copies the journal and, where that is possible, the index into a folder of its own, durably.
/// Nothing is left of it if there is no room.
pub(super) fn copy(dir: &Path, now: Timestamp) -> Result<PathBuf, StateError> {
    let aside = free_name(dir, now);
    disk::create_dir(&aside)?;
    if let Err(error) = copy_journal(dir, &aside) {
        let _ = fs::remove_dir_all(&aside);
        return Err(error);
    }
    // It may show what is missing, but can't bring anything back.
    let index = aside.join(super::index::FOLDER);
    if let Err(error) = super::index::copy(dir, &index) {
        tracing::debug!("the index was not copied: {error}");
        let _ = fs::remove_dir_all(&index);
    }
    disk::sync_dir(&aside)?;
    disk::sync_dir(dir)?;
    Ok(aside)
}

fn free_name(dir: &Path, now: Timestamp) -> PathBuf {
    let name = format!("damaged-{}", now.strftime("%Y%m%dT%H%M%SZ"));
    let again = (2..).map(|n| dir.join(format!("{name}-{n}")));
    let first = dir.join(&name);
    let mut names = std::iter::once(first.clone()).chain(again);
    names.find(|path| !path.exists()).unwrap_or(first)
}

fn copy_journal(dir: &Path, aside: &Path) -> Result<(), StateError> {
    let (from, to) = (dir.join(FILE), aside.join(FILE));
    if !from.exists() {
        return Ok(());
    }
    fs::copy(&from, &to)
        .and_then(|_| File::open(&to)?.sync_all())
        .map_err(io_error("copy the journal to", &to))
}
