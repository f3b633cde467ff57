//! Which file a journal is in, so that a copy can be told from the original.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Survives renaming, moving the folder and restarting the machine; no copy has it. The device's
/// number is left out: it may change whenever a file system is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileId {
    inode: u64,
    /// Nanoseconds since 1970, where the file system knows: inode numbers are used again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    born: Option<u64>,
}

impl FileId {
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            inode: metadata.ino(),
            born: born(&metadata),
        })
    }

    /// What only one of them knows is no difference.
    pub fn is(&self, other: &Self) -> bool {
        let born_apart = self.born.zip(other.born).is_some_and(|(a, b)| a != b);
        self.inode == other.inode && !born_apart
    }
}

fn born(metadata: &Metadata) -> Option<u64> {
    let since = metadata.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_file_is_the_same_and_a_copy_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, "x").unwrap();
        let of = |path| FileId::of(&File::open(path).unwrap()).unwrap();
        let first = of(&a);
        std::fs::rename(&a, &b).unwrap();
        std::fs::write(&b, "more").unwrap();
        assert!(first.is(&of(&b)));
        std::fs::copy(&b, &a).unwrap();
        std::fs::remove_file(&b).unwrap();
        assert!(!first.is(&of(&a)));
    }
}
