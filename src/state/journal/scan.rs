//! Reading a journal: every line checked, the latest of each key told apart, a torn end left out.
//!
//! The file is read from its end, so that an entry that was superseded is never parsed.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};

use rayon::prelude::*;

use super::Journal;
use super::backward::{Backward, Block};
use crate::state::disk::{damaged, io_error};
use crate::state::key::Keyed;
use crate::state::{Entry, StateError};

/// Below this many lines a second thread costs more than it brings.
const SHARED_OUT: usize = 512;

/// A checked line of a batch that was written to its end.
#[derive(Debug, Clone, Copy)]
pub(in crate::state) struct Line<'a> {
    pub offset: u64,
    /// Where the next line begins.
    pub end: u64,
    pub crc: u32,
    pub json: &'a [u8],
    /// No later line has its key.
    pub latest: bool,
    more: bool,
    fingerprint: u128,
}

/// How far a journal was found to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::state) struct Extent {
    /// The end of the last batch that was written to its end: where writing goes on.
    pub end: u64,
    /// The checksum of the last line before `end`.
    pub crc: u32,
    /// The size of the file. What lies between is torn: it was never acknowledged.
    pub len: u64,
}

impl Journal {
    /// Shows `visit` every line, some thousands at a time, the last ones first.
    pub fn scan(
        &self,
        mut visit: impl FnMut(&[Line<'_>]) -> Result<(), StateError>,
    ) -> Result<Extent, StateError> {
        let unreadable = || io_error("read", &self.path);
        let len = self.len()?;
        let mut walk = Backward::new(&self.file, self.start, len).map_err(unreadable())?;
        let mut seen = Seen::default();
        let mut end = None;
        while let Some(block) = walk.next().map_err(unreadable())? {
            let mut lines = self.check(&block, &seen)?;
            if end.is_none() {
                lines.truncate(lines.iter().rposition(|l| !l.more).map_or(0, |at| at + 1));
                end = lines.last().map(|line| (line.end, line.crc));
            }
            seen.mark_latest(&mut lines);
            visit(&lines)?;
        }
        let (end, crc) = end.unwrap_or((self.start, self.crc));
        Ok(Extent { end, crc, len })
    }

    fn check<'b>(&self, block: &Block<'b>, seen: &Seen) -> Result<Vec<Line<'b>>, StateError> {
        shared_out(&block.lines(), |(offset, line)| {
            self.check_line(*offset, line, seen)
        })
    }

    fn check_line<'b>(
        &self,
        offset: u64,
        line: &'b [u8],
        seen: &Seen,
    ) -> Result<Line<'b>, StateError> {
        let wrong = |what: String| damaged(&self.path, offset, what);
        let framed = self
            .frame
            .decode(offset, line)
            .map_err(|what| wrong(what.into()))?;
        let fingerprint = match Keyed::peek(framed.json) {
            Some(keyed) => seen.fingerprint(&keyed),
            None => seen.fingerprint(&Keyed::of(&parse(framed.json).map_err(wrong)?)),
        };
        Ok(Line {
            offset,
            end: offset + line.len() as u64 + 1,
            crc: framed.crc,
            json: framed.json,
            latest: false,
            more: framed.more,
            fingerprint,
        })
    }

    /// Parses the lines that count.
    pub fn parse_latest(&self, lines: &[Line<'_>]) -> Result<Vec<Entry>, StateError> {
        let latest: Vec<_> = lines.iter().filter(|line| line.latest).collect();
        shared_out(&latest, |line| {
            parse(line.json).map_err(|what| damaged(&self.path, line.offset, what))
        })
    }
}

fn parse(json: &[u8]) -> Result<Entry, String> {
    serde_json::from_slice(json).map_err(|e| format!("the line is no entry: {e}"))
}

fn shared_out<T: Sync, R: Send>(
    items: &[T],
    each: impl Fn(&T) -> Result<R, StateError> + Sync + Send,
) -> Result<Vec<R>, StateError> {
    if items.len() < SHARED_OUT {
        return items.iter().map(each).collect();
    }
    items.par_iter().with_min_len(128).map(each).collect()
}

/// The keys met so far, as 128 bits each of a hash nobody can aim at.
#[derive(Default)]
struct Seen {
    keys: HashSet<u128, BuildHasherDefault<AsItIs>>,
    high: RandomState,
    low: RandomState,
}

impl Seen {
    fn fingerprint(&self, keyed: &Keyed<'_>) -> u128 {
        let high = self.high.hash_one(&keyed.key);
        u128::from(high) << 64 | u128::from(self.low.hash_one(&keyed.key))
    }

    fn mark_latest(&mut self, lines: &mut [Line<'_>]) {
        for line in lines.iter_mut().rev() {
            line.latest = self.keys.insert(line.fingerprint);
        }
    }
}

/// A fingerprint is a hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (head, _) = bytes.as_chunks::<8>();
        self.0 = head.first().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    }
}
