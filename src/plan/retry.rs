//! Whether a failed hash is tried again, and when.

use std::time::Duration;

use jiff::Timestamp;

use super::Retry;
use crate::state::{Attempt, Phase};

/// What the failed attempts of a hash allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// `failed` of `max` tries are used up and the backoff is over.
    Due {
        failed: u32,
    },
    NotDue {
        failed: u32,
        at: Timestamp,
    },
    Exhausted {
        failed: u32,
    },
}

/// No wait is longer than this, however often the backoff doubled.
const LONGEST_BACKOFF: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn verdict(attempts: &[Attempt], retry: Retry, now: Timestamp) -> Verdict {
    let failed = failed_since_replace(attempts);
    if failed >= retry.max_attempts {
        return Verdict::Exhausted { failed };
    }
    match attempts.last().and_then(ended_at) {
        Some(ended) => {
            let at = ended
                .saturating_add(backoff(retry, failed))
                .unwrap_or(Timestamp::MAX);
            if at > now {
                Verdict::NotDue { failed, at }
            } else {
                Verdict::Due { failed }
            }
        }
        None => Verdict::Due { failed },
    }
}

fn failed_since_replace(attempts: &[Attempt]) -> u32 {
    let since = attempts.iter().rposition(|a| a.replace).unwrap_or(0);
    let failed = attempts[since..]
        .iter()
        .filter(|a| a.phase == Phase::Failed)
        .count();
    u32::try_from(failed).unwrap_or(u32::MAX)
}

fn ended_at(attempt: &Attempt) -> Option<Timestamp> {
    attempt.completed_at.or(attempt.answered_at)
}

fn backoff(retry: Retry, failed: u32) -> Duration {
    let doublings = failed.saturating_sub(1).min(30);
    retry
        .backoff
        .saturating_mul(1 << doublings)
        .min(LONGEST_BACKOFF)
}
