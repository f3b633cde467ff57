//! Questions the decision asks of desired and recorded state, answered from maps made once.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use crate::project::Desired;
use crate::state::Recorded;
use crate::video::{Name, VideoHash};

pub(super) struct Lookup<'a> {
    desired: &'a Desired,
    recorded: &'a Recorded,
    maps: OnceCell<Maps<'a>>,
}

/// Made when the first name asks: where nothing changed, none does.
#[derive(Default)]
struct Maps<'a> {
    /// Wished names whose record shows a hash: the first by name.
    shown_by: HashMap<VideoHash, &'a Name>,
    /// Records without a wish: the first by name.
    orphans: HashMap<VideoHash, &'a Name>,
    /// The name whose unsettled attempt holds a hash.
    held_by: HashMap<VideoHash, &'a Name>,
    /// Hashes of the finished videos of wished names, also while a successor is made.
    shown_for_now: HashSet<VideoHash>,
}

impl<'a> Maps<'a> {
    fn new(lookup: &Lookup<'a>) -> Self {
        let desired = lookup.desired;
        let whole = desired.problems.is_empty() && desired.hidden.is_empty();
        let mut maps = Self::default();
        for (name, record) in &lookup.recorded.records {
            if lookup.is_unsettled(&record.hash) {
                maps.held_by.entry(record.hash).or_insert(name);
            }
            if desired.wishes.contains_key(name) {
                maps.shown_by.entry(record.hash).or_insert(name);
                maps.shown_for_now
                    .extend(lookup.recorded.finished(record).map(|a| a.hash));
            } else if whole {
                maps.orphans.entry(record.hash).or_insert(name);
            }
        }
        maps
    }
}

impl<'a> Lookup<'a> {
    pub(super) fn new(desired: &'a Desired, recorded: &'a Recorded) -> Self {
        Self {
            desired,
            recorded,
            maps: OnceCell::new(),
        }
    }

    fn maps(&self) -> &Maps<'a> {
        self.maps.get_or_init(|| Maps::new(self))
    }

    pub(super) fn is_unsettled(&self, hash: &VideoHash) -> bool {
        self.recorded
            .last_attempt(hash)
            .is_some_and(|a| a.phase.is_unsettled())
    }

    pub(super) fn shown_by(&self, hash: &VideoHash) -> Option<&'a Name> {
        self.maps().shown_by.get(hash).copied()
    }

    pub(super) fn is_shown_for_now(&self, hash: &VideoHash) -> bool {
        self.maps().shown_for_now.contains(hash)
    }

    pub(super) fn held_by(&self, hash: &VideoHash) -> Option<&'a Name> {
        self.maps().held_by.get(hash).copied()
    }

    /// The first orphan by name that shows a hash. Empty while anything can't be read.
    pub(super) fn orphan_with(&self, hash: &VideoHash) -> Option<&'a Name> {
        self.maps().orphans.get(hash).copied()
    }
}
