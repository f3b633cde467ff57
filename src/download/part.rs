//! A file on its way: hidden beside its place, with a note of whose it is and how much of it is
//! certainly on the disk, so that another process can go on with it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::folder::{Folder, FolderError};
use super::names;
use super::placed;
use crate::heygen::Resume;
use crate::state::Stored;
use crate::video::Sha256Hex;

/// So much is fetched again at most, after a kill or a power loss.
const SYNC_EVERY: u64 = 32 << 20;

/// What a part is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Video and kind.
    of: String,
    etag: Option<String>,
    length: Option<u64>,
    /// So many bytes are on the disk, not only in its cache.
    synced: u64,
}

pub(super) struct Part<'a> {
    folder: &'a Folder,
    name: &'a str,
    file: File,
    hasher: Sha256,
    have: u64,
    note: Note,
}

impl<'a> Part<'a> {
    /// Opens what an earlier try left of the same, or begins.
    pub(super) fn open(folder: &'a Folder, name: &'a str, of: String) -> Result<Self, FolderError> {
        let file = folder.create(&names::part(name))?;
        let left = folder.read(&names::note(name)).ok().flatten();
        let left = left.and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
        let note = Note {
            of,
            etag: None,
            length: None,
            synced: 0,
        };
        let mut part = Self {
            folder,
            name,
            file,
            hasher: Sha256::new(),
            have: 0,
            note,
        };
        match left.filter(|left| left.of == part.note.of) {
            Some(left) => part.go_on(left)?,
            None => part.begin(None, None)?,
        }
        Ok(part)
    }

    /// Reads what counts of the part, and cuts off the rest.
    fn go_on(&mut self, left: Note) -> Result<(), FolderError> {
        // Gigabytes, maybe: whatever else runs here, a server or signals, goes on meanwhile.
        let read = tokio::task::block_in_place(|| {
            hash_into(&mut self.hasher, &mut (&self.file).take(left.synced))
        });
        if read.map_err(self.failed("read"))? != left.synced {
            return self.begin(None, None);
        }
        self.file
            .set_len(left.synced)
            .and_then(|()| self.file.seek(SeekFrom::End(0)))
            .map_err(self.failed("write"))?;
        self.have = left.synced;
        self.note = left;
        Ok(())
    }

    /// Forgets what is there: another file begins.
    pub(super) fn begin(
        &mut self,
        etag: Option<String>,
        length: Option<u64>,
    ) -> Result<(), FolderError> {
        self.folder.remove(&names::note(self.name))?;
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .map_err(self.failed("write"))?;
        self.hasher = Sha256::new();
        self.have = 0;
        self.note.etag = etag;
        self.note.length = length;
        self.note.synced = 0;
        Ok(())
    }

    pub(super) fn have(&self) -> u64 {
        self.have
    }

    pub(super) fn resume(&self) -> Resume<'_> {
        Resume {
            at: self.have,
            etag: self.note.etag.as_deref(),
        }
    }

    /// Whether bytes of a file so answered go on where this part ends.
    pub(super) fn fits(&self, length: Option<u64>, etag: Option<&str>) -> bool {
        let same_tag = self.note.etag.is_none() || self.note.etag.as_deref() == etag;
        same_tag && self.note.length == length
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), FolderError> {
        self.file.write_all(bytes).map_err(self.failed("write"))?;
        self.hasher.update(bytes);
        self.have += bytes.len() as u64;
        match self.have - self.note.synced >= SYNC_EVERY {
            true => self.save(),
            false => Ok(()),
        }
    }

    /// Of what is there so far.
    pub(super) fn sum(&self) -> Sha256Hex {
        sum(self.hasher.clone())
    }

    /// Makes durable what is there, then says so.
    fn save(&mut self) -> Result<(), FolderError> {
        if self.have == self.note.synced {
            return Ok(());
        }
        let synced = tokio::task::block_in_place(|| self.file.sync_all());
        synced.map_err(self.failed("sync"))?;
        self.note.synced = self.have;
        let json = serde_json::to_vec(&self.note).unwrap_or_default();
        self.folder.write(&names::note(self.name), &json)
    }

    /// It is whole: puts it in its place, durably. Where nothing says that what is there is ours,
    /// it has to be the same: a kill may have come before that was recorded.
    pub(super) fn place(mut self, is_ours: bool) -> Result<Stored, FolderError> {
        if !is_ours && self.would_replace_another()? {
            let error = self.folder.not_ours(self.name);
            self.discard();
            return Err(error);
        }
        let synced = tokio::task::block_in_place(|| self.file.sync_all());
        synced.map_err(self.failed("sync"))?;
        if !is_ours {
            placed::note(self.folder, self.name, self.sum())?;
        }
        self.folder.remove(&names::note(self.name))?;
        let modified = modified(&self.file).map_err(self.failed("examine"))?;
        let stored = Stored {
            sha256: sum(std::mem::take(&mut self.hasher)),
            bytes: self.have,
            modified,
        };
        self.folder
            .rename(&names::part(self.name), self.folder, self.name)?;
        // Nothing is left to be gone on with.
        self.note.synced = self.have;
        Ok(stored)
    }

    fn would_replace_another(&self) -> Result<bool, FolderError> {
        let Some(mut there) = self.folder.file(self.name)? else {
            return Ok(false);
        };
        let mut hasher = Sha256::new();
        let read = tokio::task::block_in_place(|| hash_into(&mut hasher, &mut there));
        read.map_err(self.folder.error("read", self.name))?;
        Ok(sum(hasher) != self.sum())
    }

    /// Takes it away: it is of no use.
    pub(super) fn discard(mut self) {
        self.note.synced = self.have;
        for name in [names::note(self.name), names::part(self.name)] {
            if let Err(error) = self.folder.remove(&name) {
                tracing::warn!("{error}");
            }
        }
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> FolderError + use<> {
        self.folder.error(action, &names::part(self.name))
    }
}

/// Also where the task is broken off: the next one goes on from here.
impl Drop for Part<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.save() {
            tracing::debug!("what was fetched so far is fetched again: {error}");
        }
    }
}

pub(super) fn sum(hasher: Sha256) -> Sha256Hex {
    Sha256Hex::from_bytes(hasher.finalize().into())
}

/// Reads all of it; says how much that was.
pub(super) fn hash_into(hasher: &mut Sha256, from: &mut dyn io::Read) -> io::Result<u64> {
    let mut buffer = vec![0; 256 << 10];
    let mut read = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(read),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                read += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// When a file was last changed; what no calendar holds counts as the beginning of time.
pub(super) fn modified(file: &File) -> io::Result<Timestamp> {
    let at = file.metadata()?.modified()?;
    Ok(Timestamp::try_from(at).unwrap_or(Timestamp::MIN))
}
