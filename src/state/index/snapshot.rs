//! Looking at an index without touching it: opening it would make sled write.

use std::fs;
use std::path::Path;

use super::view::{Place, View};
use super::{FOLDER, check_not_cut, check_not_older};
use crate::state::StateError;
use crate::state::disk::io_error;
use crate::state::journal::Journal;

/// How much of which journal the index knows; `None` if there is no index that could tell.
pub(in crate::state) fn place(dir: &Path) -> Result<Option<Place>, StateError> {
    if !dir.join(FOLDER).is_dir() {
        return Ok(None);
    }
    let failed = || io_error("copy", dir);
    let folder = tempfile::tempdir().map_err(failed())?;
    copy(dir, folder.path())?;
    let view = View::open(folder.path()).ok().flatten();
    Ok(view.map(|view| view.place().clone()))
}

/// Whether the index knows of something that the journal lost.
pub(in crate::state) fn is_ahead(place: &Place, journal: &Journal) -> Result<bool, StateError> {
    let checked = match place.journal == journal.id() {
        true => check_not_cut(place, journal),
        false => check_not_older(place, journal),
    };
    match checked {
        Err(StateError::Damaged { .. }) => Ok(true),
        checked => checked.map(|()| false),
    }
}

/// Copies the index's files, if there are any.
pub(in crate::state) fn copy(dir: &Path, to: &Path) -> Result<(), StateError> {
    let from = dir.join(FOLDER);
    if !from.is_dir() {
        return Ok(());
    }
    copy_folder(&from, to).map_err(io_error("copy", &from))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_folder(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}
