//! Appending to the journal: one write and one sync a batch.

use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use super::fence::Fence;
use super::frame::Lineage;
use super::room::Room;
use super::{Extent, FILE, Journal, NewJournal, Spot, torn};
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
    /// The last batch can't be read: it is still there, and nothing may follow it.
    torn: bool,
    fence: Fence,
    /// Somebody put this file here, or changed it.
    foreign: bool,
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
        let fence = Fence::new(dir);
        Ok(Self {
            end: journal.start,
            foreign: journal.is_copy()? || fence.is_broken(&journal)?,
            journal,
            room: Room::new(dir),
            poisoned: false,
            torn: false,
            fence,
        })
    }

    /// Whether it is not the file, or not as long and untouched, as its last writer left it.
    pub fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Puts a journal of these lines in place of this one and goes on with it.
    pub fn replace(&mut self, dir: &Path, new: NewJournal) -> Result<(), StateError> {
        self.poisoned = true;
        self.fence.take_down()?;
        new.put_in_place()?;
        *self = Self::open(dir)?;
        Ok(())
    }

    /// Where the next line goes.
    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Goes on after what a scan from `from` found, and cuts off what a crash left behind it. A copy
    /// is kept, though nothing in it was ever acknowledged.
    pub fn resume(&mut self, from: u64, found: &Extent) -> Result<(), StateError> {
        self.end = found.last.map_or(from, Spot::next);
        let size = found.len - self.end;
        if size == 0 {
            return Ok(());
        }
        let path = &self.journal.path;
        let bytes = self.journal.read(self.end, found.len)?;
        let kept = torn::keep(path, self.end, &bytes)?;
        let (path, kept) = (path.display(), kept.display());
        if found.rescued.is_some() {
            tracing::warn!("the last write to {path} can't be read; a copy is kept in {kept}");
            self.torn = true;
            self.poisoned = true;
            return Ok(());
        }
        tracing::warn!(
            "the last write to {path} was cut short; its {size} bytes are kept in {kept}"
        );
        self.cut()
    }

    fn cut(&mut self) -> Result<(), StateError> {
        self.fence.take_down()?;
        let file = &self.journal.file;
        file.set_len(self.end)
            .and_then(|()| file.sync_all())
            .map_err(io_error("cut", &self.journal.path))
    }

    /// Whether the last batch can't be read. Only a journal that takes its place mends that.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    /// Writes a batch and waits until it is on the disk. Says where each line stands.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Vec<Spot>, StateError> {
        if self.poisoned {
            return Err(StateError::Poisoned);
        }
        let (bytes, lines) = self.encode(entries)?;
        self.poisoned = true;
        self.check_undisturbed()?;
        self.fence.take_down()?;
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
        self.fence.take_down()?;
        let (file, path) = (&self.journal.file, &self.journal.path);
        self.room.reserve(file, path, self.end, bytes)
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        if !self.poisoned {
            self.fence.put_up(&self.journal);
        }
    }
}

fn create(dir: &Path, options: &std::fs::OpenOptions) -> Result<Journal, StateError> {
    NewJournal::write(dir, Lineage::default(), &[])?.put_in_place()?;
    let missing = || io_error("open", &dir.join(FILE))(io::ErrorKind::NotFound.into());
    Journal::open_with(dir, options)?.ok_or_else(missing)
}

/// The disk, or what this user may have of it, is full.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}
