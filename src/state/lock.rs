//! One writer at a time, by a lock of the operating system.
//!
//! The lock ends with the process that holds it, however it ends. What the file says about the
//! holder is only for people who wait; it decides nothing.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StateError;
use super::disk::{self, io_error};

const WRITING: &str = "lock";
const WATCHING: &str = "watch.lock";
/// How often whoever waits looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub host: String,
    /// What it does, for example `reconcile apply`.
    pub command: String,
    pub since: Timestamp,
}

/// The right to write to a state directory, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    dir: PathBuf,
    since: Timestamp,
    _file: File,
}

/// The right to be the one `watch` of a state directory, until it is dropped.
#[derive(Debug)]
pub struct WatchLock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("the state is locked by {0}")]
    Held(Holder),
    #[error(transparent)]
    State(#[from] StateError),
}

impl Lock {
    /// Takes the lock or says who has it. Makes the directory if it is missing.
    pub fn try_acquire(dir: &Path, holder: &Holder) -> Result<Self, LockError> {
        let file = try_lock(dir, WRITING, holder)?;
        Ok(Self {
            dir: dir.into(),
            since: holder.since,
            _file: file,
        })
    }

    /// Takes the lock, waiting for up to `timeout`. Calls `on_wait` with the holder when it begins
    /// to wait, and again when another one has it; `sleep` must let that much time pass.
    pub fn acquire(
        dir: &Path,
        holder: &Holder,
        timeout: Duration,
        mut sleep: impl FnMut(Duration),
        mut on_wait: impl FnMut(&Holder),
    ) -> Result<Self, LockError> {
        let mut left = timeout;
        let mut told = None;
        loop {
            let other = match Self::try_acquire(dir, holder) {
                Err(LockError::Held(other)) if !left.is_zero() => other,
                decided => return decided,
            };
            if told.as_ref() != Some(&other) {
                on_wait(&other);
                told = Some(other);
            }
            let pause = LOOK_AGAIN.min(left);
            sleep(pause);
            left -= pause;
        }
    }

    /// When its holder began.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// The directory it is for.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl WatchLock {
    /// Takes the lock or says which other `watch` has it.
    pub fn try_acquire(dir: &Path, holder: &Holder) -> Result<Self, LockError> {
        let file = try_lock(dir, WATCHING, holder)?;
        Ok(Self { _file: file })
    }
}

fn try_lock(dir: &Path, name: &str, holder: &Holder) -> Result<File, LockError> {
    disk::create_state_dir(dir)?;
    let path = dir.join(name);
    let mut options = disk::options();
    options.read(true).write(true).create(true);
    let missing = || io_error("open", &path)(io::ErrorKind::NotFound.into());
    let file = disk::open_regular(&path, &options)?.ok_or_else(missing)?;
    match file.try_lock() {
        Ok(()) => {
            introduce(&file, holder);
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => Err(LockError::Held(Holder::read(&file))),
        Err(TryLockError::Error(e)) => Err(io_error("lock", &path)(e).into()),
    }
}

/// Writes down who holds the lock. A full disk is no reason to go without the lock.
fn introduce(file: &File, holder: &Holder) {
    let Ok(text) = serde_json::to_vec(holder) else {
        return;
    };
    let written = file.set_len(0).and_then(|()| file.write_all_at(&text, 0));
    if let Err(e) = written {
        tracing::debug!("could not write down who holds the lock: {e}");
    }
}

impl Holder {
    /// Reads what the holder wrote. It may be only just writing it.
    fn read(file: &File) -> Self {
        let mut text = vec![0; 4096];
        let size = file.read_at(&mut text, 0).unwrap_or(0);
        serde_json::from_slice(&text[..size]).unwrap_or_else(|_| Self::unknown())
    }

    fn unknown() -> Self {
        Self {
            pid: 0,
            host: String::new(),
            command: String::new(),
            since: Timestamp::UNIX_EPOCH,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::unknown() {
            return f.write_str("another process");
        }
        let Self {
            pid,
            host,
            command,
            since,
        } = self;
        write!(f, "`{command}` (pid {pid} on {host}, since {since:.0})")
    }
}

impl From<LockError> for StateError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(holder) => Self::Locked {
                holder: holder.to_string(),
            },
            LockError::State(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(command: &str) -> Holder {
        Holder {
            pid: 7,
            host: "h".into(),
            command: command.into(),
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_second_is_told_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("state");
        let first = Lock::try_acquire(&dir, &holder("reconcile apply")).unwrap();
        let refused = Lock::try_acquire(&dir, &holder("reconcile watch")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the state is locked by `reconcile apply` (pid 7 on h, since 1970-01-01T00:00:00Z)"
        );
        drop(first);
        Lock::try_acquire(&dir, &holder("reconcile watch")).unwrap();
    }

    #[test]
    fn waiting_ends_with_the_lock_or_with_the_time() {
        let dir = tempfile::tempdir().unwrap();
        let mut held = Some(Lock::try_acquire(dir.path(), &holder("a")).unwrap());
        let (mut slept, mut told) = (Duration::ZERO, 0);
        let mut wait = |free_after: Option<Duration>| {
            Lock::acquire(
                dir.path(),
                &holder("b"),
                Duration::from_millis(250),
                |time| {
                    slept += time;
                    if free_after.is_some_and(|after| slept >= after) {
                        held = None;
                    }
                },
                |_| told += 1,
            )
        };
        assert!(matches!(wait(None), Err(LockError::Held(_))));
        assert!(wait(Some(Duration::from_millis(300))).is_ok());
        assert_eq!(told, 2);
        assert!(slept >= Duration::from_millis(300) && slept < Duration::from_millis(500));
    }

    #[test]
    fn what_a_dead_holder_left_behind_stops_nobody() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("lock"), "{\"pid\":1").unwrap();
        let lock = Lock::try_acquire(dir.path(), &holder("a")).unwrap();
        assert_eq!(lock.dir(), dir.path());
        WatchLock::try_acquire(dir.path(), &holder("watch")).unwrap();
    }
}
