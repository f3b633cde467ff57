//! The few file operations the store is made of, each naming what it was about when it fails.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::StateError;

/// For `map_err`: says what was being done to which path.
pub(super) fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> StateError + 'a {
    move |source| StateError::Io {
        action,
        path: path.into(),
        source,
    }
}

pub(super) fn damaged(path: &Path, offset: u64, what: impl Into<String>) -> StateError {
    StateError::Damaged {
        path: path.into(),
        offset,
        what: what.into(),
    }
}

/// How an existing file is opened, or a missing one made, without ever waiting: a pipe of that name
/// would block a plain open for good.
pub(super) fn options() -> OpenOptions {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
    options
}

/// Opens a regular file, or says `None` when there is none.
pub(super) fn open_regular(path: &Path, options: &OpenOptions) -> Result<Option<File>, StateError> {
    let file = match options.open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error("open", path)(e)),
    };
    let metadata = file.metadata().map_err(io_error("examine", path))?;
    if metadata.is_file() {
        return Ok(Some(file));
    }
    let refused = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
    Err(io_error("open", path)(refused))
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StateError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io_error("sync", dir))
}

/// Puts a whole file in place, durably: afterwards it is there complete, whatever happens.
pub(super) fn write_file(path: &Path, temporary: &Path, content: &[u8]) -> Result<(), StateError> {
    let mut file = options()
        .write(true)
        .create(true)
        .truncate(true)
        .open(temporary)
        .map_err(io_error("create", temporary))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(io_error("write", temporary))?;
    fs::rename(temporary, path).map_err(io_error("put in place", path))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes a directory only its owner can enter, durably, and those above it. One that exists stays
/// as it is.
pub(super) fn create_dir(dir: &Path) -> Result<(), StateError> {
    if dir.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().mode(0o700).recursive(true).create(dir);
    made.map_err(io_error("create", dir))?;
    match dir.parent() {
        Some(parent) if parent != Path::new("") => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// Makes the state directory, and keeps it out of version control.
pub(super) fn create_state_dir(dir: &Path) -> Result<(), StateError> {
    create_dir(dir)?;
    let ignore = dir.join(".gitignore");
    if ignore.exists() {
        return Ok(());
    }
    fs::write(&ignore, "*\n").map_err(io_error("create", &ignore))
}

/// Removes a file or folder; one that is missing is fine.
pub(super) fn remove_all(path: &Path) -> Result<(), StateError> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(io_error("remove", path)),
    }
}
