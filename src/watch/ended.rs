//! What follows from the end of a turn: when to look again, and what to say.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use super::gate::Reason;
use super::hints::Hint;
use super::run::Loop;
use super::turn::{Done, TurnError, earliest};

/// How soon a state that another writer holds is tried again.
const LOCKED: Duration = Duration::from_secs(1);
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

impl Loop {
    pub(super) fn ended(&mut self, done: Result<Done, TurnError>, hints: Vec<Hint>) {
        let now = Instant::now();
        match done {
            Ok(done) => {
                self.succeeded();
                let resync = now + jittered(self.turns.setup.settings.watch.resync);
                let due = earliest(done.wake, Some(resync)).unwrap_or(resync);
                self.timer = if self.hints.is_empty() { due } else { now };
            }
            Err(error) => {
                // They are looked at again with the next turn.
                self.hints
                    .extend(hints.into_iter().map(|h| (h.hash, h.session_id)));
                self.take_error(&error);
            }
        }
    }

    fn succeeded(&mut self) {
        let view = &mut self.turns.view;
        view.totals.looks += 1;
        view.last_success = Some((self.turns.config.clock)());
        view.last_error = None;
        view.ready = true;
        self.failures = 0;
        if self.told_trouble.take().is_some() {
            self.turns.edge.note("looks succeed again");
        }
    }

    fn take_error(&mut self, error: &TurnError) {
        let now = Instant::now();
        match error {
            TurnError::Stopped => self.timer = now,
            TurnError::Changed => {
                self.quiet.note(now);
                self.timer = now + self.turns.setup.settings.watch.quiet;
            }
            TurnError::Locked(_) => {
                self.tell_trouble(&error.to_string());
                self.timer = now + LOCKED;
            }
            TurnError::Read(read) if read.refuses_all() => {
                self.turns.shut(Reason::Refused, error.to_string());
                self.failed(error);
            }
            TurnError::Account(account) => {
                self.turns.shut(Reason::OtherAccount, account.to_string());
                self.failed(error);
            }
            TurnError::Read(_) => {
                self.turns.view.unreachable = Some(error.to_string());
                self.failed(error);
            }
            TurnError::State(_) => self.failed(error),
        }
    }

    /// The manifests and the record are still read while HeyGen is down, so it stays ready.
    pub(super) fn failed(&mut self, error: &dyn std::fmt::Display) {
        let text = error.to_string();
        self.turns.view.totals.failed_looks += 1;
        self.turns.view.last_error = Some(text.clone());
        self.tell_trouble(&text);
        let wait = FIRST_BACKOFF
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_BACKOFF);
        self.failures = self.failures.saturating_add(1);
        self.timer = Instant::now() + jittered(wait);
    }

    pub(super) fn tell_trouble(&mut self, text: &str) {
        if self.told_trouble.as_deref() != Some(text) {
            self.turns.edge.trouble(text);
            self.told_trouble = Some(text.to_owned());
        }
    }
}

/// Up to a tenth longer or shorter, so that several don't ask at the same moment.
fn jittered(wait: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 1_000;
    let share = f64::from(u32::try_from(random).unwrap_or(0)) / 5_000.0;
    wait.mul_f64(0.9 + share)
}
