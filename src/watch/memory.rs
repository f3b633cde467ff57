//! What one turn leaves to the next. All of it can be lost: the record is elsewhere.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use super::gate::Gate;
use crate::apply::Pace;
use crate::heygen::Me;
use crate::manifest::Problem;
use crate::output::plan_json;
use crate::plan::Plan;
use crate::settle::HeygenClock;
use crate::state::Known;

/// How long it is believed whose key it is, and what HeyGen's clock says.
const ME_FOR: Duration = Duration::from_secs(60);

pub(super) struct Memory {
    pub(super) known: Option<Known>,
    pub(super) pace: Pace,
    pub(super) gate: Gate,
    me: Option<(Me, HeygenClock, Instant)>,
    /// Of the last plan that was shown.
    shown: Option<u64>,
    /// The past is not compared with HeyGen's sessions again before.
    pub(super) compare_after: Option<Instant>,
}

impl Memory {
    pub(super) fn new(poll_interval: Duration) -> Self {
        Self {
            known: None,
            pace: Pace::new(poll_interval),
            gate: Gate::default(),
            me: None,
            shown: None,
            compare_after: None,
        }
    }

    /// Another key, or other settings.
    pub(super) fn begin_anew(&mut self, poll_interval: Duration) {
        self.pace = Pace::new(poll_interval);
        self.me = None;
        self.compare_after = None;
    }

    pub(super) fn me(&self, now: Instant) -> Option<(&Me, HeygenClock)> {
        let (me, clock, at) = self.me.as_ref()?;
        (now.duration_since(*at) < ME_FOR).then_some((me, *clock))
    }

    pub(super) fn remember_me(&mut self, me: Me, clock: HeygenClock, now: Instant) {
        self.me = Some((me, clock, now));
    }

    /// Whether this differs from what was shown last; it counts as shown from here on.
    pub(super) fn is_news(&mut self, plan: &Plan, problems: &[Problem]) -> bool {
        let mut hasher = DefaultHasher::new();
        plan_json(plan, problems).to_string().hash(&mut hasher);
        let hash = Some(hasher.finish());
        let is_news = self.shown != hash;
        self.shown = hash;
        is_news
    }
}
