//! One line of the journal, as bytes: `<crc32 in hex><mark> <json>\n`.
//!
//! The mark is `.` on the last line of a batch and `+` on the lines before it. The checksum covers
//! the journal's id and the line's place besides the line, so a line that was moved, or comes from
//! another journal, is as wrong as a line with a flipped bit. Pure; no I/O here.

use std::hash::{BuildHasher as _, RandomState};

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use crate::state::StateError;

/// The format this program writes, and the newest it reads.
pub(super) const VERSION: u32 = 1;
const FORMAT: &str = "reconcile.state";
/// Checksum, mark and space.
const HEAD: usize = 10;

/// The journal's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    format: String,
    version: u32,
    /// Of this very file: a journal that is written anew gets another one.
    pub id: String,
}

/// Writes and checks the lines of one journal.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    seed: Hasher,
}

/// A line that is what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Framed<'a> {
    pub crc: u32,
    /// The batch goes on with the next line.
    pub more: bool,
    pub json: &'a str,
}

impl Header {
    pub fn new() -> Self {
        let random = |salt: u8| RandomState::new().hash_one((salt, std::process::id()));
        Self {
            format: FORMAT.into(),
            version: VERSION,
            id: format!("{:016x}{:016x}", random(0), random(1)),
        }
    }

    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = Vec::new();
        Frame::of_header().encode(&mut line, 0, false, &serde_json::to_vec(self)?);
        Ok(line)
    }

    /// Reads the header from its line. The version is looked at before the checksum, because a
    /// newer format may well have another one.
    pub fn decode(line: &[u8]) -> Result<Result<Self, StateError>, &'static str> {
        let json = line.get(HEAD..).ok_or("it has no header")?;
        let header: Self = serde_json::from_slice(json).map_err(|_| "its header is unreadable")?;
        if header.format != FORMAT {
            return Err("it is not a journal of reconcile");
        }
        if header.version > VERSION {
            return Ok(Err(StateError::NewerFormat {
                found: header.version,
                known: VERSION,
            }));
        }
        Frame::of_header().decode(0, line)?;
        Ok(Ok(header))
    }
}

impl Frame {
    fn of_header() -> Self {
        Self::new("")
    }

    pub fn new(id: &str) -> Self {
        let mut seed = Hasher::new();
        seed.update(id.as_bytes());
        Self { seed }
    }

    fn crc(&self, offset: u64, marked: &[u8]) -> u32 {
        let mut hasher = self.seed.clone();
        hasher.update(&offset.to_le_bytes());
        hasher.update(marked);
        hasher.finalize()
    }

    /// Appends the line that stands at `offset` of the journal. Returns its checksum.
    pub fn encode(&self, out: &mut Vec<u8>, offset: u64, more: bool, json: &[u8]) -> u32 {
        let start = out.len();
        out.extend_from_slice(b"00000000");
        out.extend_from_slice(if more { b"+ " } else { b". " });
        out.extend_from_slice(json);
        let crc = self.crc(offset, &out[start + 8..]);
        out[start..start + 8].copy_from_slice(format!("{crc:08x}").as_bytes());
        out.push(b'\n');
        crc
    }

    /// Checks a line, given without its newline.
    pub fn decode<'a>(&self, offset: u64, line: &'a [u8]) -> Result<Framed<'a>, &'static str> {
        let (head, json) = line.split_at_checked(HEAD).ok_or("the line is too short")?;
        let mut crc = [0; 4];
        hex::decode_to_slice(&head[..8], &mut crc).map_err(|_| "the line has no checksum")?;
        let crc = u32::from_be_bytes(crc);
        if self.crc(offset, &line[8..]) != crc {
            return Err("the checksum does not fit the line");
        }
        let more = match &head[8..] {
            b". " => false,
            b"+ " => true,
            _ => return Err("the line has no mark"),
        };
        let json = std::str::from_utf8(json).map_err(|_| "the line is not UTF-8")?;
        Ok(Framed { crc, more, json })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(frame: &Frame, offset: u64) -> Vec<u8> {
        let mut line = Vec::new();
        frame.encode(&mut line, offset, true, br#"{"forget":"a"}"#);
        assert_eq!(line.pop(), Some(b'\n'));
        line
    }

    #[test]
    fn a_line_is_valid_at_its_place_in_its_journal_only() {
        let frame = Frame::new("one");
        let line = line(&frame, 7);
        let framed = frame.decode(7, &line).unwrap();
        assert!(framed.more);
        assert_eq!(framed.json, r#"{"forget":"a"}"#);
        assert!(frame.decode(8, &line).is_err());
        assert!(Frame::new("two").decode(7, &line).is_err());
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let frame = Frame::new("one");
        let good = line(&frame, 7);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let decoded = frame.decode(7, &bad);
            // Upper-case hex digits are the same checksum.
            assert!(decoded.is_err() || bad.eq_ignore_ascii_case(&good), "{bit}");
        }
    }

    #[test]
    fn a_newer_version_is_told_apart_from_damage() {
        let newer = br#"whatever. {"format":"reconcile.state","version":9,"id":"x","new":1}"#;
        let decoded = Header::decode(newer).unwrap();
        assert!(matches!(
            decoded,
            Err(StateError::NewerFormat { found: 9, known: 1 })
        ));
        assert!(Header::decode(b"").is_err());
        assert!(Header::decode(br#"00000000. {"format":"x","version":1,"id":"x"}"#).is_err());
        let mut line = Header::new().encode().unwrap();
        line.pop();
        assert!(Header::decode(&line).unwrap().is_ok());
        line[20] ^= 1;
        assert!(Header::decode(&line).is_err());
    }
}
