//! When an unsettled attempt may be settled. Pure.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::state::Attempt;

/// `Date` headers count in whole seconds.
const GRANULARITY: SignedDuration = SignedDuration::from_secs(1);

/// The present by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    pub ours: Timestamp,
    pub heygen: Timestamp,
}

/// HeyGen's clock, as a `Date` header told it.
#[derive(Debug, Clone, Copy)]
pub struct HeygenClock {
    pub date: Timestamp,
    pub seen: Instant,
}

impl HeygenClock {
    #[must_use]
    pub fn now(self) -> Timestamp {
        let passed = SignedDuration::try_from(self.seen.elapsed()).unwrap_or_default();
        self.date.saturating_add(passed).unwrap_or(self.date)
    }
}

/// What is waited for before the session list is believed.
#[derive(Debug, Clone, Copy)]
pub struct Delays {
    /// A submission ends at the latest after this, if we died before its end.
    pub request_timeout: Duration,
    /// From then on until the list is complete.
    pub settle_delay: Duration,
}

/// How much longer to wait before an attempt may be settled.
///
/// Both clocks have to agree that it is time: one of them may have been set since. If ours was set
/// back before the attempt, HeyGen's decides alone.
#[must_use]
pub fn remaining(attempt: &Attempt, clocks: Clocks, delays: Delays) -> Duration {
    let needed = match attempt.answered_at {
        Some(_) => delays.settle_delay,
        None => delays.request_timeout + delays.settle_delay,
    };
    let since = attempt.answered_at.unwrap_or(attempt.intent_at);
    let ours = clocks.ours.duration_since(since);
    let heygen = attempt.intent_at_heygen.map(|intent| {
        let intent_to_end = since.duration_since(attempt.intent_at);
        clocks
            .heygen
            .duration_since(intent)
            .saturating_sub(intent_to_end)
    });
    let passed = match heygen {
        Some(heygen) if ours.is_negative() => heygen.saturating_sub(GRANULARITY),
        Some(heygen) => ours.min(heygen.saturating_add(GRANULARITY)),
        None => ours,
    };
    needed.saturating_sub(Duration::try_from(passed).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::{Name, VideoHash};

    const DELAYS: Delays = Delays {
        request_timeout: Duration::from_secs(120),
        settle_delay: Duration::from_secs(60),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + second).unwrap()
    }

    fn attempt(answered: Option<i64>) -> Attempt {
        let (hash, name) = (VideoHash::of_canonical("{}"), Name::parse("a").unwrap());
        Attempt {
            intent_at_heygen: Some(at(1_000)),
            answered_at: answered.map(at),
            ..Attempt::intent(hash, 1, name, at(0))
        }
    }

    fn left(answered: Option<i64>, ours: i64, heygen: i64) -> u64 {
        let clocks = Clocks {
            ours: at(ours),
            heygen: at(1_000 + heygen),
        };
        remaining(&attempt(answered), clocks, DELAYS).as_secs()
    }

    #[test]
    fn an_end_that_was_seen_counts_and_a_death_waits_for_the_longest_request() {
        assert_eq!(left(Some(30), 30, 30), 60);
        assert_eq!(left(Some(30), 89, 89), 1);
        assert_eq!(left(Some(30), 90, 90), 0);
        assert_eq!(left(None, 90, 90), 90);
        assert_eq!(left(None, 180, 180), 0);
    }

    #[test]
    fn a_clock_that_was_set_does_not_end_the_wait_too_early_or_make_it_endless() {
        assert_eq!(left(Some(30), 90_000, 50), 39, "ours was set forward");
        assert_eq!(left(Some(30), -90_000, 50), 41, "ours was set back");
        assert_eq!(left(Some(30), -90_000, 91), 0);
        assert_eq!(left(Some(30), 60, 90_000), 30, "theirs was set forward");
    }
}
