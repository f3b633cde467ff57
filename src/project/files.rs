//! Opening what a pull request can name: only regular files, only inside the project.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use crate::apply::Bytes;
use crate::manifest::{Content, ContentSource, FileProblem, LocalFile, LocalFiles};
use crate::video::{MAX_FILE_BYTES, MediaType, Sha256Hasher};

/// So much of a file is in memory at a time.
const PIECE: usize = 256 << 10;

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
}

impl LocalFiles for ProjectFiles {
    fn look(&self, manifest: &str, given: &str) -> Result<LocalFile, FileProblem> {
        let path = self.resolve(manifest, given)?;
        let unreadable =
            |e: io::Error| problem("file_unreadable", format!("{given} cannot be read: {e}"));
        let file = open_regular(&path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        if bytes > MAX_FILE_BYTES {
            let message =
                format!("{given} has {bytes} bytes; HeyGen takes at most {MAX_FILE_BYTES} (5 GiB)");
            return Err(problem("file_too_large", message));
        }
        let read = examine(file.take(MAX_FILE_BYTES)).map_err(unreadable)?;
        Ok(LocalFile {
            path: shown(&self.root, &path),
            ..read
        })
    }
}

/// Reads a file once, a piece at a time.
fn examine(mut file: impl Read) -> io::Result<LocalFile> {
    let (mut hasher, mut bytes) = (Sha256Hasher::default(), 0);
    let mut piece = Vec::with_capacity(PIECE);
    let mut media_type = None;
    loop {
        piece.clear();
        let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece)?;
        if bytes == 0 {
            media_type = MediaType::sniff(&piece);
        }
        hasher.update(&piece);
        bytes += read as u64;
        if read < PIECE {
            return Ok(LocalFile {
                path: "".into(),
                bytes,
                sha256: hasher.finish(),
                media_type,
            });
        }
    }
}

impl ProjectFiles {
    fn resolve(&self, manifest: &str, given: &str) -> Result<PathBuf, FileProblem> {
        let outside = || {
            let mut problem = problem(
                "file_outside",
                format!("{given} lies outside the project directory"),
            );
            problem.suggestion = Some("copy the file into the project".to_owned());
            problem
        };
        let folder = Path::new(manifest).parent().unwrap_or(Path::new(""));
        if Path::new(given).is_absolute() || leaves(folder, given) {
            return Err(outside());
        }
        let path = self.root.join(folder).join(given);
        match inside(&self.root, &path) {
            Ok(Some(real)) => Ok(real),
            Ok(None) => Err(outside()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut problem = problem("file_missing", format!("there is no file {given}"));
                problem.suggestion = Some(format!(
                    "`path` is relative to the manifest: {}",
                    shown(&self.root, &path)
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
fn leaves(folder: &Path, given: &str) -> bool {
    let mut depth = 0_usize;
    for component in folder.join(given).components() {
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

/// Opens a manifest's contents again, for an upload, under the same rules.
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
    fn open(&self, content: &Content) -> io::Result<Box<dyn Read + Send>> {
        let path = match &content.source {
            ContentSource::Inline(bytes) => {
                return Ok(Box::new(io::Cursor::new(Arc::clone(bytes))));
            }
            ContentSource::Path(path) => path,
        };
        let root = self.root.canonicalize()?;
        let real = inside(&root, &root.join(&**path))?.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it lies outside the project now",
            )
        })?;
        Ok(Box::new(open_regular(&real)?))
    }
}
