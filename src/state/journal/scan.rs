//! Reading a journal: every line checked, the latest of each key told apart, a torn end left out.
//!
//! The file is read from its end, so that an entry that was superseded is never parsed.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};

use rayon::prelude::*;

use super::backward::{Backward, Block};
use super::{Journal, Spot};
use crate::state::disk::{damaged, io_error};
use crate::state::key::Keyed;
use crate::state::{Entry, StateError};

/// Below this many lines a second thread costs more than it brings.
pub(super) const PORTION: usize = 512;

/// A checked line of a batch that was written to its end.
#[derive(Debug, Clone, Copy)]
pub(in crate::state) struct Line<'a> {
    pub spot: Spot,
    pub json: &'a str,
    /// No later line has its key.
    pub latest: bool,
    more: bool,
    fingerprint: u128,
}

/// How far a journal was found to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::state) struct Extent {
    /// The last line of the last batch that was written to its end; `None` when nothing was found. Writing goes on after it.
    pub last: Option<Spot>,
    /// The size of the file. What lies beyond `last` is torn: it was never acknowledged.
    pub len: u64,
    /// What is intact of a last batch that can't be read as a whole; `None` when all can be read.
    pub rescued: Option<Vec<String>>,
}

impl Journal {
    /// Shows `visit` every line from the one that begins at `from`, some thousands at a time, the
    /// last ones first.
    pub fn scan(
        &self,
        from: u64,
        mut visit: impl FnMut(&[Line<'_>]) -> Result<(), StateError>,
    ) -> Result<Extent, StateError> {
        let unreadable = || io_error("read", &self.path);
        let len = self.len()?;
        let tail = self.tail(from, len)?;
        let end = tail.as_ref().map_or(len, |tail| tail.from);
        let mut walk = Backward::new(&self.file, from, end).map_err(unreadable())?;
        let mut seen = Seen::default();
        let mut last = None;
        while let Some(block) = walk.next().map_err(unreadable())? {
            let mut lines = self.check(&block, &seen)?;
            if last.is_none() {
                lines.truncate(lines.iter().rposition(|l| !l.more).map_or(0, |at| at + 1));
                last = lines.last().map(|line| line.spot);
            }
            seen.mark_latest(&mut lines);
            visit(&lines)?;
        }
        let rescued = tail.map(|tail| tail.rescued);
        Ok(Extent { last, len, rescued })
    }

    fn check<'b>(&self, block: &Block<'b>, seen: &Seen) -> Result<Vec<Line<'b>>, StateError> {
        let portions = shared_out(&block.lines(), |(offset, line)| {
            self.check_line(*offset, line, seen)
        })?;
        Ok(portions.into_iter().flatten().collect())
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
        let fingerprint = match Keyed::peek(framed.json.as_bytes()) {
            Some(keyed) => seen.fingerprint(&keyed),
            None => seen.fingerprint(&Keyed::of(&parse(framed.json).map_err(wrong)?)),
        };
        Ok(Line {
            spot: Spot::new(offset, line, framed.crc),
            json: framed.json,
            latest: false,
            more: framed.more,
            fingerprint,
        })
    }

    /// Parses the lines that count, in portions.
    pub fn parse_latest(&self, lines: &[Line<'_>]) -> Result<Vec<Vec<Entry>>, StateError> {
        let latest: Vec<_> = lines.iter().filter(|line| line.latest).collect();
        shared_out(&latest, |line| {
            parse(line.json).map_err(|what| damaged(&self.path, line.spot.offset, what))
        })
    }
}

pub(super) fn parse(json: &str) -> Result<Entry, String> {
    serde_json::from_str(json).map_err(|e| format!("the line is no entry: {e}"))
}

/// Shares work out to every core. The results come in portions, in order: what is parsed is large,
/// and would be copied once more to be in one piece.
fn shared_out<T: Sync, R: Send>(
    items: &[T],
    each: impl Fn(&T) -> Result<R, StateError> + Sync + Send,
) -> Result<Vec<Vec<R>>, StateError> {
    if items.len() <= PORTION {
        return Ok(vec![items.iter().map(each).collect::<Result<_, _>>()?]);
    }
    let portions = items.par_chunks(PORTION);
    portions
        .map(|portion| portion.iter().map(&each).collect())
        .collect()
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
