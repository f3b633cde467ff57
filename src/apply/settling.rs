//! Settling within a run: waits until an attempt may be settled, has HeyGen looked at, and does
//! what the verdict says.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::engine::{Engine, Looked, Until};
use super::event::Event;
use super::job::Job;
use super::pace::LookedFor;
use crate::plan::Action;
use crate::settle::{
    Adoption, Clocks, Confirmation, Look, Question, Undecided, Verdict, confirm, look, remaining,
};
use crate::state::{AdoptedBy, Attempt, AttemptKey, Failure, Phase, StateError};

/// Looks at one attempt that stays undecided, before it is left to a person.
const MAX_LOOKS: u32 = 5;
/// Between two looks at one, however often it was looked for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The unsettled attempts this run settles.
#[derive(Debug, Default)]
pub(super) struct Settling {
    open: BTreeMap<AttemptKey, Open>,
    looking: bool,
}

#[derive(Debug)]
struct Open {
    due: Instant,
    looks: u32,
    /// What is sent again if it had no effect.
    job: Option<Job>,
}

impl Settling {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn contains(&self, key: &AttemptKey) -> bool {
        self.open.contains_key(key)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self.open.values().map(|open| open.due);
        due.min().filter(|_| !self.looking)
    }

    fn take_due(&mut self, now: Instant) -> Vec<AttemptKey> {
        let due = self.open.iter().filter(|(_, open)| open.due <= now);
        let keys: Vec<_> = due.map(|(key, _)| *key).collect();
        self.looking = !keys.is_empty();
        keys
    }
}

