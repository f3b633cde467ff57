//! Appending to the journal: one write and one sync a batch.

use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::frame::Header;
use super::room::Room;
use super::{Extent, FILE, Journal, Spot};
use crate::state::disk::{self, damaged, io_error};
use crate::state::{Entry, StateError};

/// The one writer of a journal.
#[derive(Debug)]
pub(in crate::state) struct JournalWriter {
    journal: Journal,
    /// Where the next line goes.
    end: u64,
    room: Room,
    poisoned: bool,
}

impl JournalWriter {
    /// Opens the journal of a state directory for writing, or makes one.
    pub fn open(dir: &Path) -> Result<Self, StateError> {
        let mut options = disk::options();
        options.read(true).write(true);
        let journal = match Journal::open_with(dir, &options)? {
            Some(journal) => journal,
            None => create(dir, &options)?,
        };
        Ok(Self {
            end: journal.start,
            journal,
            room: Room::new(dir),
            poisoned: false,
        })
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Goes on after what a scan from `from` found, and cuts off what a crash left behind it. A copy
    /// is kept, though nothing in it was ever acknowledged.
    pub fn resume(&mut self, from: u64, found: Extent) -> Result<(), StateError> {
        self.end = found.last.map_or(from, Spot::next);
        let size = found.len - self.end;
        if size == 0 {
            return Ok(());
        }
        let path = &self.journal.path;
        let torn = self.keep_torn(found.len)?;
        tracing::warn!(
            "the last write to {} was cut short; its {size} bytes are kept in {}",
            path.display(),
            torn.display(),
        );
        let file = &self.journal.file;
        file.set_len(self.end)
            .and_then(|()| file.sync_all())
            .map_err(io_error("cut", path))
    }

    fn keep_torn(&self, len: u64) -> Result<PathBuf, StateError> {
        let bytes = self.journal.read(self.end, len)?;
        let path = &self.journal.path;
        let kept = path.with_file_name(format!("{FILE}.torn-{}", self.end));
        disk::write_file(&kept, &path.with_file_name("journal.torn"), &bytes)?;
        Ok(kept)
    }

    /// Writes a batch and waits until it is on the disk. Says where each line stands.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Vec<Spot>, StateError> {
        if self.poisoned {
            return Err(StateError::Poisoned);
        }
        let (bytes, lines) = self.encode(entries)?;
        self.poisoned = true;
        self.check_undisturbed()?;
        self.write(&bytes)?;
        self.poisoned = false;
        self.end += bytes.len() as u64;
        Ok(lines)
    }

    fn encode(&self, entries: &[Entry]) -> Result<(Vec<u8>, Vec<Spot>), StateError> {
        let mut bytes = Vec::new();
        let mut lines = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let json = entry.to_json()?;
            let start = bytes.len();
            let offset = self.end + start as u64;
            let more = at + 1 < entries.len();
            let crc = self.journal.frame.encode(&mut bytes, offset, more, &json);
            lines.push(Spot::new(offset, &bytes[start..bytes.len() - 1], crc));
        }
        Ok((bytes, lines))
    }

    /// The lock should keep others out, and a backup should be restored while nothing runs. Neither
    /// can be relied on (think of network file systems), and writing on would lose entries.
    fn check_undisturbed(&self) -> Result<(), StateError> {
        let path = &self.journal.path;
        let metadata = self.journal.file.metadata();
        let metadata = metadata.map_err(io_error("examine", path))?;
        let what = match metadata.len() {
            _ if metadata.nlink() == 0 => "it was replaced while it was being written",
            len if len != self.end => "something else has written to it",
            _ => return Ok(()),
        };
        Err(damaged(path, self.end, what))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let written = match self.try_write(bytes) {
            Err(e) if is_full(&e) && self.room.release()? => self.try_write(bytes),
            written => written,
        };
        written.map_err(io_error("write", &self.journal.path))
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<()> {
        let file = &self.journal.file;
        file.write_all_at(bytes, self.end)?;
        file.sync_data()
    }

    /// Makes sure that `bytes` more can be written.
    pub fn reserve(&mut self, bytes: u64) -> Result<(), StateError> {
        if self.poisoned {
            return Err(StateError::Poisoned);
        }
        let (file, path) = (&self.journal.file, &self.journal.path);
        self.room.reserve(file, path, self.end, bytes)
    }
}

fn create(dir: &Path, options: &std::fs::OpenOptions) -> Result<Journal, StateError> {
    let path = dir.join(FILE);
    let header = Header::new().encode();
    let header = header.map_err(|e| io_error("write", &path)(e.into()))?;
    disk::write_file(&path, &dir.join("journal.new"), &header)?;
    let missing = || io_error("open", &path)(io::ErrorKind::NotFound.into());
    Journal::open_with(dir, options)?.ok_or_else(missing)
}

/// The disk, or what this user may have of it, is full.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}
