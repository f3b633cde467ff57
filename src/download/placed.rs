//! What was put in place and is not on record yet. A kill in between would leave a film that nothing
//! says is ours, in the way of the next take for good.

use sha2::{Digest as _, Sha256};

use super::folder::{Folder, FolderError};
use super::names;
use super::part::{hash_into, sum};
use crate::video::Sha256Hex;

/// Before a file takes a place that no record tells of.
pub(super) fn note(folder: &Folder, name: &str, sum: Sha256Hex) -> Result<(), FolderError> {
    let noted = names::placed(name);
    // One that was noted before may be what is there still.
    let mut lines = folder.read(&noted)?.unwrap_or_default();
    lines.extend_from_slice(format!("{sum}\n").as_bytes());
    folder.write(&noted, &lines)
}

/// Whether what is there was put there, unchanged since.
pub(super) fn holds(folder: &Folder, name: &str) -> Result<bool, FolderError> {
    let Some(lines) = folder.read(&names::placed(name))? else {
        return Ok(false);
    };
    let Some(mut there) = folder.file(name)? else {
        return Ok(false);
    };
    let mut hasher = Sha256::new();
    tokio::task::block_in_place(|| hash_into(&mut hasher, &mut there))
        .map_err(folder.error("read", name))?;
    let there = sum(hasher).to_string();
    let mut noted = lines.split(|byte| *byte == b'\n');
    Ok(noted.any(|line| line == there.as_bytes()))
}

/// The record tells of it now.
pub(super) fn forget(folder: &Folder, name: &str) -> Result<(), FolderError> {
    folder.remove(&names::placed(name))
}
