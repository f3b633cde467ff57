//! The end of a journal, as a power loss may leave it.
//!
//! A write that was never acknowledged may be on the disk in part: cut short, or as long as it
//! should be with zeros or old bytes where pages are missing. Bytes like that where the last batch
//! stands are no reason to stop for. But nothing proves that the batch was not acknowledged, so the
//! state can't vouch for that time any more. Damage before the last batch, or larger than a batch
//! of a submission can be, stays damage.

use super::frame::{Framed, ends_batch, is_cut_short};
use super::{Journal, line_starts};
use crate::state::StateError;
use crate::state::disk::damaged;

/// An entry has at most 64 KiB, and a batch of a submission holds one of that size.
const LARGEST: u64 = 128 << 10;

/// A last batch that can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Where it begins.
    pub from: u64,
    /// What is intact of it.
    pub rescued: Vec<String>,
}

/// One line near the end.
struct Near<'a> {
    offset: u64,
    /// `None` where it can't be read.
    framed: Option<Framed<'a>>,
    /// It bears the mark of a batch's end, readable or not.
    ends: bool,
}

impl Journal {
    /// Looks at the end of what begins with the line at `from`. `None` when all is well, a write
    /// that was cut short included.
    pub(super) fn tail(&self, from: u64, len: u64) -> Result<Option<Tail>, StateError> {
        let reach = from.max(len.saturating_sub(LARGEST));
        let bytes = self.read(reach, len.max(reach))?;
        let skipped = match bytes.iter().position(|b| *b == b'\n') {
            _ if reach == from => 0,
            Some(newline) => newline + 1,
            None => return Err(self.unreadable(reach)),
        };
        let near = self.near(reach + skipped as u64, &bytes[skipped..]);
        let batch = last_batch(&near);
        let Some(bad) = batch.iter().find(|line| line.framed.is_none()) else {
            return Ok(None);
        };
        let begins_further_up = batch.len() == near.len() && reach != from;
        if begins_further_up || is_more_than_one(batch) {
            return Err(self.unreadable(bad.offset));
        }
        let intact = batch.iter().filter_map(|line| line.framed);
        Ok(Some(Tail {
            from: batch.first().map_or(len, |line| line.offset),
            rescued: intact.map(|framed| framed.json.to_owned()).collect(),
        }))
    }

    fn near<'b>(&self, start: u64, bytes: &'b [u8]) -> Vec<Near<'b>> {
        let lines = line_starts(start, bytes);
        let counts = |line: &[u8]| line.ends_with(b"\n") || !is_cut_short(line);
        lines
            .filter(|(_, line)| counts(line))
            .map(|(offset, line)| {
                let framed = line.strip_suffix(b"\n");
                Near {
                    offset,
                    framed: framed.and_then(|line| self.frame.decode(offset, line).ok()),
                    ends: ends_batch(line),
                }
            })
            .collect()
    }

    fn unreadable(&self, offset: u64) -> StateError {
        let what = "it can't be read from here on, though more than one batch stood here";
        damaged(&self.path, offset, what)
    }
}

/// What follows the last end of a batch that can be read, the last line aside.
fn last_batch<'n, 'b>(near: &'n [Near<'b>]) -> &'n [Near<'b>] {
    let before = &near[..near.len().saturating_sub(1)];
    let is_end = |line: &Near| line.framed.is_some_and(|framed| !framed.more);
    let end = before.iter().rposition(is_end);
    &near[end.map_or(0, |at| at + 1)..]
}

/// A line that can't be read but ended a batch, with others after it.
fn is_more_than_one(batch: &[Near<'_>]) -> bool {
    let before = &batch[..batch.len().saturating_sub(1)];
    before.iter().any(|line| line.framed.is_none() && line.ends)
}
