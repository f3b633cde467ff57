//! Questions the decision asks of desired and recorded state, answered from maps made once.

use std::collections::HashMap;

use crate::project::Desired;
use crate::state::{Record, Recorded};
use crate::video::{Name, VideoHash};

pub(super) struct Lookup<'a> {
    pub(super) recorded: &'a Recorded,
    /// Wished names whose record shows a hash: the first by name.
    shown_by: HashMap<VideoHash, &'a Name>,
    /// Records without a wish: the first by name.
    orphans: HashMap<VideoHash, &'a Name>,
    /// The name whose unsettled attempt holds a hash.
    held_by: HashMap<VideoHash, &'a Name>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(desired: &'a Desired, recorded: &'a Recorded) -> Self {
        let mut lookup = Self {
            recorded,
            shown_by: HashMap::new(),
            orphans: HashMap::new(),
            held_by: HashMap::new(),
        };
        lookup.sort_records(desired);
        lookup
    }

    fn sort_records(&mut self, desired: &'a Desired) {
        let whole = desired.problems.is_empty() && desired.hidden.is_empty();
        for (name, record) in &self.recorded.records {
            if self.is_unsettled(&record.hash) {
                self.held_by.entry(record.hash).or_insert(name);
            }
            if desired.wishes.contains_key(name) {
                self.shown_by.entry(record.hash).or_insert(name);
            } else if whole {
                self.orphans.entry(record.hash).or_insert(name);
            }
        }
    }

    pub(super) fn record(&self, name: &Name) -> Option<&'a Record> {
        self.recorded.records.get(name)
    }

    pub(super) fn is_unsettled(&self, hash: &VideoHash) -> bool {
        self.recorded
            .last_attempt(hash)
            .is_some_and(|a| a.phase.is_unsettled())
    }

    pub(super) fn shown_by(&self, hash: &VideoHash) -> Option<&'a Name> {
        self.shown_by.get(hash).copied()
    }

    pub(super) fn held_by(&self, hash: &VideoHash) -> Option<&'a Name> {
        self.held_by.get(hash).copied()
    }

    /// The first orphan by name that shows a hash. Empty while anything can't be read.
    pub(super) fn orphan_with(&self, hash: &VideoHash) -> Option<&'a Name> {
        self.orphans.get(hash).copied()
    }
}
