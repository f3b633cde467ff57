//! How many of our videos are unfinished. Pure.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::follow::Key;
use crate::state::Attempt;

/// A video that renders longer is trouble; it frees its slot.
const LONGEST_RENDER: SignedDuration = SignedDuration::from_hours(24);
/// An attempt with an unknown outcome may be rendering; after so long it would be finished.
const LONGEST_UNKNOWN: SignedDuration = SignedDuration::from_hours(1);

/// The attempts that take a slot at HeyGen, as far as the record knows, each until when.
#[derive(Debug, Default)]
pub(super) struct Slots(HashMap<Key, Timestamp>);

impl Slots {
    /// To be told of every attempt whenever it changes.
    pub(super) fn note(&mut self, attempt: &Attempt) {
        let key = (attempt.hash, attempt.number);
        match freed_at(attempt) {
            Some(until) => self.0.insert(key, until),
            None => self.0.remove(&key),
        };
    }

    pub(super) fn holds(&self, key: &Key, now: Timestamp) -> bool {
        self.0.get(key).is_some_and(|until| *until > now)
    }

    pub(super) fn taken(&self, now: Timestamp) -> usize {
        self.0.values().filter(|until| **until > now).count()
    }
}

/// When an attempt's slot is free even if nothing is heard of it any more; `None` if it takes none.
pub(super) fn freed_at(attempt: &Attempt) -> Option<Timestamp> {
    let longest = match attempt.phase {
        phase if phase.is_unfinished() => LONGEST_RENDER,
        phase if phase.is_unsettled() => LONGEST_UNKNOWN,
        _ => return None,
    };
    let since = attempt.answered_at.unwrap_or(attempt.intent_at);
    Some(since.saturating_add(longest).unwrap_or(Timestamp::MAX))
}
