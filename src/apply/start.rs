//! Starting: free actions at once, submissions as slots, pauses and held prompts allow.

use tokio::time::Instant;

use super::engine::{Cause, Done, Engine};
use super::event::Event;
use super::job::Job;
use super::request::request;
use crate::heygen::CreateRequest;
use crate::plan::{Action, Kind};
use crate::state::{Attempt, Entry, Failure, Phase, Record, StateError};
use crate::video::{Name, VideoHash};

impl Engine<'_> {
    /// An unsettled attempt holds every submission of the same prompt: while it is open, a second
    /// session of that prompt could be mistaken for its lost answer.
    pub(super) fn hold_unsettled_prompts(&mut self) -> Result<(), StateError> {
        let recorded = self.ledger.recorded();
        let unsettled = recorded.attempts_where(Phase::is_unsettled);
        for attempt in unsettled {
            if let Some(spec) = self.ledger.spec(&attempt.hash)? {
                self.queue.hold(spec.prompt.as_str(), attempt);
            }
        }
        Ok(())
    }

    pub(super) fn reuse(&mut self, action: &Action) -> Result<(), StateError> {
        let record = self.record_for(action);
        self.ledger.write(vec![Entry::Record(record)])?;
        let current = self.ledger.recorded().current_attempt(&action.hash);
        let event = Event::Reused {
            name: action.name.clone(),
            hash: action.hash,
            session_id: current.and_then(|a| a.session_id.clone()),
            video_id: current.and_then(|a| a.video_id.clone()),
        };
        self.await_end_of(&action.hash);
        self.emit(event);
        Ok(())
    }

    /// A name shows it from here on, so its end is waited for as that of a new one.
    fn await_end_of(&mut self, hash: &VideoHash) {
        let current = self.ledger.recorded().current_attempt(hash);
        let unfinished = current.filter(|a| a.phase.is_unfinished());
        self.awaited.extend(unfinished.map(Attempt::key));
    }

    pub(super) fn take_over(&mut self, action: &Action) -> Result<(), StateError> {
        let Some(from) = action.previous_name.clone() else {
            return Ok(());
        };
        let mut record = self.record_for(action);
        record.moved_from = Some(from.clone());
        let entries = vec![Entry::Forget(from.clone()), Entry::Record(record)];
        self.ledger.write(entries)?;
        self.await_end_of(&action.hash);
        self.emit(Event::Moved {
            name: action.name.clone(),
            from,
            hash: action.hash,
            session_id: action.session_id.clone(),
            video_id: action.video_id.clone(),
        });
        Ok(())
    }

    fn record_for(&self, action: &Action) -> Record {
        let (name, path) = (&action.name, &action.path);
        let now = (self.clock)();
        let recorded = self.ledger.recorded();
        recorded.next_record(name, path, action.hash, action.protected, now)
    }

    /// Starts every submission that may start now.
    pub(super) fn start_ready(&mut self) -> Result<(), StateError> {
        self.drop_held();
        while self.may_start() {
            let Some(job) = self.queue.take_ready() else {
                return Ok(());
            };
            self.start(job)?;
        }
        Ok(())
    }

    fn may_start(&self) -> bool {
        let paused = self.pace.is_paused(Instant::now());
        let cautious = !self.pace.caution.allows(self.requests.len());
        self.halt.is_none() && !paused && !cautious && self.free_slots() > 0
    }

    fn drop_held(&mut self) {
        let settling = &self.settling;
        for (job, holder) in self.queue.take_held(|key| settling.contains(key)) {
            let text = format!(
                "not started: {holder} has an attempt with the same prompt whose outcome is not known"
            );
            self.not_started(&job, "prompt_held", text);
        }
    }

    /// A job that will not be sent in this run, and why.
    pub(super) fn not_started(&mut self, job: &Job, code: &str, message: String) {
        self.counts.not_started += 1;
        self.error(Some(job.name().clone()), Some(job.hash()), code, message);
    }

    pub(super) fn error(
        &mut self,
        name: Option<Name>,
        hash: Option<VideoHash>,
        code: &str,
        message: String,
    ) {
        let failure = Failure::new(code, &message);
        self.emit(Event::Error {
            name,
            hash,
            failure,
        });
    }

    /// Writes the intent, then sends. The order is the promise: a crash in between leaves an
    /// attempt that is known to be uncertain, never one that is not known.
    pub(super) fn submit(&mut self, job: Job) -> Result<(), StateError> {
        let attempt = self.intent(&job);
        let callback_url = attempt.callback_url.as_deref();
        let Some(body) = request(&job.manifest, callback_url, self.ledger.recorded()) else {
            self.queue.finish(&job);
            self.not_started(&job, "asset_missing", "a file was not uploaded".to_owned());
            return Ok(());
        };
        if let Err(error) = self.make_room(&job) {
            self.queue.put_back(job);
            self.stop_for_room(&error);
            return Ok(());
        }
        let record = self.record_for(&job.action);
        let entries = vec![Entry::Attempt(attempt.clone()), Entry::Record(record)];
        self.ledger.write(entries)?;
        self.slots.note(&attempt);
        self.send(job, attempt, body);
        Ok(())
    }

    /// All that has to be on the disk, or to have room there, before an intent is written.
    fn make_room(&mut self, job: &Job) -> Result<(), StateError> {
        self.ledger.put_spec(&job.manifest.spec)?;
        self.ledger.reserve(1)
    }

    /// Nothing more is sent. Answers that are still to come have their room and are recorded.
    fn stop_for_room(&mut self, error: &StateError) {
        let cause = std::error::Error::source(error).map_or_else(String::new, |s| format!(": {s}"));
        let text = format!("nothing more is sent: {error}{cause}");
        if self.halt.is_none() {
            self.error(None, None, "no_room", text.clone());
        }
        self.stop_sending(Cause::NoRoom, text);
    }

    fn intent(&self, job: &Job) -> Attempt {
        let now = (self.clock)();
        let recorded = self.ledger.recorded();
        let number = recorded.next_number(&job.hash());
        let before = recorded.last_attempt(&job.hash());
        let again = before.filter(|a| a.number == number);
        Attempt {
            intent_at_heygen: Some(self.heygen_clock.now()),
            run: self.run,
            callback_url: job.manifest.callback_url.clone(),
            replace: job.action.kind == Kind::Replace || again.is_some_and(|a| a.replace),
            ..Attempt::intent(job.hash(), number, job.name().clone(), now)
        }
    }

    fn send(&mut self, job: Job, attempt: Attempt, body: CreateRequest) {
        let writer = self.writer.clone();
        let key = attempt.idempotency_key();
        self.requests.spawn(async move {
            let answer = writer.create(&body, &key).await;
            Done::Answered(Box::new(job), Box::new(attempt), answer)
        });
    }

    /// Begins to look at a session that is known now.
    pub(super) fn follow(&mut self, attempt: &Attempt) {
        let (session, video) = (attempt.session_id.clone(), attempt.video_id.clone());
        self.pace
            .schedule
            .track(attempt.key(), session, video, Instant::now());
        self.awaited.insert(attempt.key());
    }

    /// Makes an attempt durable and keeps slots in step.
    pub(super) fn record(&mut self, attempt: Attempt) -> Result<(), StateError> {
        self.slots.note(&attempt);
        self.ledger.write(vec![Entry::Attempt(attempt)])
    }
}
