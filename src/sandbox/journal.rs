//! What outlives the process: sessions and assets, and the log of raw requests.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::assets::Asset;
use super::render::Session;

const LOCK_WAIT: Duration = Duration::from_secs(10);

/// One line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Session(Box<Session>),
    Asset(Asset),
    /// A video that was deleted.
    Deleted(String),
    /// A session that was stopped.
    Stopped(String),
    Endpoint(Value),
}

/// The files of a data directory, held for one process.
#[derive(Debug)]
pub(super) struct Journal {
    sessions: File,
    requests: File,
    _lock: File,
}

impl Journal {
    /// Opens a data directory, waiting a moment for another sandbox to end, and reads it.
    pub(super) fn open(dir: &Path) -> io::Result<(Self, Vec<Line>)> {
        fs::create_dir_all(dir)?;
        let lock = lock(&dir.join("lock"))?;
        let path = dir.join("journal.jsonl");
        let (lines, whole) = read(&path)?;
        let append = |name: &Path| OpenOptions::new().append(true).create(true).open(name);
        let sessions = append(&path)?;
        // A line that a kill cut short would spoil the next one.
        sessions.set_len(whole)?;
        let journal = Self {
            sessions,
            requests: append(&dir.join("requests.jsonl"))?,
            _lock: lock,
        };
        Ok((journal, lines))
    }

    pub(super) fn write(&mut self, line: &Line) -> io::Result<()> {
        append(&mut self.sessions, line)
    }

    pub(super) fn log(&mut self, request: &Value) -> io::Result<()> {
        append(&mut self.requests, request)
    }
}

fn append(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
    text.push(b'\n');
    file.write_all(&text)
}

fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(TryLockError::WouldBlock) => {
                let message = "another sandbox uses this data directory";
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, message));
            }
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
}

/// The lines of a journal, and how many bytes of it are whole.
fn read(path: &Path) -> io::Result<(Vec<Line>, u64)> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(e) => return Err(e),
    };
    let (mut reader, mut lines, mut whole) = (BufReader::new(file), Vec::new(), 0);
    let mut text = Vec::new();
    while reader.read_until(b'\n', &mut text)? > 0 {
        if !text.ends_with(b"\n") {
            break;
        }
        lines.push(serde_json::from_slice(&text).map_err(io::Error::other)?);
        whole += text.len() as u64;
        text.clear();
    }
    Ok((lines, whole))
}
