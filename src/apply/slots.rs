//! How many of our videos are unfinished. Pure.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::state::{Attempt, AttemptKey, Phase, Recorded};

/// A video that renders longer is trouble; it frees its slot.
const LONGEST_RENDER: SignedDuration = SignedDuration::from_hours(24);
/// An attempt with an unknown outcome may be rendering; after so long it would be finished.
const LONGEST_UNKNOWN: SignedDuration = SignedDuration::from_hours(1);

/// The attempts that take a slot at HeyGen, as far as the record knows.
#[derive(Debug, Default)]
pub(super) struct Slots(HashMap<AttemptKey, Taken>);

#[derive(Debug, Clone, Copy)]
struct Taken {
    until: Timestamp,
    /// Nobody knows whether it runs.
    unknown: bool,
}

impl Slots {
    /// To be told of every attempt whenever it changes.
    pub(super) fn note(&mut self, attempt: &Attempt) {
        let key = attempt.key();
        let unknown = attempt.phase == Phase::Unknown;
        match freed_at(attempt) {
            Some(until) => self.0.insert(key, Taken { until, unknown }),
            None => self.0.remove(&key),
        };
    }

    pub(super) fn holds(&self, key: &AttemptKey, now: Timestamp) -> bool {
        self.0.get(key).is_some_and(|taken| taken.until > now)
    }

    /// How many of `max` slots are taken. Unknown attempts leave one: where they were all that is
    /// left, nothing would ever free it, and a slot that is not there only costs a wait.
    pub(super) fn taken(&self, max: usize, now: Timestamp) -> usize {
        let open = self.0.values().copied().filter(|taken| taken.until > now);
        let (unknown, running): (Vec<Taken>, Vec<Taken>) = open.partition(|taken| taken.unknown);
        running.len() + unknown.len().min(max.saturating_sub(1))
    }
}

/// How many more videos may be unfinished now, as far as is recorded.
#[must_use]
pub fn free_slots(recorded: &Recorded, max: usize, now: Timestamp) -> usize {
    let mut slots = Slots::default();
    for attempt in recorded.attempts_where(|p| p.is_unfinished() || p.is_unsettled()) {
        slots.note(attempt);
    }
    max.saturating_sub(slots.taken(max, now))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::{Name, VideoHash};

    fn attempt(number: u32, phase: Phase) -> Attempt {
        let (hash, name) = (VideoHash::of_canonical("{}"), Name::parse("a").unwrap());
        Attempt {
            phase,
            ..Attempt::intent(hash, number, name, Timestamp::UNIX_EPOCH)
        }
    }

    #[test]
    fn what_runs_takes_a_slot_for_a_day_and_what_is_unknown_for_an_hour_but_never_the_last() {
        let mut slots = Slots::default();
        let after = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        slots.note(&attempt(1, Phase::Rendering));
        slots.note(&attempt(2, Phase::Unknown));
        slots.note(&attempt(3, Phase::Unknown));
        slots.note(&attempt(4, Phase::Completed));
        assert_eq!(slots.taken(10, after(0)), 3);
        assert_eq!(slots.taken(2, after(0)), 2);
        assert_eq!(slots.taken(10, after(1)), 1);
        assert_eq!(slots.taken(10, after(24)), 0);
        slots.note(&attempt(1, Phase::Completed));
        assert_eq!(slots.taken(2, after(0)), 1);
    }
}
