//! What outlives the process: an append-only file of what changed. A change is in it before its
//! answer goes out; it is not synced, so it survives a kill but not a power cut.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::assets::Asset;
use super::direct::Upload;
use super::endpoints::Endpoint;
use super::render::Session;
use super::server::SandboxError;

const LOCK_RETRY: Duration = Duration::from_millis(20);

/// One line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Session(Box<Session>),
    Asset(Asset),
    /// A direct upload, as it is from here on.
    Upload(Box<Upload>),
    /// A video that was deleted, or vanished.
    Deleted(String),
    Stopped {
        session_id: String,
        at_ms: u64,
    },
    Endpoint(Endpoint),
    EndpointDeleted(String),
}

/// The journal of a data directory, held for one process.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    _lock: File,
}

impl Journal {
    /// Reads a data directory whose lock is held.
    pub(super) fn open(dir: &Path, lock: File) -> Result<(Self, Vec<Line>), SandboxError> {
        let path = dir.join("journal.jsonl");
        let lines = read(&path)?;
        let file = append_to(&path).map_err(SandboxError::Data)?;
        Ok((Self { file, _lock: lock }, lines))
    }

    pub(super) fn write(&mut self, line: &Line) -> io::Result<()> {
        append(&mut self.file, line)
    }
}

/// Writes one line in one piece.
pub(super) fn append(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
    text.push(b'\n');
    file.write_all(&text)
}

/// Opens a file of lines for appending. A line that a kill cut short would spoil the next one, so
/// it is taken off.
pub(super) fn append_to(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    let mut whole = 0;
    let mut text = Vec::new();
    let mut reader = BufReader::new(File::open(path)?);
    while reader.read_until(b'\n', &mut text)? > 0 {
        if text.ends_with(b"\n") {
            whole += text.len() as u64;
        }
        text.clear();
    }
    file.set_len(whole)?;
    Ok(file)
}

/// Takes a data directory for this process, waiting a moment for another sandbox to end.
pub(super) async fn lock(dir: &Path, patience: Duration) -> Result<File, SandboxError> {
    fs::create_dir_all(dir).map_err(SandboxError::Data)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join("lock"))
        .map_err(SandboxError::Data)?;
    let end = tokio::time::Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if tokio::time::Instant::now() < end => {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            Err(TryLockError::WouldBlock) => return Err(SandboxError::InUse(dir.to_owned())),
            Err(TryLockError::Error(e)) => return Err(SandboxError::Data(e)),
        }
    }
}

fn read(path: &Path) -> Result<Vec<Line>, SandboxError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(SandboxError::Data(e)),
    };
    let whole = text
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let lines = text[..whole].split_inclusive(|b| *b == b'\n').enumerate();
    lines
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|source| SandboxError::Damaged {
                path: path.to_owned(),
                line: at + 1,
                source,
            })
        })
        .collect()
}
