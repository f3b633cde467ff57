//! The log of raw requests, by which the client is judged from this side. Keys never enter it.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use hyper::header::HeaderMap;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::clock::now_ms;
use super::faults::Kind;
use super::journal::{append, append_to};
use super::received::Received;

/// The last requests that can be asked for.
const REMEMBERED: usize = 20_000;
/// Longest part of a body that is kept.
const LONGEST_BODY: usize = 64 * 1024;
/// A file longer than this is put aside at the next start.
const LONGEST_FILE: u64 = 64 << 20;
const SECRET_HEADERS: [&str; 3] = ["x-api-key", "authorization", "cookie"];

#[derive(Debug, Default)]
pub(super) struct RequestLog {
    entries: VecDeque<Value>,
    file: Option<File>,
    last: u64,
}

impl RequestLog {
    /// Goes on with the log of a data directory.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join("requests.jsonl");
        if fs::metadata(&path).is_ok_and(|m| m.len() > LONGEST_FILE) {
            fs::rename(&path, dir.join("requests.old.jsonl"))?;
        }
        let file = append_to(&path)?;
        let text = fs::read_to_string(&path)?;
        let lines: Vec<_> = text.lines().collect();
        let recent = &lines[lines.len().saturating_sub(REMEMBERED)..];
        let entries = recent.iter().filter_map(|l| serde_json::from_str(l).ok());
        let entries: VecDeque<Value> = entries.collect();
        let last = entries.iter().filter_map(|e| e["seq"].as_u64()).max();
        Ok(Self {
            last: last.unwrap_or(0),
            entries,
            file: Some(file),
        })
    }

    /// Remembers a request as it came; returns its number.
    pub(super) fn arrived(&mut self, mut entry: Value) -> u64 {
        self.last += 1;
        entry["seq"] = json!(self.last);
        if self.entries.len() == REMEMBERED {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        self.last
    }

    /// It is settled what becomes of a request: a status, or none if its connection is dropped.
    /// Only now it goes to the file.
    pub(super) fn answered(&mut self, seq: u64, status: Option<u16>) {
        let found = self.entries.iter_mut().rev().find(|e| e["seq"] == seq);
        let Some(entry) = found else { return };
        entry["status"] = json!(status);
        if let Some(file) = &mut self.file
            && let Err(error) = append(file, entry)
        {
            tracing::warn!(%error, "the sandbox could not log a request");
        }
    }

    /// What came after the entry of that number, oldest first.
    pub(super) fn since(&self, seq: u64) -> Value {
        let later = |e: &&Value| e["seq"].as_u64().is_some_and(|n| n > seq);
        self.entries.iter().filter(later).cloned().collect()
    }

    pub(super) fn close(&mut self) {
        self.file = None;
    }
}

/// A request as it came, without an answer yet.
pub(super) fn entry(received: &Received, faults: &[Kind]) -> Value {
    let key = received.header("x-api-key").filter(|k| !k.is_empty());
    let body = &received.body[..received.body.len().min(LONGEST_BODY)];
    json!({
        "time_ms": now_ms(),
        "method": received.method,
        "path": received.path,
        "query": received.query,
        "headers": headers(&received.headers),
        "content_type": received.header("content-type"),
        "idempotency_key": received.header("idempotency-key"),
        // Enough to tell keys apart, useless to whoever reads the log.
        "key_present": key.is_some(),
        "key_sha256": key.map(|k| hex::encode(&Sha256::digest(k)[..4])),
        "bytes": received.body.len(),
        "body": text(body),
        "faults": faults.iter().map(Kind::name).collect::<Vec<_>>(),
        "status": null,
    })
}

/// The body as text, unless it is none; a character that the cut went through does not count.
fn text(body: &[u8]) -> Option<&str> {
    match std::str::from_utf8(body) {
        Ok(text) => Some(text),
        Err(e) if e.error_len().is_none() && body.len() == LONGEST_BODY => {
            std::str::from_utf8(&body[..e.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let shown = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        let value = match SECRET_HEADERS.contains(&name.as_str()) {
            true => "***".to_owned(),
            false => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        (name.as_str().to_owned(), json!(value))
    };
    headers.iter().map(shown).collect()
}
