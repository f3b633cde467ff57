//! Finding manifest files: names and stats only, in parallel, relative to open folders.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{DirEntry, FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::desired::Hidden;
use super::files::{ProjectFiles, inside};
use super::index::Stat;
use crate::manifest::Problem;
use crate::output::escape;

/// Folders nested deeper are an error, not a stack overflow.
const MAX_DEPTH: usize = 64;

/// A manifest file as the walk saw it.
#[derive(Debug)]
pub(super) struct Found {
    /// Relative to the project, `/`-separated, escaped for display if it is not UTF-8.
    pub(super) path: String,
    /// Below the root of the manifests, without the ending.
    pub(super) stem: String,
    pub(super) stat: Stat,
    /// Not UTF-8: the name can't be used, and the file is opened by its bytes.
    pub(super) real: Option<PathBuf>,
}

#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) found: Vec<Found>,
    pub(super) problems: Vec<Problem>,
    pub(super) hidden: Vec<Hidden>,
}

/// A folder to walk: where it is on the disk, and what its files are called.
struct Folder {
    real: PathBuf,
    /// Relative to the project.
    path: String,
    /// Below the root of the manifests; empty for the root itself.
    stem: String,
    depth: usize,
}

/// Everything below `manifests` that is a manifest, and everything that might be and can't be read.
pub(super) fn walk(files: &ProjectFiles, manifests: &str) -> Walked {
    let project = &*files.root;
    let path = manifests
        .trim_start_matches("./")
        .trim_end_matches('/')
        .to_owned();
    let real = project.join(&path);
    match inside(project, &real) {
        Ok(Some(real)) if real.is_dir() => {
            let walker = Walker { files, root: &real };
            let root = Folder {
                real: real.clone(),
                path,
                stem: String::new(),
                depth: 0,
            };
            let mut walked = walker.folder(root, &HashSet::new());
            walked
                .found
                .par_sort_unstable_by(|a, b| a.path.cmp(&b.path));
            walked
        }
        Ok(Some(_)) => no_root(&path, "not_a_directory", "it is not a directory".to_owned()),
        Ok(None) => no_root(
            &path,
            "outside",
            "it leads out of the project directory".to_owned(),
        ),
        Err(e) => no_root(&path, "no_manifests", e.to_string()),
    }
}

fn no_root(path: &str, code: &'static str, why: String) -> Walked {
    let problem = Problem {
        path: path.to_owned(),
        place: None,
        code,
        message: format!("the folder of the manifests can't be read: {why}"),
        suggestion: Some("`reconcile init` makes one; -C names another project".to_owned()),
    };
    Walked {
        found: Vec::new(),
        problems: vec![problem],
        hidden: vec![Hidden::Everything],
    }
}

struct Walker<'a> {
    files: &'a ProjectFiles,
    /// The manifests' folder, without links.
    root: &'a Path,
}

impl Walker<'_> {
    /// `links` holds the folders that links on the way here led to: meeting one again is a loop.
    fn folder(&self, folder: Folder, links: &HashSet<PathBuf>) -> Walked {
        let mut walked = Walked::default();
        if folder.depth > MAX_DEPTH {
            walked.refuse(
                &folder.path,
                &folder.stem,
                "too_deep",
                "nested too deep".to_owned(),
            );
            return walked;
        }
        let entries = match std::fs::read_dir(&folder.real).and_then(Iterator::collect) {
            Ok(entries) => entries,
            Err(e) => {
                let message = format!("this folder can't be read: {e}");
                walked.refuse(&folder.path, &folder.stem, "unreadable", message);
                return walked;
            }
        };
        let entries: Vec<DirEntry> = entries;
        let mut folders = Vec::new();
        for entry in &entries {
            self.entry(&folder, entry, links, &mut walked, &mut folders);
        }
        drop(entries);
        let below: Vec<_> = folders
            .into_par_iter()
            .map(|(folder, links)| self.folder(folder, links.as_ref().unwrap_or(&HashSet::new())))
            .collect();
        for part in below {
            walked.take(part);
        }
        walked
    }

    fn entry(
        &self,
        folder: &Folder,
        entry: &DirEntry,
        links: &HashSet<PathBuf>,
        walked: &mut Walked,
        folders: &mut Vec<(Folder, Option<HashSet<PathBuf>>)>,
    ) {
        let name = entry.file_name();
        if is_skipped(&name) {
            return;
        }
        let at = Entry::new(folder, &name);
        let step = entry.file_type().and_then(|kind| self.resolve(entry, kind));
        match step {
            Ok(Step::Folder { real, link }) => {
                if at.is_manifest {
                    let message = "a folder with the name of a manifest".to_owned();
                    walked.refuse(&at.path, &at.stem, "not_a_file", message);
                } else if link && (links.contains(&real) || folder.real.starts_with(&real)) {
                    let message = "this link leads back to a folder above it".to_owned();
                    walked.refuse(&at.path, &at.stem, "link_loop", message);
                } else {
                    let seen = (link || !links.is_empty()).then(|| {
                        let mut seen = links.clone();
                        seen.extend(link.then(|| real.clone()));
                        seen
                    });
                    folders.push((at.folder(real, folder.depth + 1), seen));
                }
            }
            Ok(Step::File(metadata)) if at.is_manifest => {
                walked.found.push(at.found(entry, &metadata))
            }
            Ok(Step::Other) if at.is_manifest => {
                let message = "not a regular file, so not a manifest".to_owned();
                walked.refuse(&at.path, &at.stem, "not_a_file", message);
            }
            Ok(Step::Outside { folder: true }) => refuse_outside(&at, walked),
            Ok(Step::Outside { .. }) if at.is_manifest => refuse_outside(&at, walked),
            Ok(Step::Private { folder: true }) => refuse_private(&at, walked),
            Ok(Step::Private { .. }) if at.is_manifest => refuse_private(&at, walked),
            Ok(Step::File(_) | Step::Other | Step::Outside { .. } | Step::Private { .. }) => {}
            Err(e) if at.is_manifest || e.kind() != io::ErrorKind::NotFound => {
                walked.refuse(
                    &at.path,
                    &at.stem,
                    "unreadable",
                    format!("can't be read: {e}"),
                );
            }
            Err(_) => {}
        }
    }

    /// Hidden, or a file with secrets of ours. The manifests' folder itself may be hidden.
    fn is_private(&self, real: &Path) -> bool {
        let shown = real.strip_prefix(self.root);
        let shown = shown.or_else(|_| real.strip_prefix(&self.files.root));
        let hidden = |path: &Path| {
            let mut parts = path.iter().map(|part| part.as_encoded_bytes());
            parts.any(|part| part.starts_with(b"."))
        };
        self.files.is_private(real) || shown.is_ok_and(hidden)
    }

    fn resolve(&self, entry: &DirEntry, kind: FileType) -> io::Result<Step> {
        if kind.is_dir() {
            return Ok(Step::Folder {
                real: entry.path(),
                link: false,
            });
        }
        if !kind.is_symlink() {
            return match kind.is_file() {
                true => Ok(Step::File(entry.metadata()?)),
                false => Ok(Step::Other),
            };
        }
        let Some(real) = inside(&self.files.root, &entry.path())? else {
            let folder = entry.path().is_dir();
            return Ok(Step::Outside { folder });
        };
        if self.is_private(&real) {
            let folder = real.is_dir();
            return Ok(Step::Private { folder });
        }
        let metadata = real.metadata()?;
        Ok(match () {
            () if metadata.is_dir() => Step::Folder { real, link: true },
            () if metadata.is_file() => Step::File(metadata),
            () => Step::Other,
        })
    }
}

