//! Opening what a pull request can name: only regular files, only inside the project.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::index::Stat;
use crate::apply::Bytes;
use crate::manifest::{
    Content, ContentSource, FileProblem, Limit, LocalFile, LocalFiles, MAX_UPLOAD,
};

/// Opens a file that is one: a FIFO would hang the reader, a device might do worse.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        )),
    }
}

/// Where a path leads after links, if that is inside `root`, itself without links.
pub(super) fn inside(root: &Path, path: &Path) -> io::Result<Option<PathBuf>> {
    let real = path.canonicalize()?;
    Ok(real.starts_with(root).then_some(real))
}

/// A path below the root, `/`-separated, as it is shown and recorded.
pub(super) fn shown(root: &Path, path: &Path) -> Arc<str> {
    let relative = path.strip_prefix(root).unwrap_or(path);
    relative.to_string_lossy().into()
}

/// Local files as the manifests of a project may use them.
pub(super) struct ProjectFiles {
    /// Without links.
    pub(super) root: PathBuf,
    /// Where the state is, with its secrets: no manifest may use a file of it.
    pub(super) state: PathBuf,
}

impl LocalFiles for ProjectFiles {
    fn named(&self, said_in: &str, given: &str) -> Option<Arc<str>> {
        let path = folder_of(said_in).join(given);
        let inside = !Path::new(given).is_absolute() && !leaves(&path);
        inside.then(|| path.to_string_lossy().into())
    }

    fn read(&self, said_in: &str, given: &str, limit: Limit) -> Result<LocalFile, FileProblem> {
        let path = self.resolve(said_in, given)?;
        let unreadable =
            |e: io::Error| problem("file_unreadable", format!("{given} cannot be read: {e}"));
        let file = open_regular(&path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        if size > limit.bytes {
            let message = format!("{given} has {size} bytes; {}", limit.why);
            return Err(problem("file_too_large", message));
        }
        let mut bytes = Vec::new();
        file.take(limit.bytes)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        Ok(LocalFile {
            path: shown(&self.root, &path),
            bytes,
        })
    }
}

fn folder_of(file: &str) -> &Path {
    Path::new(file).parent().unwrap_or(Path::new(""))
}

impl ProjectFiles {
    /// How a file below the project looks now, links followed.
    pub(super) fn stat(&self, path: &str) -> Option<Stat> {
        let metadata = self.root.join(path).metadata().ok()?;
        Some(Stat::of(&metadata))
    }

    fn is_of_state(&self, path: &Path) -> bool {
        self.state != self.root && path.starts_with(&self.state)
    }

    fn resolve(&self, said_in: &str, given: &str) -> Result<PathBuf, FileProblem> {
        let outside = || {
            let mut problem = problem(
                "file_outside",
                format!("{given} lies outside the project directory"),
            );
            problem.suggestion = Some("copy the file into the project".to_owned());
            problem
        };
        let Some(named) = self.named(said_in, given) else {
            return Err(outside());
        };
        let path = self.root.join(&*named);
        match inside(&self.root, &path) {
            Ok(Some(real)) if self.is_of_state(&real) => Err(problem(
                "file_of_state",
                format!("{given} is a file of the state, which is no part of a video"),
            )),
            Ok(Some(real)) => Ok(real),
            Ok(None) => Err(outside()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut problem = problem("file_missing", format!("there is no file {given}"));
                problem.suggestion = Some(format!(
                    "it is looked for beside the file that names it: {named}"
                ));
                Err(problem)
            }
            Err(e) => Err(problem(
                "file_unreadable",
                format!("{given} cannot be read: {e}"),
            )),
        }
    }
}

/// Whether a path climbs out of the project by its words alone, before anything is asked of the disk.
fn leaves(path: &Path) -> bool {
    let mut depth = 0_usize;
    for component in path.components() {
        match component {
            std::path::Component::Normal(_) => depth += 1,
            std::path::Component::ParentDir => match depth.checked_sub(1) {
                Some(d) => depth = d,
                None => return true,
            },
            _ => {}
        }
    }
    false
}

fn problem(code: &'static str, message: String) -> FileProblem {
    FileProblem {
        code,
        message,
        suggestion: None,
    }
}

/// Reads the bytes of a manifest's contents again, for an upload, under the same rules.
pub struct ProjectBytes {
    root: PathBuf,
}

impl ProjectBytes {
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }
}

impl Bytes for ProjectBytes {
    fn read(&self, content: &Content) -> io::Result<Vec<u8>> {
        let path = match &content.source {
            ContentSource::Inline(bytes) => return Ok(bytes.to_vec()),
            ContentSource::Path(path) => path,
        };
        let root = self.root.canonicalize()?;
        let real = inside(&root, &root.join(&**path))?.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it lies outside the project now",
            )
        })?;
        let mut bytes = Vec::new();
        open_regular(&real)?
            .take(MAX_UPLOAD + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
