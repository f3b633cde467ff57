//! One line of the journal, as bytes: `<crc32 in hex><mark> <json>\n`.
//!
//! The mark is `.` on the last line of a batch and `+` on the lines before it. The checksum covers
//! the journal's id and the line's place besides the line, so a line that was moved, or comes from
//! another journal, is as wrong as a line with a flipped bit. Pure; no I/O here.

use std::hash::{BuildHasher as _, RandomState};

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use super::file_id::FileId;
use crate::state::StateError;

/// The format this program writes, and the newest it reads.
pub(super) const VERSION: u32 = 1;
const FORMAT: &str = "reconcile.state";
/// Checksum, mark and space.
const HEAD: usize = 10;
/// What a line has besides its JSON, the newline included.
pub(super) const AROUND: usize = HEAD + 1;
/// Of CRC-32, lowest bit first.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// The journal's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    format: String,
    version: u32,
    /// Of this very file: a journal that is written anew gets another one.
    pub id: String,
    /// The journal it was written from, and how often that was done.
    #[serde(default, skip_serializing_if = "Lineage::is_first")]
    pub lineage: Lineage,
    /// The file it was written to. A copy of it is another file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileId>,
}

/// Where a journal that was written anew comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct Lineage {
    /// The id of the one before.
    pub after: Option<String>,
    /// Counts the times, from the first journal on.
    pub rewritten: u64,
    /// How many lines it began with. Those may be of any age; what follows them is younger.
    #[serde(default)]
    pub lines: usize,
}

impl Lineage {
    fn is_first(&self) -> bool {
        *self == Self::default()
    }
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
    pub fn new(lineage: Lineage, file: Option<FileId>) -> Self {
        let random = |salt: u8| RandomState::new().hash_one((salt, std::process::id()));
        Self {
            format: FORMAT.into(),
            version: VERSION,
            id: format!("{:016x}{:016x}", random(0), random(1)),
            lineage,
            file,
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

    /// A frame whose journal's id is not known, only what the checksum makes of it.
    pub fn from_seed(seed: u32) -> Self {
        let seed = Hasher::new_with_initial(seed);
        Self { seed }
    }

    /// What the checksum of the journal's id must be for this line to be intact: runs the checksum
    /// backwards. Intact lines of one journal agree.
    pub fn seed_of(offset: u64, line: &[u8]) -> Option<u32> {
        let (crc, marked) = line.split_at_checked(8)?;
        let mut register = !stated_crc(crc)?;
        let bytes = offset.to_le_bytes();
        for byte in bytes.iter().chain(marked).rev() {
            for _ in 0..8 {
                let carried = if register >> 31 == 1 { POLYNOMIAL } else { 0 };
                register = (register ^ carried) << 1 | u32::from(carried != 0);
            }
            register ^= u32::from(*byte);
        }
        Some(!register)
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
        let crc = stated_crc(&head[..8]).ok_or("the line has no checksum")?;
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

/// Whether a line bears the mark of a batch's end, intact or not.
pub(super) fn ends_batch(line: &[u8]) -> bool {
    line.get(8) == Some(&b'.')
}

/// Whether bytes without a newline are the beginning of a line, and nothing else.
pub(super) fn is_cut_short(bytes: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at {
        0..8 => byte.is_ascii_hexdigit(),
        8 => b".+".contains(byte),
        9 => *byte == b' ',
        _ => *byte >= b' ',
    };
    bytes.iter().enumerate().all(fits)
}

fn stated_crc(hex: &[u8]) -> Option<u32> {
    let mut crc = [0; 4];
    hex::decode_to_slice(hex, &mut crc).ok()?;
    Some(u32::from_be_bytes(crc))
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
        let mut line = Header::new(Lineage::default(), None).encode().unwrap();
        line.pop();
        assert!(Header::decode(&line).unwrap().is_ok());
        line[20] ^= 1;
        assert!(Header::decode(&line).is_err());
    }

    #[test]
    fn a_header_of_the_first_release_is_read() {
        let json = br#"{"format":"reconcile.state","version":1,"id":"00"}"#;
        let mut line = Vec::new();
        Frame::of_header().encode(&mut line, 0, false, json);
        line.pop();
        let header = Header::decode(&line).unwrap().unwrap();
        assert_eq!(header.lineage, Lineage::default());
        assert_eq!(header.file, None);
    }

    #[test]
    fn the_seed_is_found_in_any_line_of_a_journal_whose_header_is_gone() {
        let frame = Frame::new("lost id");
        let line = line(&frame, 4711);
        let seed = Frame::seed_of(4711, &line).unwrap();
        let found = Frame::from_seed(seed);
        assert_eq!(found.decode(4711, &line), frame.decode(4711, &line));
        assert!(found.decode(4712, &line).is_err());
    }
}
