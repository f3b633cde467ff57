//! Noticing that a journal was changed behind our back while it rested: that a backup was copied
//! over it, with all that lies beside it.
//!
//! When a writer ends, it notes how long the journal is and when its inode last changed, which
//! nobody can set. Before the next one changes anything it takes the note away, durably. So a note
//! that is there speaks of this very journal, whatever crashed; where there is none, nothing is said.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Journal;
use crate::state::StateError;
use crate::state::disk::{self, io_error};

const FILE: &str = "fence";

#[derive(Debug)]
pub(super) struct Fence {
    path: PathBuf,
    is_up: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    journal: String,
    len: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

impl Fence {
    pub fn new(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let is_up = path.exists();
        Self { path, is_up }
    }

    /// Whether the journal was changed since its last writer ended. One that is longer was written
    /// by somebody who knows nothing of fences.
    pub fn is_broken(&self, journal: &Journal) -> Result<bool, StateError> {
        let Some(then) = self.note(journal) else {
            return Ok(false);
        };
        let now = note_of(journal)?;
        Ok(now.len < then.len || now.len == then.len && now.changed != then.changed)
    }

    /// What was noted of this journal.
    fn note(&self, journal: &Journal) -> Option<Note> {
        let note = fs::read(&self.path).ok()?;
        let note: Note = serde_json::from_slice(&note).ok()?;
        (note.journal == journal.id()).then_some(note)
    }

    /// To be done before the journal is changed.
    pub fn take_down(&mut self) -> Result<(), StateError> {
        if !self.is_up {
            return Ok(());
        }
        disk::remove_all(&self.path)?;
        self.path.parent().map_or(Ok(()), disk::sync_dir)?;
        self.is_up = false;
        Ok(())
    }

    /// To be done when nothing will be changed any more. What fails here is only not noticed later.
    pub fn put_up(&mut self, journal: &Journal) {
        if self.is_up && self.note(journal).is_some() {
            return;
        }
        // Its times need not be on the disk, though its bytes are.
        let synced = journal.file.sync_all().ok();
        let note = synced.and_then(|()| note_of(journal).ok());
        let note = note.and_then(|note| serde_json::to_vec(&note).ok());
        let written = note.is_some_and(|note| self.write(&note).is_ok());
        if !written {
            let _ = fs::remove_file(&self.path);
        }
    }

    fn write(&self, note: &[u8]) -> io::Result<()> {
        let mut options = disk::options();
        let options = options.write(true).create(true).truncate(true);
        options.open(&self.path)?.write_all(note)
    }
}

fn note_of(journal: &Journal) -> Result<Note, StateError> {
    let metadata = journal.file.metadata();
    let metadata = metadata.map_err(io_error("examine", &journal.path))?;
    Ok(Note {
        journal: journal.id().into(),
        len: metadata.len(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}
