//! Taking in what came back: answers to submissions, and uploads.

use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::Instant;

use super::caution::Step;
use super::engine::{Cause, Done, End, Engine, Until};
use super::event::{Event, PauseCause};
use super::job::Job;
use crate::heygen::{Answer, ApiError, ReadError};
use crate::state::{Attempt, Entry, Failure, Phase, StateError};
use crate::video::{Name, VideoHash};

/// Connections that fail in a row before the run gives up.
const MAX_UNREACHABLE: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// Whatever HeyGen says: `Retry-After: 0` for ever must not become a loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);

impl Engine<'_> {
    pub(super) fn take_back(&mut self, done: Result<Done, JoinError>) -> Result<(), StateError> {
        match done {
            Ok(Done::Uploaded(job, sha256, result)) => self.uploaded(*job, sha256, result),
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
    pub(super) fn broke_off(&mut self, error: &JoinError) {
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

    fn answered(
        &mut self,
        job: Job,
        mut attempt: Attempt,
        answer: Answer,
    ) -> Result<(), StateError> {
        attempt.answered_at = Some((self.clock)());
        if !matches!(answer, Answer::NoConnection { .. })
            && std::mem::take(&mut self.pace.unreachable) > 0
        {
            self.emit(Event::ReachedAgain);
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
        attempt.session_id = Some(session_id.clone());
        attempt.video_id = video_id;
        self.record(attempt.clone())
            .inspect_err(|_| self.tell_unrecorded(job, &session_id))?;
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
            let reason = format!("HeyGen can't be reached: {reason}");
            self.pause(backoff(tries), reason, PauseCause::Unreachable);
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
            PauseCause::RateLimit,
        );
        Ok(())
    }

    fn pause(&mut self, wait: Duration, reason: String, cause: PauseCause) {
        let until = Instant::now() + wait;
        self.pace.paused_until = Some(self.pace.paused_until.map_or(until, |p| p.max(until)));
        if self.halt.is_none() {
            self.emit(Event::Paused {
                reason,
                wait,
                cause,
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

    pub(super) fn take_care(&mut self, step: Step, reason: &str) {
        match step {
            Step::GoOn => {}
            Step::Pause(wait) => {
                let reason = format!("several outcomes in a row were not learned ({reason})");
                self.emit(Event::Paused {
                    reason,
                    wait,
                    cause: PauseCause::Outcomes,
                });
            }
            Step::GiveUp => {
                let text = format!("nothing more is sent: outcomes are not learned ({reason})");
                self.error(None, None, "too_many_unknown", text.clone());
                self.stop_sending(Cause::Unknown, text);
            }
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
