//! Whether anything may be submitted at all. Pure: the time is passed in.
//!
//! Closed after an answer that the next submission would get as well; opened when HeyGen answers a
//! question that costs nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

const FIRST_PROBE: Duration = Duration::from_secs(5);
const LONGEST_PROBE: Duration = Duration::from_secs(300);

/// Why nothing is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// 401, 402 or 403.
    Refused,
    /// The state belongs to another account or base.
    OtherAccount,
    /// Outcomes are not learned.
    UnknownOutcomes,
    /// No room for answers on the disk.
    NoRoom,
    /// A defect of ours.
    Internal,
    /// The state can't vouch for the past, and HeyGen has sessions with the wished prompts.
    Unproven,
    /// The plan is over the limits of one run.
    PlanLimit,
    /// `watch.max_submissions_per_hour` is reached.
    HourlyLimit,
}

impl Reason {
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::OtherAccount,
        Self::UnknownOutcomes,
        Self::NoRoom,
        Self::Internal,
        Self::Unproven,
        Self::PlanLimit,
        Self::HourlyLimit,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::OtherAccount => "other_account",
            Self::UnknownOutcomes => "unknown_outcomes",
            Self::NoRoom => "no_room",
            Self::Internal => "internal",
            Self::Unproven => "unproven",
            Self::PlanLimit => "plan_limit",
            Self::HourlyLimit => "hourly_limit",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// For people, with the way out.
    pub text: String,
    pub since: Timestamp,
}

/// What keeps submissions back, reason by reason.
#[derive(Debug, Default)]
pub struct Gate {
    pauses: BTreeMap<Reason, Pause>,
    probe: Option<Probe>,
    /// Times in a row that it closed or a probe failed.
    failures: u32,
}

#[derive(Debug)]
struct Probe {
    at: Instant,
}

/// Whether something is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    New,
    Known,
}

impl Gate {
    #[must_use]
    pub fn pauses(&self) -> &BTreeMap<Reason, Pause> {
        &self.pauses
    }

    /// Whether it opens by asking HeyGen only.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.probe.is_some()
    }

    /// Closes until a probe succeeds. The first comes soon, the next ones with backoff.
    pub fn shut(&mut self, reason: Reason, text: String, at: Timestamp, now: Instant) -> News {
        let wait = self.wait();
        self.failures = self.failures.saturating_add(1);
        self.probe = Some(Probe { at: now + wait });
        self.pause(reason, text, at)
    }

    fn wait(&self) -> Duration {
        FIRST_PROBE
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_PROBE)
    }

    /// Notes a reason that each look finds out anew.
    pub fn pause(&mut self, reason: Reason, text: String, at: Timestamp) -> News {
        match self.pauses.get_mut(&reason) {
            Some(pause) => {
                pause.text = text;
                News::Known
            }
            None => {
                self.pauses.insert(reason, Pause { text, since: at });
                News::New
            }
        }
    }

    pub fn resume(&mut self, reason: Reason) -> News {
        match self.pauses.remove(&reason) {
            Some(_) => News::New,
            None => News::Known,
        }
    }

    #[must_use]
    pub fn probe_due(&self) -> Option<Instant> {
        self.probe.as_ref().map(|probe| probe.at)
    }

    pub fn probe_failed(&mut self, now: Instant) {
        let wait = self.wait();
        self.failures = self.failures.saturating_add(1);
        self.probe = Some(Probe { at: now + wait });
    }

    /// A probe succeeded, or a person changed what was wrong. Says what no longer holds.
    pub fn open(&mut self) -> Vec<Reason> {
        self.probe = None;
        let shut = [
            Reason::Refused,
            Reason::OtherAccount,
            Reason::UnknownOutcomes,
            Reason::NoRoom,
            Reason::Internal,
        ];
        let ended = shut.into_iter().filter(|r| self.pauses.contains_key(r));
        let ended: Vec<_> = ended.collect();
        self.pauses.retain(|reason, _| !ended.contains(reason));
        ended
    }

    /// A submission was accepted: what follows begins with a short wait again.
    pub fn worked(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_back_off_until_a_submission_worked() {
        let (now, at) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let mut gate = Gate::default();
        let shut = |gate: &mut Gate| gate.shut(Reason::Refused, "no".into(), at, now);
        assert_eq!(shut(&mut gate), News::New);
        assert_eq!(gate.probe_due(), Some(now + FIRST_PROBE));
        gate.probe_failed(now);
        assert_eq!(gate.probe_due(), Some(now + FIRST_PROBE * 2));
        assert_eq!(gate.open(), [Reason::Refused]);
        assert!(!gate.is_shut() && gate.pauses().is_empty());
        assert_eq!(shut(&mut gate), News::New);
        assert_eq!(gate.probe_due(), Some(now + FIRST_PROBE * 4));
        (0..20).for_each(|_| gate.probe_failed(now));
        assert_eq!(gate.probe_due(), Some(now + LONGEST_PROBE));
        gate.open();
        gate.worked();
        shut(&mut gate);
        assert_eq!(gate.probe_due(), Some(now + FIRST_PROBE));
    }

    #[test]
    fn what_each_look_finds_out_does_not_wait_for_a_probe() {
        let mut gate = Gate::default();
        let text = || "60 an hour".to_owned();
        let at = Timestamp::UNIX_EPOCH;
        assert_eq!(gate.pause(Reason::HourlyLimit, text(), at), News::New);
        assert_eq!(gate.pause(Reason::HourlyLimit, text(), at), News::Known);
        assert!(!gate.is_shut());
        assert_eq!(gate.open(), []);
        assert_eq!(gate.resume(Reason::HourlyLimit), News::New);
        assert_eq!(gate.resume(Reason::HourlyLimit), News::Known);
    }
}
