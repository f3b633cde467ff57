//! The state of the loop as one value, for whoever wants to look at it: metrics, readiness, a page.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::gate::{Pause, Reason};
use crate::apply::{Event, PauseCause};
use crate::plan::Summary;
use crate::spend::is_billed;
use crate::state::{Phase, Recorded};

/// What can be seen of a `watch`. Times are absolute: whoever shows an age knows the present.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub started: Timestamp,
    /// Looked at everything at least once, so that what is told here is true.
    pub ready: bool,
    pub dry_run: bool,
    /// Why it looks every few seconds in place of being told of changes.
    pub polling: Option<String>,
    /// The last look at manifests and record that came to its end.
    pub last_success: Option<Timestamp>,
    /// Why HeyGen is not reached.
    pub unreachable: Option<String>,
    /// Why the settings that are there now can't be used; those before are in force.
    pub refused_settings: Option<String>,
    /// Why the last one did not.
    pub last_error: Option<String>,
    /// How long the last look took, its submissions included.
    pub last_seconds: f64,
    /// From the first change that the last look saw to its beginning.
    pub event_lag_seconds: f64,
    /// What the last plan held.
    pub plan: Summary,
    /// Everything wrong with manifests.
    pub problems: usize,
    pub wishes: usize,
    pub paused: BTreeMap<Reason, Pause>,
    /// Submissions that wait for the next hour, for the limit of a plan or for their file to be quiet.
    pub waiting: usize,
    /// Attempts by phase.
    pub attempts: BTreeMap<&'static str, usize>,
    /// The oldest intent whose outcome is not known.
    pub oldest_unknown: Option<Timestamp>,
    /// Seconds of finished video, as recorded.
    pub video_seconds: f64,
    pub price_per_second: f64,
    pub totals: Totals,
}

/// Counted since the start.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Totals {
    pub looks: u64,
    pub failed_looks: u64,
    pub submissions: u64,
    pub completed: u64,
    pub failures: u64,
    pub rejections: u64,
    pub rate_limits: u64,
    /// What attempts with an unknown outcome came to.
    pub settled_adopted: u64,
    pub settled_not_sent: u64,
    pub left_unknown: u64,
    pub reloads: u64,
    pub failed_reloads: u64,
}

impl Totals {
    pub(super) fn has_ended_since(&self, before: &Self) -> bool {
        let ended = |t: &Self| t.completed + t.failures + t.rejections + t.settled_not_sent;
        ended(self) > ended(before)
    }
}

impl View {
    #[must_use]
    pub fn new(started: Timestamp, dry_run: bool) -> Self {
        Self {
            started,
            ready: false,
            dry_run,
            polling: None,
            last_success: None,
            unreachable: None,
            refused_settings: None,
            last_error: None,
            last_seconds: 0.0,
            event_lag_seconds: 0.0,
            plan: Summary::default(),
            problems: 0,
            wishes: 0,
            paused: BTreeMap::new(),
            waiting: 0,
            attempts: BTreeMap::new(),
            oldest_unknown: None,
            video_seconds: 0.0,
            price_per_second: 0.0,
            totals: Totals::default(),
        }
    }

    pub(super) fn take_recorded(&mut self, recorded: &Recorded) {
        self.attempts = BTreeMap::new();
        self.oldest_unknown = None;
        self.video_seconds = 0.0;
        for attempt in recorded.attempts.values().flatten() {
            *self.attempts.entry(attempt.phase.as_str()).or_default() += 1;
            if attempt.phase.is_unsettled() {
                let oldest = self.oldest_unknown.unwrap_or(Timestamp::MAX);
                self.oldest_unknown = Some(oldest.min(attempt.intent_at));
            }
            let billed = is_billed(attempt);
            self.video_seconds += attempt.duration_s.filter(|_| billed).unwrap_or(0.0);
        }
    }

    pub(super) fn take_event(&mut self, event: &Event) {
        match event {
            Event::Paused {
                reason,
                cause: PauseCause::Unreachable,
                ..
            } => self.unreachable = Some(reason.clone()),
            Event::ReachedAgain => self.unreachable = None,
            _ => {}
        }
        let totals = &mut self.totals;
        let count = match event {
            Event::Submitted(_) => &mut totals.submissions,
            Event::Completed(_) => &mut totals.completed,
            Event::Failed(_) | Event::Gone(_) => &mut totals.failures,
            Event::Rejected { .. } => &mut totals.rejections,
            Event::Unknown(_) => &mut totals.left_unknown,
            Event::Settled(attempt) if attempt.phase == Phase::NotSent => {
                &mut totals.settled_not_sent
            }
            Event::Settled(_) => &mut totals.settled_adopted,
            Event::Paused {
                cause: PauseCause::RateLimit,
                ..
            } => &mut totals.rate_limits,
            _ => return,
        };
        *count += 1;
    }
}
