//! How fast HeyGen may be asked: what one run learns and the next one of the same process keeps to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::caution::Caution;
use crate::follow::Schedule;
use crate::state::AttemptKey;

/// Begins anew with each process: a short memory of waits, nothing that money hangs on.
#[derive(Debug)]
pub struct Pace {
    /// Nothing is sent before.
    pub(super) paused_until: Option<Instant>,
    /// Answers in a row that asked to wait.
    pub(super) rate_limits: u32,
    /// Rounds in a row in which no connection came about.
    pub(super) unreachable: u32,
    pub(super) caution: Caution,
    pub(super) schedule: Schedule,
    /// Attempts that were looked for and not decided.
    pub(super) looked_for: BTreeMap<AttemptKey, LookedFor>,
    /// Said to have ended.
    pub(super) hinted: BTreeSet<AttemptKey>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct LookedFor {
    pub(super) times: u32,
    /// Not before.
    pub(super) next: Instant,
}

impl Pace {
    /// With `poll_interval` between two looks at one video.
    #[must_use]
    pub fn new(poll_interval: Duration) -> Self {
        Self {
            paused_until: None,
            rate_limits: 0,
            unreachable: 0,
            caution: Caution::default(),
            schedule: Schedule::new(poll_interval),
            looked_for: BTreeMap::new(),
            hinted: BTreeSet::new(),
        }
    }

    /// HeyGen answers again after nothing more was sent: the next submission is a trial.
    pub fn answers_again(&mut self) {
        self.paused_until = None;
        self.unreachable = 0;
        self.caution = Caution::on_trial();
    }

    /// A hint came that this one ended: it is looked at as soon as possible.
    pub fn look_now(&mut self, key: AttemptKey) {
        self.hinted.insert(key);
        self.looked_for.remove(&key);
    }

    pub(super) fn take_hints(&mut self, now: Instant) {
        for key in std::mem::take(&mut self.hinted) {
            self.schedule.look_now(key, now);
        }
    }

    /// No connection came about. Those that fail while a pause is on belong to one round.
    pub(super) fn not_reached(&mut self, now: Instant) -> u32 {
        if self.paused_until.is_none_or(|until| until <= now) {
            self.unreachable += 1;
        }
        self.unreachable
    }

    /// Whether nothing is sent for a while.
    #[must_use]
    pub fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }
}