/// What a directory entry leads to.
enum Step {
    Folder {
        real: PathBuf,
        link: bool,
    },
    File(Metadata),
    Other,
    Outside {
        folder: bool,
    },
    /// A link to what no manifest may show.
    Private {
        folder: bool,
    },
}

fn refuse_outside(at: &Entry, walked: &mut Walked) {
    let message = "this link leads out of the project directory".to_owned();
    walked.refuse(&at.path, &at.stem, "link_outside", message);
}

/// What is wrong with a manifest is shown with the line it stands in, to everybody.
fn refuse_private(at: &Entry, walked: &mut Walked) {
    let message = "this link leads to a hidden file or a file of the state, which may hold secrets";
    walked.refuse(&at.path, &at.stem, "link_private", message.to_owned());
}

/// A directory entry's names.
struct Entry {
    path: String,
    stem: String,
    is_manifest: bool,
    utf8: bool,
}

impl Entry {
    fn new(folder: &Folder, name: &OsStr) -> Self {
        let utf8 = name.to_str().is_some();
        let text = name.to_string_lossy();
        let text = if utf8 {
            text.into_owned()
        } else {
            escape(&text).into_owned()
        };
        let stem = text
            .strip_suffix(".yaml")
            .or_else(|| text.strip_suffix(".yml"));
        Self {
            path: format!("{}/{text}", folder.path),
            stem: match folder.stem.as_str() {
                "" => stem.unwrap_or(&text).to_owned(),
                above => format!("{above}/{}", stem.unwrap_or(&text)),
            },
            is_manifest: stem.is_some(),
            utf8,
        }
    }

    fn folder(self, real: PathBuf, depth: usize) -> Folder {
        Folder {
            real,
            path: self.path,
            stem: self.stem,
            depth,
        }
    }

    fn found(self, entry: &DirEntry, metadata: &Metadata) -> Found {
        Found {
            path: self.path,
            stem: self.stem,
            stat: Stat::of(metadata),
            real: (!self.utf8).then(|| entry.path()),
        }
    }
}

/// Hidden files, what begins with `_`, and what editors leave behind.
fn is_skipped(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    bytes.starts_with(b".")
        || bytes.starts_with(b"_")
        || bytes.starts_with(b"#")
        || bytes.ends_with(b"~")
        || bytes == b"4913"
}

impl Walked {
    fn refuse(&mut self, path: &str, stem: &str, code: &'static str, message: String) {
        self.problems.push(Problem {
            path: escape(path).into_owned(),
            place: None,
            code,
            message,
            suggestion: None,
        });
        self.hidden.push(Hidden::At {
            name: stem.to_owned(),
            path: path.to_owned(),
        });
    }

    fn take(&mut self, mut other: Self) {
        self.found.append(&mut other.found);
        self.problems.append(&mut other.problems);
        self.hidden.append(&mut other.hidden);
    }
}

impl Stat {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let nanos = |s: i64, n: i64| i128::from(s) * 1_000_000_000 + i128::from(n);
        Self {
            size: metadata.size(),
            inode: metadata.ino(),
            device: metadata.dev(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
