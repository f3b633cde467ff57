//! The wishes as they were submitted: a file each, named by its hash, written once.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::StateError;
use super::disk::{self, damaged, io_error};
use crate::video::VideoHash;

const FOLDER: &str = "objects";

#[derive(Debug, Clone)]
pub(super) struct Objects {
    folder: PathBuf,
}

impl Objects {
    pub fn new(dir: &Path) -> Self {
        let folder = dir.join(FOLDER);
        Self { folder }
    }

    /// Whether anything was ever written.
    pub fn exist(&self) -> bool {
        self.folder.is_dir()
    }

    fn path(&self, hash: &VideoHash) -> PathBuf {
        let hex = hash.to_string();
        let (folder, file) = hex.split_at(2);
        self.folder.join(folder).join(format!("{file}.json"))
    }

    /// The text of a hash, proven to be it, or `None` when it was never written.
    pub fn get(&self, hash: &VideoHash) -> Result<Option<String>, StateError> {
        let path = self.path(hash);
        let Some(text) = read(&path)? else {
            return Ok(None);
        };
        match String::from_utf8(text) {
            Ok(text) if VideoHash::of_canonical(&text) == *hash => Ok(Some(text)),
            _ => Err(damaged(&path, 0, "the text is not the one of its hash")),
        }
    }

    /// The hashes of the texts that are there, whatever they hold.
    fn all(&self) -> Result<Vec<VideoHash>, StateError> {
        let failed = || io_error("read", &self.folder);
        let mut all = Vec::new();
        if !self.exist() {
            return Ok(all);
        }
        for folder in fs::read_dir(&self.folder).map_err(failed())? {
            let folder = folder.map_err(failed())?;
            if !folder.file_type().map_err(failed())?.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder.path()).map_err(failed())? {
                let file = file.map_err(failed())?.file_name();
                let (folder, file) = (folder.file_name(), file.to_string_lossy());
                let hex = format!(
                    "{}{}",
                    folder.to_string_lossy(),
                    file.trim_end_matches(".json")
                );
                all.extend(hex.parse::<VideoHash>());
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    /// Those whose text is not the one of their hash.
    pub fn broken(&self) -> Result<Vec<VideoHash>, StateError> {
        let mut broken = Vec::new();
        for hash in self.all()? {
            match self.get(&hash) {
                Ok(_) => {}
                Err(StateError::Damaged { .. }) => broken.push(hash),
                Err(error) => return Err(error),
            }
        }
        Ok(broken)
    }

    /// Moves texts into another folder.
    pub fn move_away(&self, hashes: &[VideoHash], to: &Path) -> Result<(), StateError> {
        if hashes.is_empty() {
            return Ok(());
        }
        let to = to.join(FOLDER);
        disk::create_dir(&to)?;
        for hash in hashes {
            let path = self.path(hash);
            fs::rename(&path, to.join(format!("{hash}.json"))).map_err(io_error("move", &path))?;
            path.parent().map_or(Ok(()), disk::sync_dir)?;
        }
        disk::sync_dir(&to)
    }

    /// When the first text was written, as far as the files tell.
    pub fn oldest(&self) -> Option<Timestamp> {
        let all = self.all().ok()?;
        let modified = |hash| fs::metadata(self.path(hash)).ok()?.modified().ok();
        let oldest = all.iter().filter_map(modified).min()?;
        Timestamp::try_from(oldest).ok()
    }

    /// Makes a text durable. One that is there already is made sure of, but not written again; a
    /// damaged one is replaced.
    pub fn put(&self, hash: &VideoHash, text: &str) -> Result<(), StateError> {
        let path = self.path(hash);
        if VideoHash::of_canonical(text) != *hash {
            return Err(damaged(
                &path,
                0,
                "the text given is not the one of its hash",
            ));
        }
        let folder = path.parent().unwrap_or(&self.folder);
        if read(&path)?.is_some_and(|there| there == text.as_bytes()) {
            return sync(&path).and_then(|()| disk::sync_dir(folder));
        }
        disk::create_dir(&self.folder)?;
        disk::create_dir(folder)?;
        disk::write_file(&path, &self.folder.join("new"), text.as_bytes())
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    let Some(mut file) = disk::open_regular(path, disk::options().read(true))? else {
        return Ok(None);
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text)
        .map_err(io_error("read", path))?;
    Ok(Some(text))
}

/// Whoever wrote it may have died before it was on the disk.
fn sync(path: &Path) -> Result<(), StateError> {
    fs::File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(io_error("sync", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_read_back_and_proven() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::new(dir.path());
        let hash = VideoHash::of_canonical("{}");
        assert_eq!(objects.get(&hash).unwrap(), None);
        assert!(!objects.exist());
        objects.put(&hash, "{}").unwrap();
        objects.put(&hash, "{}").unwrap();
        assert_eq!(objects.get(&hash).unwrap().as_deref(), Some("{}"));
        assert!(objects.exist());
    }

    #[test]
    fn a_damaged_text_is_told_and_can_be_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::new(dir.path());
        let hash = VideoHash::of_canonical("{}");
        objects.put(&hash, "{}").unwrap();
        fs::write(objects.path(&hash), "{ }").unwrap();
        assert!(matches!(
            objects.get(&hash),
            Err(StateError::Damaged { .. })
        ));
        objects.put(&hash, "{}").unwrap();
        assert_eq!(objects.get(&hash).unwrap().as_deref(), Some("{}"));
        assert!(objects.put(&hash, "[]").is_err());
    }
}
