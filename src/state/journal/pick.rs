//! Reading lines of a journal whose places are known from elsewhere.

use std::os::unix::fs::FileExt as _;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Journal, fold, scan};
use crate::state::disk::{damaged, io_error};
use crate::state::{Entry, Recorded, StateError};

/// Lines this far apart are still read at once.
const SPAN: u64 = 2 << 20;

/// Where a line stands, without its newline, and its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::state) struct Spot {
    pub offset: u64,
    pub len: u32,
    pub crc: u32,
}

impl Spot {
    /// A line is far below 4 GiB: its entry is.
    pub fn new(offset: u64, line: &[u8], crc: u32) -> Self {
        let len = u32::try_from(line.len()).unwrap_or(u32::MAX);
        Self { offset, len, crc }
    }

    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.offset.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.len.to_be_bytes());
        bytes[12..].copy_from_slice(&self.crc.to_be_bytes());
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (offset, rest) = bytes.split_first_chunk()?;
        let (len, crc) = rest.split_first_chunk()?;
        Some(Self {
            offset: u64::from_be_bytes(*offset),
            len: u32::from_be_bytes(*len),
            crc: u32::from_be_bytes(crc.try_into().ok()?),
        })
    }

    /// Where the next line begins.
    pub fn next(self) -> u64 {
        self.end() + 1
    }

    fn end(self) -> u64 {
        self.offset + u64::from(self.len)
    }
}

impl Journal {
    /// Whether this very line stands there.
    pub fn holds(&self, spot: Spot) -> Result<bool, StateError> {
        if spot.next() > self.len()? {
            return Ok(false);
        }
        let bytes = self.read(spot.offset, spot.next())?;
        let Some((b'\n', line)) = bytes.split_last() else {
            return Ok(false);
        };
        let framed = self.frame.decode(spot.offset, line);
        Ok(framed.is_ok_and(|framed| framed.crc == spot.crc))
    }

    pub(super) fn read(&self, start: u64, end: u64) -> Result<Vec<u8>, StateError> {
        let failed = || io_error("read", &self.path);
        let size = usize::try_from(end - start).map_err(std::io::Error::other);
        let mut bytes = vec![0; size.map_err(failed())?];
        self.file
            .read_exact_at(&mut bytes, start)
            .map_err(failed())?;
        Ok(bytes)
    }

    /// What the lines at these places hold, folded. The places are in order.
    pub fn load_at(&self, spots: &[Spot]) -> Result<Recorded, StateError> {
        let mut recorded = Recorded::default();
        let mut parsed = Vec::new();
        for near in spots.chunk_by_span() {
            let (next, ()) = rayon::join(
                || self.parse_at(near),
                || fold(&mut recorded, std::mem::take(&mut parsed)),
            );
            parsed = next?;
        }
        fold(&mut recorded, parsed);
        Ok(recorded)
    }

    fn parse_at(&self, spots: &[Spot]) -> Result<Vec<Vec<Entry>>, StateError> {
        let (Some(first), Some(last)) = (spots.first(), spots.last()) else {
            return Ok(Vec::new());
        };
        let bytes = self.read(first.offset, last.end())?;
        let portions = spots.par_chunks(scan::PORTION);
        let parse = |spot: &Spot| self.parse_line(*spot, first.offset, &bytes);
        portions
            .map(|portion| portion.iter().map(parse).collect())
            .collect()
    }

    fn parse_line(&self, spot: Spot, start: u64, bytes: &[u8]) -> Result<Entry, StateError> {
        let wrong = |what: String| damaged(&self.path, spot.offset, what);
        let from = usize::try_from(spot.offset - start).unwrap_or(usize::MAX);
        let line = bytes
            .get(from..)
            .and_then(|rest| rest.get(..spot.len as usize))
            .ok_or_else(|| wrong("lines overlap".into()))?;
        let framed = self.frame.decode(spot.offset, line);
        let framed = framed.map_err(|what| wrong(what.into()))?;
        if framed.crc != spot.crc {
            return Err(wrong("the index knows of another line here".into()));
        }
        scan::parse(framed.json).map_err(wrong)
    }
}

trait BySpan {
    fn chunk_by_span(&self) -> impl Iterator<Item = &[Spot]>;
}

impl BySpan for [Spot] {
    /// Portions that can be read at once.
    fn chunk_by_span(&self) -> impl Iterator<Item = &[Spot]> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let first = rest.first()?;
            let near = rest.partition_point(|spot| spot.end() <= first.offset + SPAN);
            let (chunk, left) = rest.split_at(near.max(1));
            rest = left;
            Some(chunk)
        })
    }
}
