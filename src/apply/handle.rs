//! Taking in what came back: answers to submissions, uploads, looks.

use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::Instant;

use super::caution::Step;
use super::contents::ContentError;
use super::engine::{Cause, Done, End, Engine, Looked, Until};
use super::event::Event;
use super::job::Job;
use crate::follow::{Coarse, Seen, observe};
use crate::heygen::{Answer, ApiError, ReadError};
use crate::state::{Asset, Attempt, AttemptKey, Entry, Failure, Phase, StateError};
use crate::video::{Name, Sha256Hex, VideoHash};

/// Connections that fail in a row before the run gives up.
const MAX_UNREACHABLE: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// Whatever HeyGen says: `Retry-After: 0` for ever must not become a loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
/// Reads that fail in a row before a person is told; one or two happen.
const QUIET_FAILURES: u32 = 2;

impl Engine<'_> {
    pub(super) fn take_back(&mut self, done: Result<Done, JoinError>) -> Result<(), StateError> {
        match done {
            Ok(Done::Uploaded(job, result)) => self.uploaded(*job, result),
            Ok(Done::Answered(job, attempt, answer)) => self.answered(*job, *attempt, answer),
            Ok(Done::Stopped(name, session_id, stopped)) => {
                self.stopped(&name, &session_id, stopped);
                Ok(())
            }
            // The attempt stays `submitting` in the state: the next run settles it.
            Err(error) => {
                self.broke_off(&error);
                Ok(())
            }
        }
    }

    /// A task of our own panicked. One that was told to end is as it should be.
    fn broke_off(&mut self, error: &JoinError) {
        if error.is_cancelled() {
            return;
        }
        let text = format!("a request broke off inside reconcile: {error}");
        self.error(None, None, "internal", text.clone());
        self.stop_sending(Cause::Internal, text);
    }

    fn stopped(&mut self, name: &Name, session_id: &str, stopped: Result<(), ReadError>) {
        let text = match stopped {
            Ok(()) => format!("{name}: stopped session {session_id}, which is superseded"),
            Err(error) => format!("{name}: session {session_id} could not be stopped: {error}"),
        };
        self.emit(Event::Notice(text));
    }

    fn uploaded(
        &mut self,
        job: Job,
        result: Result<Vec<(Sha256Hex, String)>, ContentError>,
    ) -> Result<(), StateError> {
        self.uploading -= 1;
        let assets = match result {
            Ok(assets) => assets,
            Err(ContentError::Refused(error)) => {
                self.queue.put_back(job);
                self.refused(&error);
                return Ok(());
            }
            Err(error) => {
                self.queue.finish(&job);
                self.not_started(&job, "file", error.to_string());
                return Ok(());
            }
        };
        let uploaded_at = (self.clock)();
        let entry = |(sha256, asset_id)| {
            Entry::Asset(Asset {
                sha256,
                asset_id,
                uploaded_at,
            })
        };
        self.ledger.write(assets.into_iter().map(entry).collect())?;
        if self.halt.is_some() {
            self.queue.put_back(job);
            return Ok(());
        }
        self.submit(job)
    }

    fn answered(
        &mut self,
        job: Job,
        mut attempt: Attempt,
        answer: Answer,
    ) -> Result<(), StateError> {
        attempt.answered_at = Some((self.clock)());
        if !matches!(answer, Answer::NoConnection { .. }) {
            self.pace.unreachable = 0;
        }
        if !matches!(answer, Answer::Unknown { .. } | Answer::NoConnection { .. }) {
            self.pace.caution.answered();
        }
        match answer {
            Answer::Accepted {
                session_id,
                video_id,
            } => self.accepted(&job, attempt, session_id, video_id),
            Answer::NoConnection { reason } => self.unreachable(job, attempt, &reason),
            Answer::RateLimited { retry_after, error } => {
                self.rate_limited(job, attempt, retry_after, &error)
            }
            Answer::Refused(error) => {
                self.never_sent(job, attempt)?;
                self.refused(&error);
                Ok(())
            }
            Answer::Rejected(error) => self.rejected(job, attempt, &error),
            Answer::Failed(error) => self.failed(&job, attempt, &error),
            Answer::Unknown { reason } => self.unknown(job, attempt, reason),
        }
    }

    fn accepted(
        &mut self,
        job: &Job,
        mut attempt: Attempt,
        session_id: String,
        video_id: Option<String>,
    ) -> Result<(), StateError> {
        attempt.phase = match video_id {
            Some(_) => Phase::Rendering,
            None => Phase::Submitted,
        };
        attempt.session_id = Some(session_id);
        attempt.video_id = video_id;
        self.record(attempt.clone())?;
        self.pace.rate_limits = 0;
        self.queue.finish(job);
        self.follow(&attempt);
        self.stop_superseded(&job.action, &attempt);
        self.emit(Event::Submitted(attempt));
        self.reuse_dependents(job.hash())
    }

    /// What waited for a session of this hash has it now.
    pub(super) fn reuse_dependents(&mut self, hash: VideoHash) -> Result<(), StateError> {
        let dependents = std::mem::take(&mut self.dependents);
        let (ready, waiting) = dependents.into_iter().partition(|a| a.hash == hash);
        self.dependents = waiting;
        let ready: Vec<crate::plan::Action> = ready;
        ready.iter().try_for_each(|action| self.reuse(action))
    }

    /// It had no effect. That is written down before anything else happens.
    fn never_sent(&mut self, job: Job, mut attempt: Attempt) -> Result<(), StateError> {
        attempt.phase = Phase::NotSent;
        self.record(attempt)?;
        self.queue.put_back(job);
        Ok(())
    }

    fn unreachable(&mut self, job: Job, attempt: Attempt, reason: &str) -> Result<(), StateError> {
        self.never_sent(job, attempt)?;
        let tries = self.pace.not_reached(Instant::now());
        if tries >= MAX_UNREACHABLE && self.limits.until != Until::Idle {
            let text = format!("HeyGen can't be reached: {reason}");
            self.error(None, None, "unreachable", text.clone());
            self.stop_sending(Cause::Unreachable, text);
            self.halt_all(End::Done);
        } else {
            self.pause(backoff(tries), format!("HeyGen can't be reached: {reason}"));
        }
        Ok(())
    }

    fn rate_limited(
        &mut self,
        job: Job,
        attempt: Attempt,
        retry_after: Option<Duration>,
        error: &ApiError,
    ) -> Result<(), StateError> {
        self.never_sent(job, attempt)?;
        self.pace.rate_limits += 1;
        let wait = retry_after.unwrap_or_else(|| jittered(backoff(self.pace.rate_limits)));
        self.pause(
            wait.max(SHORTEST_WAIT),
            format!("HeyGen asks to wait ({error})"),
        );
        Ok(())
    }

    fn pause(&mut self, wait: Duration, reason: String) {
        let until = Instant::now() + wait;
        self.pace.paused_until = Some(self.pace.paused_until.map_or(until, |p| p.max(until)));
        if self.halt.is_none() {
            self.emit(Event::Paused {
                reason,
                wait,
                rate_limited: self.pace.rate_limits > 0,
            });
        }
    }

    /// 401, 402, 403: the same would happen to every other request.
    pub(super) fn refused(&mut self, error: &ApiError) {
        let text = match error.status {
            401 => format!("HeyGen does not accept the API key ({error})"),
            402 => format!("the HeyGen account lacks credit ({error})"),
            _ => format!("HeyGen does not allow this ({error})"),
        };
        if self.halt.is_none() {
            self.error(None, None, "refused", text.clone());
        }
        self.stop_sending(Cause::Refused(error.status), text);
    }

    /// What refuses to be read will not be learned by looking again.
    fn reads_refused(&mut self, error: &ApiError) {
        self.refused(error);
        self.halt_all(End::Done);
    }

    fn rejected(
        &mut self,
        mut job: Job,
        mut attempt: Attempt,
        error: &ApiError,
    ) -> Result<(), StateError> {
        attempt.phase = Phase::Rejected;
        attempt.failure = Some(failure(error).into());
        self.record(attempt.clone())?;
        let about_files = error
            .param
            .as_deref()
            .is_some_and(|p| p.starts_with("files"));
        if about_files && !job.manifest.contents.is_empty() && !job.assets_renewed {
            self.forget_assets(&job)?;
            job.assets_renewed = true;
            self.queue.put_back(job);
            return Ok(());
        }
        self.queue.finish(&job);
        let path = job.manifest.path.clone();
        self.emit(Event::Rejected { attempt, path });
        Ok(())
    }

    /// An asset may have expired at HeyGen: the next try uploads its bytes again.
    fn forget_assets(&mut self, job: &Job) -> Result<(), StateError> {
        let contents = job.manifest.contents.iter();
        self.ledger
            .write(contents.map(|c| Entry::ForgetAsset(c.sha256)).collect())
    }

    fn failed(
        &mut self,
        job: &Job,
        mut attempt: Attempt,
        error: &ApiError,
    ) -> Result<(), StateError> {
        attempt.phase = Phase::Failed;
        attempt.failure = Some(failure(error).into());
        self.record(attempt.clone())?;
        self.queue.finish(job);
        self.emit(Event::Failed(attempt));
        Ok(())
    }

    fn unknown(
        &mut self,
        job: Job,
        mut attempt: Attempt,
        reason: String,
    ) -> Result<(), StateError> {
        attempt.phase = Phase::Unknown;
        attempt.failure = Some(Failure::new("unknown_outcome", &reason).into());
        self.record(attempt.clone())?;
        self.queue.finish(&job);
        self.queue.hold(job.manifest.spec.prompt.as_str(), &attempt);
        self.open_settling(&attempt, Some(job));
        let step = self.pace.caution.unknown(Instant::now());
        self.take_care(step, &reason);
        Ok(())
    }

    fn take_care(&mut self, step: Step, reason: &str) {
        match step {
            Step::GoOn => {}
            Step::Pause(wait) => {
                let reason = format!("several outcomes in a row were not learned ({reason})");
                self.emit(Event::Paused {
                    reason,
                    wait,
                    rate_limited: false,
                });
            }
            Step::GiveUp => {
                let text = format!("nothing more is sent: outcomes are not learned ({reason})");
                self.error(None, None, "too_many_unknown", text.clone());
                self.stop_sending(Cause::Unknown, text);
            }
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
        let changed: std::collections::HashSet<_> = seen
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
}

fn failure(error: &ApiError) -> Failure {
    let code = match error.code.as_str() {
        "" => format!("http_{}", error.status),
        code => code.to_owned(),
    };
    Failure::about(&code, &error.message, error.param.as_deref())
}

fn backoff(tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    FIRST_BACKOFF
        .saturating_mul(1 << doublings)
        .min(LONGEST_BACKOFF)
}

/// Between half and all of a wait, so that several clients don't come back at the same moment.
fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0_u8) % 1_000;
    wait / 2 + wait.mul_f64(f64::from(u32::try_from(random).unwrap_or(0)) / 2_000.0)
}
