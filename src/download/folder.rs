//! The downloads folder: every step goes from an open folder to a name in it, and none follows a
//! symbolic link, so nothing is read or written outside, whoever changes what meanwhile.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, fstatvfs, mkdirat, openat, renameat};
use rustix::io::Errno;

use super::names;

const NEVER_FOLLOW: OFlags = OFlags::NOFOLLOW
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);
/// No file of ours that is read whole is larger.
const MAX_SMALL: u64 = 64 << 20;

/// Where films go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The project directory.
    pub root: PathBuf,
    /// As the settings or the environment name it.
    pub folder: String,
    /// A person chose it, by the environment: it may lie anywhere. A pull request may not choose
    /// so, nor lead elsewhere by a link.
    pub anywhere: bool,
    /// What must not lie in it, the folder itself among that: films would mix with it.
    pub apart: Vec<(&'static str, PathBuf)>,
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{} is a symbolic link or no folder; films are not written through one", .0.display())]
    NotAFolder(PathBuf),
    #[error("{} is no regular file; move it away", .0.display())]
    NotAFile(PathBuf),
    #[error(
        "the path of the downloads folder can't be recorded: it is empty, too long or holds control characters"
    )]
    Unusable,
    #[error("another reconcile downloads into {}", .0.display())]
    Busy(PathBuf),
    #[error("{} is not a download of reconcile; move it away", .0.display())]
    NotOurs(PathBuf),
    #[error(
        "films can't go into {}: the {what} lies there; name a folder of its own as `downloads`",
        folder.display()
    )]
    InTheWay { folder: PathBuf, what: &'static str },
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl FolderError {
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

impl Target {
    /// Refuses a folder that holds what is no film. Makes nothing.
    pub fn check(&self) -> Result<(), FolderError> {
        let folder = real(&self.root.join(&self.folder));
        let within = |(_, path): &&(&'static str, PathBuf)| real(path).starts_with(&folder);
        match self.apart.iter().find(within) {
            Some((what, _)) => Err(FolderError::InTheWay { folder, what }),
            None => Ok(()),
        }
    }

    /// Opens the folder, for this process alone as long as it is open, making it if need be.
    pub(super) fn open(&self) -> Result<Folder, FolderError> {
        self.check()?;
        if self.folder.is_empty()
            || self.folder.len() > 1_000
            || self.folder.contains(char::is_control)
        {
            return Err(FolderError::Unusable);
        }
        let folder = match self.anywhere {
            true => self.open_anywhere()?,
            false => self.open_inside()?,
        };
        folder.claim()?;
        Ok(folder)
    }

    fn open_anywhere(&self) -> Result<Folder, FolderError> {
        let path = self.root.join(&self.folder);
        let made = std::fs::create_dir_all(&path);
        made.map_err(|source| failed("create", &path, source))?;
        Folder::open(path)
    }

    fn open_inside(&self) -> Result<Folder, FolderError> {
        let mut folder = Folder::open(self.root.clone())?;
        for part in Path::new(&self.folder).components() {
            if let std::path::Component::Normal(part) = part {
                let part = part.to_str().ok_or(FolderError::Unusable)?;
                folder = folder.make_below(part)?;
            }
        }
        Ok(folder)
    }
}

/// A path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    for above in path.ancestors() {
        if let Ok(real) = above.canonicalize() {
            return rest
                .into_iter()
                .rev()
                .fold(real, |path, part| path.join(part));
        }
        rest.extend(above.components().next_back());
    }
    path.to_owned()
}

impl Folder {
    fn open(path: PathBuf) -> Result<Self, FolderError> {
        let opened = File::open(&path).map_err(|source| failed("open", &path, source))?;
        let fd = opened.into();
        Ok(Self { fd, path })
    }

    /// Two at a time would take each other's parts. A file system without locks goes without.
    fn claim(&self) -> Result<(), FolderError> {
        match rustix::fs::flock(&self.fd, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(FolderError::Busy(self.path.clone())),
            _ => Ok(()),
        }
    }

    /// A folder below by the names of its parts; `None` if one is missing.
    pub(super) fn below(&self, parts: &[String]) -> Result<Option<Self>, FolderError> {
        let mut folder = self.clone_handle()?;
        for part in parts {
            match folder.enter(part)? {
                Some(next) => folder = next,
                None => return Ok(None),
            }
        }
        Ok(Some(folder))
    }

    /// As [`Folder::below`], making what is missing.
    pub(super) fn make(&self, parts: &[String]) -> Result<Self, FolderError> {
        let mut folder = self.clone_handle()?;
        for part in parts {
            folder = folder.make_below(part)?;
        }
        Ok(folder)
    }

    fn clone_handle(&self) -> Result<Self, FolderError> {
        let fd = self.fd.try_clone();
        Ok(Self {
            fd: fd.map_err(|source| failed("open", &self.path, source))?,
            path: self.path.clone(),
        })
    }

    fn make_below(&self, part: &str) -> Result<Self, FolderError> {
        match mkdirat(&self.fd, part, Mode::from_raw_mode(0o777)) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(e) => return Err(self.failed("create", part, e)),
        }
        self.enter(part)?
            .ok_or_else(|| self.failed("open", part, Errno::NOENT))
    }

    fn enter(&self, part: &str) -> Result<Option<Self>, FolderError> {
        let path = self.path.join(part);
        let flags = NEVER_FOLLOW | OFlags::DIRECTORY | OFlags::RDONLY;
        match openat(&self.fd, part, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => Err(FolderError::NotAFolder(path)),
            Err(e) => Err(self.failed("open", part, e)),
        }
    }

    /// Opens a regular file for reading. A symbolic link of that name is none.
    pub(super) fn file(&self, name: &str) -> Result<Option<File>, FolderError> {
        match openat(&self.fd, name, NEVER_FOLLOW | OFlags::RDONLY, Mode::empty()) {
            Ok(fd) => self.regular(name, fd.into()).map(Some),
            Err(Errno::NOENT | Errno::LOOP) => Ok(None),
            Err(e) => Err(self.failed("open", name, e)),
        }
    }

    /// Opens a file of ours for writing, with what is in it, making it if need be.
    pub(super) fn create(&self, name: &str) -> Result<File, FolderError> {
        let flags = NEVER_FOLLOW | OFlags::RDWR | OFlags::CREATE;
        match openat(&self.fd, name, flags, Mode::from_raw_mode(0o666)) {
            Ok(fd) => self.regular(name, fd.into()),
            Err(Errno::LOOP | Errno::ISDIR) => Err(FolderError::NotAFile(self.path.join(name))),
            Err(e) => Err(self.failed("create", name, e)),
        }
    }

    fn regular(&self, name: &str, file: File) -> Result<File, FolderError> {
        let metadata = file.metadata();
        match metadata.map_err(|source| failed("examine", &self.path.join(name), source))? {
            metadata if metadata.is_file() => Ok(file),
            _ => Err(FolderError::NotAFile(self.path.join(name))),
        }
    }

    /// Moves a file, also into another folder, over what has that name there.
    pub(super) fn rename(&self, from: &str, to: &Self, name: &str) -> Result<(), FolderError> {
        renameat(&self.fd, from, &to.fd, name).map_err(|e| to.failed("put in place", name, e))?;
        to.sync()
    }

    /// Removes a file of ours; one that is missing is fine.
    pub(super) fn remove(&self, name: &str) -> Result<(), FolderError> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(self.failed("remove", name, e)),
        }
    }

    pub(super) fn sync(&self) -> Result<(), FolderError> {
        rustix::fs::fsync(&self.fd).map_err(|e| failed("sync", &self.path, e.into()))
    }

    /// Bytes that can still be written here.
    pub(super) fn free(&self) -> Option<u64> {
        let stat = fstatvfs(&self.fd).ok()?;
        stat.f_bavail.checked_mul(stat.f_frsize)
    }

    /// What a small file holds, if it is there and small.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FolderError> {
        let Some(file) = self.file(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let read = file.take(MAX_SMALL).read_to_end(&mut bytes);
        read.map_err(|source| failed("read", &self.path.join(name), source))?;
        Ok(Some(bytes))
    }

    /// Refuses to go on where a small file is a person's: `ours` knows our files.
    pub(super) fn spare(&self, name: &str, ours: fn(&[u8]) -> bool) -> Result<(), FolderError> {
        match self.read(name)?.is_none_or(|there| ours(&there)) {
            true => Ok(()),
            false => Err(self.not_ours(name)),
        }
    }

    pub(super) fn not_ours(&self, name: &str) -> FolderError {
        FolderError::NotOurs(self.path.join(name))
    }

    /// Puts a whole small file in place, unless it is there with this content.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        if self.read(name)?.as_deref() == Some(content) {
            return Ok(());
        }
        let temporary = names::new(name);
        let written = self.write_temporary(&temporary, content);
        if written.is_err() {
            self.remove(&temporary)?;
        }
        written?;
        self.rename(&temporary, self, name)
    }

    fn write_temporary(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        let mut file = self.create(name)?;
        let written = (file.set_len(0))
            .and_then(|()| file.write_all(content))
            .and_then(|()| file.sync_all());
        written.map_err(|source| failed("write", &self.path.join(name), source))
    }

    /// For `map_err`: what was being done to a file in here.
    pub(super) fn error(
        &self,
        action: &'static str,
        name: &str,
    ) -> impl FnOnce(io::Error) -> FolderError + use<> {
        let path = self.path.join(name);
        move |source| FolderError::Io {
            action,
            path,
            source,
        }
    }

    fn failed(&self, action: &'static str, name: &str, error: Errno) -> FolderError {
        failed(action, &self.path.join(name), error.into())
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> FolderError {
    FolderError::Io {
        action,
        path: path.into(),
        source,
    }
}
