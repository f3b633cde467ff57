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
        let mut log = Self {
            file: Some(file),
            ..Self::default()
        };
        for line in fs::read(&path)?.split(|byte| *byte == b'\n') {
            // A line that is damaged tells nothing; the others still do.
            if let Ok(line) = serde_json::from_slice(line) {
                log.take(line);
            }
        }
        Ok(log)
    }

    /// A line of the file: a request, or what became of an earlier one.
    fn take(&mut self, line: Value) {
        let Some(seq) = line["seq"].as_u64() else {
            return;
        };
        self.last = self.last.max(seq);
        match line.get("method") {
            Some(_) => self.remember(line),
            None => self.settle(seq, &line["status"]),
        }
    }

    fn remember(&mut self, entry: Value) {
        if self.entries.len() == REMEMBERED {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    fn settle(&mut self, seq: u64, status: &Value) {
        let found = self.entries.iter_mut().rev().find(|e| e["seq"] == seq);
        if let Some(entry) = found {
            entry["status"] = status.clone();
        }
    }

    /// Writes a request down as it came, before it has any effect; returns its number.
    pub(super) fn arrived(&mut self, mut entry: Value) -> u64 {
        self.last += 1;
        entry["seq"] = json!(self.last);
        self.write(&entry);
        self.remember(entry);
        self.last
    }

    /// It is settled what becomes of a request: a status, or none if its connection is dropped.
    pub(super) fn answered(&mut self, seq: u64, status: Option<u16>) {
        let outcome = json!({"seq": seq, "status": status});
        self.write(&outcome);
        self.settle(seq, &outcome["status"]);
    }

    fn write(&mut self, line: &Value) {
        if let Some(file) = &mut self.file
            && let Err(error) = append(file, line)
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
        "bytes": received.length,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_in_the_file_before_its_answer_and_numbers_are_not_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RequestLog::open(dir.path()).unwrap();
        let answered = log.arrived(json!({"method": "GET", "status": null}));
        log.answered(answered, Some(200));
        log.arrived(json!({"method": "POST", "status": null}));
        drop(log);
        let mut again = RequestLog::open(dir.path()).unwrap();
        let requests = again.since(0);
        assert_eq!(
            requests[0],
            json!({"method": "GET", "seq": 1, "status": 200})
        );
        assert_eq!(
            requests[1],
            json!({"method": "POST", "seq": 2, "status": null})
        );
        assert_eq!(again.arrived(json!({"method": "GET"})), 3);
    }

    #[test]
    fn a_damaged_line_hides_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let lines = b"{\"method\":\"GET\",\"seq\":7}\n\xff\xfe\n{\n".to_vec();
        fs::write(dir.path().join("requests.jsonl"), lines).unwrap();
        let mut log = RequestLog::open(dir.path()).unwrap();
        assert_eq!(log.since(0).as_array().unwrap().len(), 1);
        assert_eq!(log.arrived(json!({"method": "GET"})), 8);
    }
}
