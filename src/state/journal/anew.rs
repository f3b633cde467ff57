//! Writing a journal as a whole: the first one, or one that takes another's place.
//!
//! It is complete and on the disk before it gets its name, so at every moment there is one journal,
//! the old or the new. Whoever reads the old one goes on reading it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::FILE;
use super::file_id::FileId;
use super::frame::{Frame, Header, Lineage};
use crate::state::StateError;
use crate::state::disk::{self, io_error};

/// A journal that waits for its place; it is removed if it does not get it.
#[derive(Debug)]
pub(in crate::state) struct NewJournal {
    temporary: PathBuf,
}

impl NewJournal {
    /// Writes a journal of these lines, each a batch of its own, beside the one that is there.
    pub fn write(dir: &Path, mut lineage: Lineage, lines: &[String]) -> Result<Self, StateError> {
        lineage.lines = lines.len();
        let temporary = dir.join("journal.new");
        // A file of its own, not what a crash left: a copy of that would pass for this one.
        disk::remove_all(&temporary)?;
        let new = Self { temporary };
        let path = &new.temporary;
        let mut options = disk::options();
        let mut file = options
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(io_error("create", path))?;
        let id = FileId::of(&file).map_err(io_error("examine", path))?;
        let bytes = encode(&Header::new(lineage, Some(id)), lines);
        let bytes = bytes.map_err(|e| io_error("write", path)(e.into()))?;
        file.write_all(&bytes)
            .and_then(|()| file.sync_all())
            .map_err(io_error("write", path))?;
        Ok(new)
    }

    /// Durable when it returns. After an error it is open which of the two is there.
    pub fn put_in_place(self) -> Result<(), StateError> {
        let path = self.temporary.with_file_name(FILE);
        fs::rename(&self.temporary, &path).map_err(io_error("put in place", &path))?;
        path.parent().map_or(Ok(()), disk::sync_dir)
    }
}

impl Drop for NewJournal {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

fn encode(header: &Header, lines: &[String]) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = header.encode()?;
    let frame = Frame::new(&header.id);
    for line in lines {
        let offset = bytes.len() as u64;
        frame.encode(&mut bytes, offset, false, line.as_bytes());
    }
    Ok(bytes)
}
