//! What may be submitted now. Pure: counted from what is recorded, so that no crash resets it.

use jiff::{SignedDuration, Timestamp};

use crate::state::{Phase, Recorded};

const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// What is left of an hour's submissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub left: usize,
    /// When one more is allowed, if none is left.
    pub next: Option<Timestamp>,
}

/// Counts every attempt of the last hour, whoever made it, but those proven never to have been sent.
#[must_use]
pub fn allowance(recorded: &Recorded, max_per_hour: usize, now: Timestamp) -> Allowance {
    let since = now.saturating_sub(WINDOW).unwrap_or(Timestamp::MIN);
    let attempts = recorded.attempts.values().flatten();
    let counted = attempts.filter(|a| a.phase != Phase::NotSent && a.intent_at > since);
    let mut times: Vec<_> = counted.map(|a| a.intent_at).collect();
    times.sort_unstable();
    let left = max_per_hour.saturating_sub(times.len());
    let frees = times.len().checked_sub(max_per_hour);
    let next = frees.and_then(|at| times.get(at));
    Allowance {
        left,
        next: next.and_then(|at| at.saturating_add(WINDOW).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Attempt, Entry};
    use crate::video::{Name, VideoHash};

    fn recorded(minutes_ago: &[(i64, Phase)]) -> Recorded {
        let mut recorded = Recorded::default();
        for (at, (minutes, phase)) in minutes_ago.iter().enumerate() {
            let when = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(600 - minutes);
            let hash = VideoHash::of_canonical(&format!("{at}"));
            let attempt = Attempt::intent(hash, 1, Name::parse("a").unwrap(), when);
            recorded.put(Entry::Attempt(Attempt {
                phase: *phase,
                ..attempt
            }));
        }
        recorded
    }

    #[test]
    fn an_hours_submissions_are_counted_from_the_record() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(600);
        let some = [
            (61, Phase::Completed),
            (50, Phase::Failed),
            (40, Phase::Submitting),
            (30, Phase::NotSent),
            (20, Phase::Unknown),
        ];
        let recorded = recorded(&some);
        let at = |minutes| Some(now + SignedDuration::from_mins(minutes));
        let allowed = |max| allowance(&recorded, max, now);
        assert_eq!(
            allowed(4),
            Allowance {
                left: 1,
                next: None
            }
        );
        assert_eq!(
            allowed(3),
            Allowance {
                left: 0,
                next: at(10)
            }
        );
        assert_eq!(
            allowed(2),
            Allowance {
                left: 0,
                next: at(20)
            }
        );
        assert_eq!(allowed(0).left, 0);
    }
}
