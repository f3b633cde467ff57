//! What is cut off a journal is kept, as the last few files `journal.torn-<byte>`.

use std::fs;
use std::path::{Path, PathBuf};

use super::FILE;
use crate::state::StateError;
use crate::state::disk;

/// A machine that crashes every day should not fill its disk with them.
const KEPT: usize = 5;

/// Keeps bytes that stood at `offset` of the journal. Says where.
pub(super) fn keep(journal: &Path, offset: u64, bytes: &[u8]) -> Result<PathBuf, StateError> {
    let kept = free_name(journal, offset);
    disk::write_file(&kept, &journal.with_file_name("journal.torn"), bytes)?;
    forget_old(journal);
    Ok(kept)
}

/// The same place may be torn twice.
fn free_name(journal: &Path, offset: u64) -> PathBuf {
    let first = journal.with_file_name(format!("{FILE}.torn-{offset}"));
    let again = (2..).map(|n| journal.with_file_name(format!("{FILE}.torn-{offset}-{n}")));
    let mut names = std::iter::once(first.clone()).chain(again);
    names.find(|path| !path.exists()).unwrap_or(first)
}

fn forget_old(journal: &Path) {
    let files = journal.parent().and_then(|dir| fs::read_dir(dir).ok());
    let mut torn: Vec<_> = files
        .into_iter()
        .flatten()
        .flatten()
        .filter(|file| {
            file.file_name()
                .to_string_lossy()
                .starts_with("journal.torn-")
        })
        .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())))
        .collect();
    torn.sort();
    let old = torn.len().saturating_sub(KEPT);
    for (_, path) in &torn[..old] {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_are_kept_and_none_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join(FILE);
        let first = keep(&journal, 7, b"a").unwrap();
        let second = keep(&journal, 7, b"b").unwrap();
        assert_eq!(fs::read(&first).unwrap(), b"a");
        assert_eq!(fs::read(second).unwrap(), b"b");
        for offset in 8..20 {
            std::thread::sleep(std::time::Duration::from_millis(8));
            keep(&journal, offset, b"c").unwrap();
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), KEPT);
        assert!(!first.exists() && dir.path().join("journal.torn-19").exists());
    }
}
