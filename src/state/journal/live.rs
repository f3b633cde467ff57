//! What counts of a journal: the lines that go into the one that takes its place.

use std::collections::HashSet;

use super::scan::parse;
use super::{Journal, frame};
use crate::state::disk::damaged;
use crate::state::key::{Key, Keyed};
use crate::state::{Entry, Recorded, StateError};

/// The latest line of each key, in their order, and what they add up to.
#[derive(Debug, Default)]
pub(in crate::state) struct Live {
    pub lines: Vec<String>,
    pub recorded: Recorded,
}

impl Journal {
    /// Reads and checks the whole journal.
    pub fn live(&self) -> Result<Live, StateError> {
        let mut blocks = Vec::new();
        let extent = self.scan(self.start, |lines| {
            let latest = lines.iter().filter(|line| line.latest);
            blocks.push(latest.map(|line| line.json.to_owned()).collect());
            Ok(())
        })?;
        let mut lines: Vec<String> = blocks.into_iter().rev().collect::<Vec<Vec<_>>>().concat();
        lines.extend(extent.rescued.unwrap_or_default());
        Live::new(lines).map_err(|what| damaged(&self.path, self.start, what))
    }
}

impl Live {
    /// Of all these lines, in the order they were written.
    pub fn new(lines: Vec<String>) -> Result<Self, String> {
        let entries = lines.iter().map(|json| parse(json));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let mut counts: Vec<_> = latest(&entries);
        let mut recorded = Recorded::default();
        for entry in entries.iter().cloned() {
            recorded.put(entry);
        }
        let needed = needed_runs(&recorded);
        recorded.runs.retain(|number, _| needed.contains(number));
        for (counts, entry) in counts.iter_mut().zip(&entries) {
            *counts &= !matches!(entry, Entry::Run(run) if !needed.contains(&run.number));
        }
        let lines = lines.into_iter().zip(counts);
        let lines = lines.filter_map(|(line, counts)| counts.then_some(line));
        Ok(Self {
            lines: lines.collect(),
            recorded,
        })
    }

    /// Bytes that a journal of these lines has, but for its header.
    pub fn size(&self) -> u64 {
        let line = |line: &String| (line.len() + frame::AROUND) as u64;
        self.lines.iter().map(line).sum()
    }
}

/// Which entries no later one replaces or takes away, and take nothing away themselves.
fn latest(entries: &[Entry]) -> Vec<bool> {
    let mut seen: HashSet<Key<'_>> = HashSet::new();
    let mut latest: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| {
            let keyed = Keyed::of(entry);
            seen.insert(keyed.key) && !keyed.removes
        })
        .collect();
    latest.reverse();
    latest
}

/// A run is large, and serves only to settle what was submitted in it. The newest keeps the count.
fn needed_runs(recorded: &Recorded) -> HashSet<u64> {
    let attempts = recorded.attempts.values().flatten();
    let unsettled = attempts.filter(|attempt| attempt.phase.is_unsettled());
    let newest = recorded.runs.keys().next_back().copied();
    unsettled.filter_map(|a| a.run).chain(newest).collect()
}
