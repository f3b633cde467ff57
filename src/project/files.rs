//! Opening what a pull request can name: only regular files, only inside the project.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::Settings;
use super::index::Stat;
use crate::apply::Bytes;
use crate::manifest::{
    Content, ContentSource, FileProblem, LocalFile, LocalFiles, LocalText, MAX_TEXT, nearest,
};
use crate::video::{MAX_FILE_BYTES, MediaType, Sha256Hasher};

/// So many files of a folder are looked at for one that may be meant.
const MOST_NEIGHBOURS: usize = 1_000;
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
    /// Where the state is and where secrets are: no manifest may use a file of it.
    private: Vec<PathBuf>,
    /// Where films are put: a film would replace what its own manifest sends.
    downloads: Option<PathBuf>,
}

impl LocalFiles for ProjectFiles {
    fn named(&self, said_in: &str, given: &str) -> Option<Arc<str>> {
        let path = folder_of(said_in).join(given);
        let inside = !Path::new(given).is_absolute() && !leaves(&path);
        inside.then(|| path.to_string_lossy().into())
    }

    fn look(&self, said_in: &str, given: &str) -> Result<LocalFile, FileProblem> {
        let limit = "HeyGen takes at most 5368709120 (5 GiB)";
        let (path, file) = self.open(said_in, given, MAX_FILE_BYTES, limit)?;
        if self.is_download(&path) {
            return Err(downloaded(given));
        }
        let read = examine(file).map_err(|e| unreadable(given, &e))?;
        Ok(LocalFile { path, ..read })
    }

    fn read(&self, said_in: &str, given: &str) -> Result<LocalText, FileProblem> {
        let limit = "no prompt file has more than 1048576 (1 MiB)";
        let (path, mut file) = self.open(said_in, given, MAX_TEXT, limit)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|e| unreadable(given, &e))?;
        Ok(LocalText { path, bytes })
    }
}

fn folder_of(file: &str) -> &Path {
    Path::new(file).parent().unwrap_or(Path::new(""))
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
    /// How a file below the project looks now, links followed.
    pub(super) fn stat(&self, path: &str) -> Option<Stat> {
        let metadata = self.root.join(path).metadata().ok()?;
        Some(Stat::of(&metadata))
    }

    pub(super) fn new(root: &Path, settings: &Settings) -> Self {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let given = settings.private.iter().cloned();
        let real = |path: PathBuf| {
            let path = root.join(path);
            path.canonicalize().unwrap_or(path)
        };
        let private = given.chain([PathBuf::from(&settings.state)]).map(real);
        let downloads = real(PathBuf::from(&settings.downloads));
        Self {
            private: private.filter(|path| *path != root).collect(),
            // Where the project itself lies nothing is downloaded.
            downloads: (!root.starts_with(&downloads)).then_some(downloads),
            root,
        }
    }

    pub(super) fn is_private(&self, path: &Path) -> bool {
        self.private.iter().any(|private| path.starts_with(private))
    }

    fn is_download(&self, shown: &str) -> bool {
        let path = self.root.join(shown);
        (self.downloads.as_ref()).is_some_and(|downloads| path.starts_with(downloads))
    }

    /// Where the file is, and no more of it than `most` bytes.
    fn open(
        &self,
        said_in: &str,
        given: &str,
        most: u64,
        limit: &str,
    ) -> Result<(Arc<str>, io::Take<File>), FileProblem> {
        let path = self.resolve(said_in, given)?;
        let file = open_regular(&path).map_err(|e| unreadable(given, &e))?;
        let size = file.metadata().map_err(|e| unreadable(given, &e))?.len();
        match size > most {
            true => Err(problem(
                "file_too_large",
                format!("{given} has {size} bytes; {limit}"),
            )),
            false => Ok((shown(&self.root, &path), file.take(most))),
        }
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
            Ok(Some(real)) if self.is_private(&real) => Err(problem(
                "file_private",
                format!(
                    "{given} is a file of the state or holds a secret: it is no part of a video"
                ),
            )),
            Ok(Some(real)) => Ok(real),
            Ok(None) => Err(outside()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut problem = problem("file_missing", format!("there is no file {given}"));
                problem.suggestion = Some(match near(&path) {
                    Some(name) => format!("did you mean {name}?"),
                    None => format!("it is looked for beside the file that names it: {named}"),
                });
                Err(problem)
            }
            Err(e) => Err(unreadable(given, &e)),
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

/// A file beside the one that is missing, with nearly its name.
fn near(missing: &Path) -> Option<String> {
    let wanted = missing.file_name()?.to_str()?;
    let entries = std::fs::read_dir(missing.parent()?)
        .ok()?
        .take(MOST_NEIGHBOURS);
    let names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    nearest(wanted, &names).map(str::to_owned)
}

fn unreadable(given: &str, error: &io::Error) -> FileProblem {
    problem(
        "file_unreadable",
        format!("{given} cannot be read: {error}"),
    )
}

fn downloaded(given: &str) -> FileProblem {
    let mut problem = problem(
        "file_in_downloads",
        format!("{given} lies in the downloads folder, whose files reconcile replaces"),
    );
    problem.suggestion = Some("copy it to another folder of the project".to_owned());
    problem
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
