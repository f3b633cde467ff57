//! Taking in what looks showed: how videos are, and whether HeyGen answers at all.

use std::collections::HashSet;

use tokio::task::JoinError;
use tokio::time::Instant;

use super::engine::{End, Engine, Looked};
use super::event::Event;
use crate::follow::{Coarse, Seen, observe};
use crate::heygen::{ApiError, ReadError};
use crate::state::{Attempt, AttemptKey, Phase, StateError};

/// Reads that fail in a row before a person is told; one or two happen.
const QUIET_FAILURES: u32 = 2;

impl Engine<'_> {
    pub(super) fn take_look(
        &mut self,
        looked: Result<Looked, JoinError>,
    ) -> Result<(), StateError> {
        match looked {
            Ok(Looked::One(key, Ok(seen))) => self.seen(key, &seen),
            Ok(Looked::One(key, Err(error))) => {
                self.pace.schedule.still_running(key, None, Instant::now());
                self.read_failed(&error);
                Ok(())
            }
            Ok(Looked::Batch(batch, seen)) => {
                self.seen_batch(batch, seen);
                Ok(())
            }
            Ok(Looked::ForAnswers(look)) => self.take_answers(*look),
            Ok(Looked::Confirmed(key, confirmation)) => self.confirmed(key, confirmation),
            Ok(Looked::Alive(answer)) => {
                self.alive(answer);
                Ok(())
            }
            Err(error) => {
                self.broke_off(&error);
                Ok(())
            }
        }
    }

    fn seen_batch(
        &mut self,
        batch: Vec<(AttemptKey, String)>,
        seen: Result<Vec<(String, Coarse)>, ReadError>,
    ) {
        let now = Instant::now();
        let seen = match seen {
            Ok(seen) => seen,
            Err(error) => {
                for (key, _) in batch {
                    self.pace.schedule.still_running(key, None, now);
                }
                return self.read_failed(&error);
            }
        };
        self.pace.schedule.read_succeeded();
        let changed: HashSet<_> = seen
            .into_iter()
            .filter(|(_, coarse)| *coarse == Coarse::Changed)
            .map(|(id, _)| id)
            .collect();
        for (key, video_id) in batch {
            if changed.contains(&video_id) {
                self.look_at_video(key, video_id);
            } else {
                self.pace.schedule.still_running(key, None, now);
            }
        }
    }

    fn seen(&mut self, key: AttemptKey, seen: &Seen) -> Result<(), StateError> {
        self.pace.schedule.read_succeeded();
        let recorded = self.ledger.recorded();
        let Some(attempt) = recorded.attempt(&key) else {
            return Ok(());
        };
        let next = observe(attempt, seen, (self.clock)());
        let now = Instant::now();
        let Some(next) = next else {
            self.pace.schedule.still_running(key, None, now);
            return Ok(());
        };
        self.record(next.clone())?;
        if next.phase.is_unfinished() {
            self.pace.schedule.still_running(key, next.video_id, now);
            return Ok(());
        }
        self.pace.schedule.ended(key, now);
        match self.ask_whether_right(&next)? {
            true => Ok(()),
            false => {
                self.ended(next);
                Ok(())
            }
        }
    }

    pub(super) fn ended(&mut self, attempt: Attempt) {
        self.awaited.remove(&attempt.key());
        self.emit(match attempt.phase {
            Phase::Completed => Event::Completed(attempt),
            Phase::Gone => Event::Gone(attempt),
            _ => Event::Failed(attempt),
        });
    }

    pub(super) fn read_failed(&mut self, error: &ReadError) {
        if let ReadError::Api(api, _) = error
            && error.refuses_all()
        {
            return self.reads_refused(api);
        }
        let wait = self
            .pace
            .schedule
            .read_failed(error.retry_after(), Instant::now());
        tracing::debug!(%error, ?wait, "a read failed");
        if self.pace.schedule.failures() > QUIET_FAILURES {
            let reason = format!("HeyGen can't be asked how the videos are: {error}");
            self.emit(Event::Paused {
                reason,
                wait,
                rate_limited: false,
            });
        }
    }

    fn alive(&mut self, answer: Result<(), ReadError>) {
        match answer {
            Ok(()) => self.pace.caution.read_succeeded(),
            Err(ReadError::Api(api, _)) if matches!(api.status, 401..=403) => {
                self.reads_refused(&api);
            }
            Err(error) => {
                let step = self.pace.caution.read_failed(Instant::now());
                self.take_care(step, &error.to_string());
            }
        }
    }

    /// What refuses to be read will not be learned by looking again.
    fn reads_refused(&mut self, error: &ApiError) {
        self.refused(error);
        self.halt_all(End::Done);
    }
}
