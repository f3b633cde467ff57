//! What is to be found out about one attempt.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::prompt_key;
use super::walk::WALK_BACK;
use crate::state::{Attempt, AttemptKey, Recorded};
use crate::video::Spec;

/// After an attempt ended, its session is not created any more, with this much to spare.
const CREATED_AFTER_END: SignedDuration = SignedDuration::from_mins(15);

/// One unsettled attempt, and all that its settling depends on.
#[derive(Debug, Clone)]
pub struct Question {
    pub key: AttemptKey,
    /// What it asked for, as [`prompt_key`] has it.
    pub prompt: String,
    /// HeyGen's time of the intent.
    pub intent: Timestamp,
    /// HeyGen's time of the end, where it was seen.
    pub end: Option<Timestamp>,
    /// Not listed by HeyGen, so the list says nothing of it.
    pub incognito: bool,
    /// Sessions that were there before the intent.
    pub seen_before: HashSet<String>,
    /// Whether `seen_before` is all of them.
    pub seen_all: bool,
    /// Another unsettled attempt has the same prompt.
    pub shared: bool,
}

impl Question {
    #[must_use]
    pub fn new(attempt: &Attempt, spec: &Spec, recorded: &Recorded) -> Self {
        let run = attempt.run.and_then(|number| recorded.runs.get(&number));
        let intent = attempt.intent_at_heygen.unwrap_or(attempt.intent_at);
        let ahead = intent.duration_since(attempt.intent_at);
        Self {
            key: attempt.key(),
            prompt: prompt_key(spec.prompt.as_str()),
            intent,
            end: attempt
                .answered_at
                .map(|at| at.saturating_add(ahead).unwrap_or(at)),
            incognito: spec.incognito_mode,
            seen_before: run
                .map(|r| r.foreign_sessions.iter().cloned().collect())
                .unwrap_or_default(),
            seen_all: run.is_some_and(|r| r.complete),
            shared: false,
        }
    }

    /// Where the walk of the session list may end.
    #[must_use]
    pub fn walk_until(&self) -> Timestamp {
        self.intent
            .saturating_sub(WALK_BACK)
            .unwrap_or(Timestamp::MIN)
    }

    /// Whether a session made at this moment (Unix seconds) could be this attempt's.
    #[must_use]
    pub fn could_make(&self, created_at: i64) -> bool {
        let last = self.end.map_or(Timestamp::MAX, |end| {
            end.saturating_add(CREATED_AFTER_END)
                .unwrap_or(Timestamp::MAX)
        });
        (self.walk_until().as_second()..=last.as_second()).contains(&created_at)
    }
}
