//! The journal: the authority on what is recorded.
//!
//! Append-only text, a line an entry. What a batch holds counts all together or not at all: its
//! lines are marked, and a reader leaves out what comes after the last complete batch. Anything
//! else that is not as it was written is damage, and is told with its place; nothing is skipped.

mod anew;
mod backward;
mod fence;
mod file_id;
mod frame;
mod live;
mod pick;
mod room;
mod salvage;
mod scan;
mod tail;
mod torn;
mod writer;

pub(super) use anew::NewJournal;
pub(super) use frame::Lineage;
pub(super) use live::Live;
pub(super) use pick::Spot;
pub(super) use salvage::{Salvage, salvage};
pub(super) use scan::{Extent, Line};
pub(super) use writer::JournalWriter;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::disk::{self, damaged, io_error};
use super::{Doubted, Entry, Recorded, StateError};
use file_id::FileId;
use frame::{Frame, Header};

pub(super) const FILE: &str = "journal";
/// A header is far smaller.
const MAX_HEADER: u64 = 4096;

/// An open journal whose header was understood.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    header: Header,
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
        Ok(Some(Self {
            file,
            path,
            header,
            frame,
            start,
        }))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Of this very file; a journal that is written anew has another one.
    pub fn id(&self) -> &str {
        &self.header.id
    }

    /// Where it comes from, if it was written anew.
    pub fn lineage(&self) -> &Lineage {
        &self.header.lineage
    }

    /// What a journal that is written anew from this one says about it.
    pub fn next_lineage(&self) -> Lineage {
        Lineage {
            after: Some(self.id().to_owned()),
            rewritten: self.lineage().rewritten + 1,
            lines: 0,
        }
    }

    /// Whether it stands in another file than it was written to: somebody put a copy there.
    pub fn is_copy(&self) -> Result<bool, StateError> {
        let Some(written_to) = &self.header.file else {
            return Ok(false);
        };
        let found = FileId::of(&self.file).map_err(io_error("examine", &self.path))?;
        Ok(!written_to.is(&found))
    }

    /// Where the first entry stands.
    pub fn start(&self) -> u64 {
        self.start
    }

    pub fn len(&self) -> Result<u64, StateError> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(io_error("examine", &self.path))?.len())
    }

    /// Everything it holds, folded.
    pub fn load(&self) -> Result<Recorded, StateError> {
        let mut recorded = Recorded::default();
        let mut parsed = Vec::new();
        let extent = self.scan(self.start, |lines| {
            let (next, ()) = rayon::join(
                || self.parse_latest(lines),
                || fold(&mut recorded, std::mem::take(&mut parsed)),
            );
            parsed = next?;
            Ok(())
        })?;
        fold(&mut recorded, parsed);
        let doubted = self.doubted(&extent)?;
        for json in extent.rescued.unwrap_or_default() {
            recorded.put(scan::parse(&json).map_err(|e| damaged(&self.path, self.start, e))?);
        }
        let vouch = doubted.and_then(|cause| recorded.doubt_the_last(cause, None));
        recorded.vouch = vouch.or(recorded.vouch);
        Ok(recorded)
    }

    /// Why it can't vouch for what was written last, if it can't: what the next writer will note.
    fn doubted(&self, extent: &Extent) -> Result<Option<Doubted>, StateError> {
        Ok(match &extent.rescued {
            Some(_) => Some(Doubted::Repaired),
            None => self.is_copy()?.then_some(Doubted::Restored),
        })
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

/// The lines of a piece of the file, each with its newline if it has one, and where they begin.
fn line_starts(start: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let mut offset = start;
    bytes.split_inclusive(|b| *b == b'\n').map(move |line| {
        let at = offset;
        offset += line.len() as u64;
        (at, line)
    })
}
