//! The index of manifests: which name and hash a file gave when it looked like this.
//!
//! A cache like git's index. Losing it costs time, never money: whatever leads to a submission is
//! parsed again. A file counts as unchanged while size, times, inode and device are the same, and
//! is remembered only if it had been left alone for a while when it was read: a second change
//! within the clock's tick of the first would not show in its times.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// To be raised when the meaning of an entry changes.
const FORMAT: u32 = 3;
const QUIET: Duration = Duration::from_secs(2);

/// What tells one state of a file from another. Times are nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stat {
    pub(super) size: u64,
    pub(super) inode: u64,
    pub(super) device: u64,
    pub(super) modified: i128,
    pub(super) changed: i128,
}

/// A file without problems, and what it wished.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cached<'a> {
    #[serde(borrow)]
    pub(super) path: &'a str,
    pub(super) stat: Stat,
    #[serde(borrow)]
    pub(super) documents: Vec<CachedDocument<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CachedDocument<'a> {
    #[serde(borrow)]
    pub(super) name: &'a str,
    pub(super) line: u32,
    pub(super) hash: [u8; 32],
    pub(super) callback_url: Option<&'a str>,
    pub(super) protected: bool,
    /// [`crate::manifest::Manifest::locals`], as they looked.
    #[serde(borrow)]
    pub(super) locals: Vec<(&'a str, Stat)>,
}

#[derive(Serialize, Deserialize)]
struct File<'a> {
    format: u32,
    /// Whatever else the entries depend on.
    #[serde(borrow)]
    context: &'a str,
    #[serde(borrow)]
    files: Vec<Cached<'a>>,
}

impl Stat {
    /// When the file was last written, renamed or replaced. Nobody can set this time.
    pub(super) fn changed(&self) -> SystemTime {
        let nanoseconds = u64::try_from(self.changed).unwrap_or(0);
        UNIX_EPOCH + Duration::from_nanos(nanoseconds)
    }

    /// Left alone for long enough that a later change would show.
    pub(super) fn is_quiet(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let limit = now.saturating_sub(QUIET).as_nanos();
        let newest = self.modified.max(self.changed);
        i128::try_from(limit).is_ok_and(|limit| newest < limit)
    }
}

/// The bytes of an index, if there is one that is whole.
pub(super) fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = std::fs::read(path).ok()?;
    let sum = bytes.split_off(bytes.len().checked_sub(4)?);
    (crc32fast::hash(&bytes).to_le_bytes() == *sum).then_some(bytes)
}

/// The entries of an index, sorted by path; none if it was made in another context.
pub(super) fn decode<'a>(bytes: &'a [u8], context: &str) -> Vec<Cached<'a>> {
    match postcard::from_bytes::<File<'a>>(bytes) {
        Ok(file) if file.format == FORMAT && file.context == context => file.files,
        _ => Vec::new(),
    }
}

/// Replaces the index. Best effort: a read-only checkout plans without one.
pub(super) fn write(path: &Path, context: &str, files: Vec<Cached<'_>>) {
    if let Err(error) = try_write(path, context, files) {
        tracing::debug!(%error, path = %path.display(), "the index of manifests was not written");
    }
}

fn try_write(path: &Path, context: &str, files: Vec<Cached<'_>>) -> std::io::Result<()> {
    let file = File {
        format: FORMAT,
        context,
        files,
    };
    let mut bytes = postcard::to_stdvec(&file).map_err(std::io::Error::other)?;
    let sum = crc32fast::hash(&bytes).to_le_bytes();
    bytes.extend_from_slice(&sum);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(&bytes)?;
    temporary.persist(path)?;
    Ok(())
}