impl Engine<'_> {
    /// Takes up an attempt of an earlier run. `job` is what to send if it had no effect.
    pub(super) fn settle(&mut self, action: &Action, job: Option<Job>) -> Result<(), StateError> {
        let Some(attempt) = self.ledger.recorded().last_attempt(&action.hash) else {
            return Ok(());
        };
        let mut attempt = attempt.clone();
        if attempt.phase == Phase::Submitting {
            attempt.phase = Phase::Unknown;
            let why = "stopped before the answer was recorded";
            attempt.failure = Some(Failure::new("interrupted", why).into());
            self.record(attempt.clone())?;
        }
        self.open_settling(&attempt, job);
        Ok(())
    }

    /// From here on the run waits for this attempt's settling.
    pub(super) fn open_settling(&mut self, attempt: &Attempt, job: Option<Job>) {
        let wait = remaining(attempt, self.clocks(), self.limits.delays);
        let due = Instant::now() + wait;
        let before = self.pace.looked_for.get(&attempt.key()).copied();
        let open = Open {
            due: before.map_or(due, |before| before.next.max(due)),
            looks: before.map_or(0, |before| before.times),
            job,
        };
        self.settling.open.insert(attempt.key(), open);
        if wait > Duration::ZERO && before.is_none() {
            self.remember_look(attempt.key(), 0, due);
            self.emit(Event::Settling {
                attempt: Box::new(attempt.clone()),
                wait,
            });
        }
    }

    fn clocks(&self) -> Clocks {
        Clocks {
            ours: (self.clock)(),
            heygen: self.heygen_clock.now(),
        }
    }

    /// Looks for everything that is due, in one walk.
    pub(super) fn look_for_answers(&mut self, now: Instant) -> Result<(), StateError> {
        if self.settling.looking || self.halt.is_some() {
            return Ok(());
        }
        let keys = self.settling.take_due(now);
        let questions = self.questions(&keys)?;
        if !questions.is_empty() {
            let known = self.ledger.recorded().sessions();
            let reader = self.reader.clone();
            self.looks.spawn(async move {
                Looked::ForAnswers(Box::new(look(&reader, questions, known).await))
            });
        }
        Ok(())
    }

    fn questions(&mut self, keys: &[AttemptKey]) -> Result<Vec<Question>, StateError> {
        let mut questions = Vec::new();
        for key in keys {
            let recorded = self.ledger.recorded();
            let Some(attempt) = recorded.attempt(key) else {
                continue;
            };
            match self.ledger.spec(&key.hash)? {
                Some(spec) => {
                    let mut question = Question::new(attempt, &spec, recorded);
                    question.shared = self.queue.holders(&question.prompt) > 1;
                    questions.push(question);
                }
                None => self.leave(*key, Undecided::without_spec())?,
            }
        }
        self.settling.looking = !questions.is_empty();
        Ok(questions)
    }

    pub(super) fn take_answers(&mut self, look: Look) -> Result<(), StateError> {
        self.settling.looking = false;
        for (key, verdict) in look.verdicts {
            match verdict {
                Verdict::Adopt { session_id, by } => self.adopt(key, session_id, by)?,
                Verdict::NotSent => self.found_not_sent(key)?,
                Verdict::Undecided(undecided) => self.undecided(key, undecided)?,
            }
        }
        if let Some(error) = look.refused {
            self.read_failed(&error);
        }
        Ok(())
    }

    /// The lost answer was found.
    fn adopt(
        &mut self,
        key: AttemptKey,
        session_id: String,
        by: AdoptedBy,
    ) -> Result<(), StateError> {
        let Some(mut attempt) = self.close(&key) else {
            return Ok(());
        };
        attempt.adopt(session_id, by, (self.clock)());
        self.record(attempt.clone())?;
        self.follow(&attempt);
        self.emit(Event::Settled(attempt));
        self.reuse_dependents(key.hash)
    }

    fn found_not_sent(&mut self, key: AttemptKey) -> Result<(), StateError> {
        let job = self.settling.open.get_mut(&key).and_then(|o| o.job.take());
        let Some(mut attempt) = self.close(&key) else {
            return Ok(());
        };
        attempt.not_sent();
        self.record(attempt.clone())?;
        self.emit(Event::Settled(attempt));
        if let Some(job) = job.or_else(|| self.job_of_a_dependent(&key)) {
            self.queue.put_back(job);
        }
        Ok(())
    }

    /// Another name of the same content pays where the one that was waited for does not.
    fn job_of_a_dependent(&mut self, key: &AttemptKey) -> Option<Job> {
        let manifests = &mut self.manifests;
        let at = self
            .dependents
            .iter()
            .position(|a| a.hash == key.hash && manifests.contains_key(&a.name))?;
        let action = self.dependents.remove(at);
        let manifest = manifests.remove(&action.name)?;
        self.wanted += 1;
        Some(Job::new(action, manifest))
    }

    fn undecided(&mut self, key: AttemptKey, undecided: Undecided) -> Result<(), StateError> {
        let interval = self.limits.poll_interval;
        let Some(open) = self.settling.open.get_mut(&key) else {
            return Ok(());
        };
        open.looks += 1;
        let wait = interval.saturating_mul(1 << open.looks.min(8));
        open.due = Instant::now() + wait.min(LONGEST_WAIT);
        let (looks, due) = (open.looks, open.due);
        self.remember_look(key, looks, due);
        match looks >= MAX_LOOKS {
            true => self.leave(key, undecided),
            false => Ok(()),
        }
    }

    fn remember_look(&mut self, key: AttemptKey, times: u32, next: Instant) {
        let looked_for = LookedFor { times, next };
        self.pace.looked_for.insert(key, looked_for);
    }

    /// It stays unknown, with what a person needs to decide. A run that comes back looks again.
    fn leave(&mut self, key: AttemptKey, undecided: Undecided) -> Result<(), StateError> {
        if self.limits.until != Until::Idle {
            self.settling.open.remove(&key);
        }
        let Some(before) = self.ledger.recorded().attempt(&key) else {
            return Ok(());
        };
        let mut attempt = before.clone();
        attempt.leave_undecided(undecided.code, &undecided.text, undecided.candidates);
        if self.limits.until == Until::Idle && attempt == *before {
            return Ok(());
        }
        self.record(attempt.clone())?;
        self.emit(Event::Unknown(attempt));
        Ok(())
    }

    /// The attempt is settled: it holds nothing any more.
    fn close(&mut self, key: &AttemptKey) -> Option<Attempt> {
        self.settling.open.remove(key);
        self.pace.looked_for.remove(key);
        self.queue.release(key);
        self.ledger.recorded().attempt(key).cloned()
    }

    /// A video whose session was adopted by its prompt ended: an event may know better. Says whether
    /// one is asked for.
    pub(super) fn ask_whether_right(&mut self, attempt: &Attempt) -> Result<bool, StateError> {
        let spec = match attempt.adopted_by {
            Some(AdoptedBy::Prompt) => self.ledger.spec(&attempt.hash)?,
            _ => None,
        };
        let recorded = self.ledger.recorded();
        let adoption = spec.and_then(|spec| Adoption::of(attempt, &spec, recorded));
        let Some(adoption) = adoption else {
            return Ok(false);
        };
        let (reader, known, key) = (self.reader.clone(), recorded.sessions(), attempt.key());
        self.looks.spawn(async move {
            let confirmed = confirm(&reader, vec![adoption], known).await;
            Looked::Confirmed(key, confirmed.into_iter().next().map(|(_, c)| c))
        });
        Ok(true)
    }

    pub(super) fn confirmed(
        &mut self,
        key: AttemptKey,
        confirmation: Option<Confirmation>,
    ) -> Result<(), StateError> {
        let Some(mut attempt) = self.ledger.recorded().attempt(&key).cloned() else {
            return Ok(());
        };
        match confirmation {
            None => {}
            Some(Confirmation::Right) => {
                attempt.adopted_by = Some(AdoptedBy::Event);
                self.record(attempt.clone())?;
            }
            Some(Confirmation::Other(session_id)) => {
                attempt.adopt(session_id, AdoptedBy::Event, (self.clock)());
                self.record(attempt.clone())?;
                self.follow(&attempt);
                self.emit(Event::Settled(attempt));
                return Ok(());
            }
        }
        self.ended(attempt);
        Ok(())
    }

    /// The run ends before these could be settled.
    pub(super) fn tell_unsettled(&mut self) {
        if self.limits.until == Until::Idle {
            return;
        }
        let open = std::mem::take(&mut self.settling.open);
        for key in open.keys() {
            if let Some(attempt) = self.ledger.recorded().attempt(key).cloned() {
                self.emit(Event::Unknown(attempt));
            }
        }
    }
}
