//! The journal: the authority on what is recorded.
//!
//! Append-only text, a line an entry. What a batch holds counts all together or not at all: its
//! lines are marked, and a reader leaves out what comes after the last complete batch. Anything
//! else that is not as it was written is damage, and is told with its place; nothing is skipped.

mod backward;
mod frame;
mod pick;
mod room;
mod scan;
mod writer;

pub(super) use pick::Spot;
pub(super) use scan::{Extent, Line};
pub(super) use writer::JournalWriter;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::disk::{self, damaged, io_error};
use super::{Entry, Recorded, StateError};
use frame::{Frame, Header};

const FILE: &str = "journal";
/// A header is far smaller.
const MAX_HEADER: u64 = 4096;

/// An open journal whose header was understood.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    id: String,
    frame: Frame,
    /// Where the first entry stands.
    start: u64,
}

impl Journal {
    /// Opens the journal of a state directory for reading, or says `None` when there is none.
    pub fn open(dir: &Path) -> Result<Option<Self>, StateError> {
        Self::open_with(dir, disk::options().read(true))
    }

    fn open_with(dir: &Path, options: &OpenOptions) -> Result<Option<Self>, StateError> {
        let path = dir.join(FILE);
        let Some(file) = disk::open_regular(&path, options)? else {
            return Ok(None);
        };
        let line = first_line(&file).map_err(io_error("read", &path))?;
        let header = Header::decode(&line).map_err(|what| damaged(&path, 0, what))??;
        let frame = Frame::new(&header.id);
        let start = line.len() as u64 + 1;
        let id = header.id;
        Ok(Some(Self {
            file,
            path,
            id,
            frame,
            start,
        }))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Of this very file; a journal that is written anew has another one.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where the first entry stands.
    pub fn start(&self) -> u64 {
        self.start
    }

    fn len(&self) -> Result<u64, StateError> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(io_error("examine", &self.path))?.len())
    }

    /// Everything it holds, folded.
    pub fn load(&self) -> Result<Recorded, StateError> {
        let mut recorded = Recorded::default();
        let mut parsed = Vec::new();
        self.scan(self.start, |lines| {
            let (next, ()) = rayon::join(
                || self.parse_latest(lines),
                || fold(&mut recorded, std::mem::take(&mut parsed)),
            );
            parsed = next?;
            Ok(())
        })?;
        fold(&mut recorded, parsed);
        Ok(recorded)
    }
}

fn fold(recorded: &mut Recorded, portions: Vec<Vec<Entry>>) {
    for entry in portions.into_iter().flatten() {
        recorded.put(entry);
    }
}

/// The bytes before the first newline; empty when there is none.
fn first_line(file: &File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(MAX_HEADER).read_to_end(&mut head)?;
    let end = head.iter().position(|b| *b == b'\n').unwrap_or(0);
    head.truncate(end);
    Ok(head)
}
