//! What one turn leaves to the next. All of it can be lost: the record is elsewhere.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use super::gate::Gate;
use crate::apply::Pace;
use crate::heygen::Me;
use crate::manifest::Problem;
use crate::plan::{Action, Plan};
use crate::settle::HeygenClock;
use crate::state::Known;

/// How long it is believed whose key it is, and what HeyGen's clock says.
const ME_FOR: Duration = Duration::from_secs(60);

pub(super) struct Memory {
    pub(super) known: Option<Known>,
    pub(super) pace: Pace,
    pub(super) gate: Gate,
    me: Option<(Me, HeygenClock, Instant)>,
    /// What the last plan that was shown told.
    shown: Option<HashSet<u64>>,
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

    /// Whether a plan is worth showing: something in it was in none since the last one that was. What
    /// only gets shorter, while one slot after the other frees, is no news until nothing is left.
    pub(super) fn is_news(&mut self, plan: &Plan, problems: &[Problem]) -> bool {
        let mut told: HashSet<u64> = plan.actions.iter().map(told_of).collect();
        told.extend(
            problems
                .iter()
                .map(|p| hash(&(&p.path, &p.place, &p.message))),
        );
        let is_news = match &self.shown {
            None => true,
            Some(shown) if told.is_empty() => !shown.is_empty(),
            Some(shown) => !told.is_subset(shown),
        };
        if is_news {
            self.shown = Some(told);
        }
        is_news
    }
}

fn told_of(action: &Action) -> u64 {
    let Action {
        name,
        kind,
        hash: wished,
        reason,
        attempt,
        ..
    } = action;
    hash(&(name, kind, wished, reason.code, attempt))
}

fn hash(told: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    told.hash(&mut hasher);
    hasher.finish()
}
