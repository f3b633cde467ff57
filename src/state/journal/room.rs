//! Keeping room for what must be written after money was spent.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::state::StateError;
use crate::state::disk::{self, io_error};

/// At least this much is kept at a time, so that most calls find enough.
const LEAST: u64 = 64 << 10;
const SPARE: &str = "reserve";

/// Room ahead of a file's end: blocks allocated there, or, where the file system can't do that, a
/// second file that is given up when the disk is full.
#[derive(Debug)]
pub(super) struct Room {
    spare: PathBuf,
    allocated_to: u64,
    can_allocate: bool,
}

impl Room {
    pub fn new(dir: &Path) -> Self {
        Self {
            spare: dir.join(SPARE),
            allocated_to: 0,
            can_allocate: true,
        }
    }

    /// Makes sure that `bytes` can be written at `end`, the end of `file`.
    pub fn reserve(
        &mut self,
        file: &File,
        path: &Path,
        end: u64,
        bytes: u64,
    ) -> Result<(), StateError> {
        if self.allocated_to.saturating_sub(end) >= bytes {
            return Ok(());
        }
        let bytes = bytes.max(LEAST);
        if !self.can_allocate {
            return self.keep_spare(bytes);
        }
        match fallocate(file, FallocateFlags::KEEP_SIZE, end, bytes) {
            Ok(()) => self.allocated_to = end + bytes,
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.can_allocate = false;
                self.keep_spare(bytes)?;
            }
            Err(e) => return Err(io_error("reserve room in", path)(e.into())),
        }
        Ok(())
    }

    fn keep_spare(&self, bytes: u64) -> Result<(), StateError> {
        if fs::metadata(&self.spare).is_ok_and(|m| m.len() >= bytes) {
            return Ok(());
        }
        let kept = disk::options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&self.spare)
            .and_then(|mut file| {
                file.write_all(&incompressible(bytes))?;
                file.sync_all()
            });
        if kept.is_err() {
            // A part of it would pass for the whole only by its size; it is given back all the same.
            let _ = fs::remove_file(&self.spare);
        }
        kept.map_err(io_error("reserve room in", &self.spare))
    }

    /// Gives the spare file up. Says whether there was one.
    pub fn release(&mut self) -> Result<bool, StateError> {
        let had = fs::metadata(&self.spare).is_ok_and(|m| m.len() > 0);
        if had {
            disk::remove_all(&self.spare)?;
            self.spare.parent().map_or(Ok(()), disk::sync_dir)?;
        }
        Ok(had)
    }
}

/// Bytes that a compressing file system can't make small.
fn incompressible(bytes: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = (0..bytes.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spare_file_is_kept_and_given_up_where_blocks_cannot_be_allocated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let file = File::create(&path).unwrap();
        let mut room = Room::new(dir.path());
        room.can_allocate = false;
        room.reserve(&file, &path, 0, 100).unwrap();
        assert_eq!(fs::metadata(dir.path().join(SPARE)).unwrap().len(), LEAST);
        assert!(room.release().unwrap());
        assert!(!room.release().unwrap());
    }
}
