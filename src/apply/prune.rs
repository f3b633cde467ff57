//! Deleting what the plan says, once everything it submitted is there.

use std::time::Duration;

use super::engine::{End, Engine};
use super::event::Event;
use crate::heygen::ReadError;
use crate::plan::{Action, Kind, Plan};
use crate::state::{Attempt, Phase, StateError};

/// Deleting costs nothing and may be repeated, so passing trouble is waited for.
const TRIES: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Engine<'_> {
    /// The deletions of the plan, or a word on why they wait.
    pub(super) async fn prune(&mut self, plan: &Plan) -> Result<(), StateError> {
        let deletes = plan.actions.iter().filter(|a| a.kind == Kind::Delete);
        let deletes: Vec<_> = deletes.collect();
        if deletes.is_empty() || self.halt.is_some() {
            return Ok(());
        }
        if let Some(first) = self.unfinished(plan) {
            let text = format!(
                "nothing was deleted: that comes after {first} is completed; \
                 run apply --prune again then, or with --wait"
            );
            self.emit(Event::Notice(text));
            return Ok(());
        }
        for action in deletes {
            if self.halt.is_none() {
                self.delete(action).await?;
            }
        }
        Ok(())
    }

    /// The first submission of the plan whose video is not completed.
    fn unfinished<'p>(&self, plan: &'p Plan) -> Option<&'p crate::video::Name> {
        let recorded = self.ledger.recorded();
        let is_completed = |action: &&Action| {
            let current = recorded.current_attempt(&action.hash);
            current.is_some_and(|a| a.phase == Phase::Completed)
        };
        let mut submitted = plan.actions.iter().filter(|a| a.may_submit());
        submitted.find(|a| !is_completed(a)).map(|a| &a.name)
    }

    async fn delete(&mut self, action: &Action) -> Result<(), StateError> {
        let current = self.ledger.recorded().current_attempt(&action.hash);
        let Some(mut attempt) = current.cloned() else {
            return Ok(());
        };
        let Some(video_id) = attempt.video_id.clone() else {
            return Ok(());
        };
        // Breaking off is safe: whether it is deleted already shows the next time.
        let mut stop = self.stop.clone();
        let done = tokio::select! {
            done = self.delete_video(&video_id) => done,
            _ = stop.changed() => {
                self.halt(End::Interrupted);
                return Ok(());
            }
        };
        match done {
            Ok(()) => attempt.phase = Phase::Deleted,
            Err(error) if error.is_not_found() => attempt.phase = Phase::Gone,
            Err(error) => {
                self.not_deleted(action, &error);
                return Ok(());
            }
        }
        self.record(attempt.clone())?;
        self.emit(Event::Deleted {
            name: action.name.clone(),
            attempt: Box::new(attempt),
        });
        Ok(())
    }

    async fn delete_video(&self, video_id: &str) -> Result<(), ReadError> {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match self.writer.delete_video(video_id).await {
                Err(error) if !error.refuses_all() && !error.is_not_found() => {
                    let told = error.retry_after().unwrap_or(wait);
                    tokio::time::sleep(told.min(LONGEST_WAIT)).await;
                    wait *= 2;
                }
                done => return done,
            }
        }
        self.writer.delete_video(video_id).await
    }

    fn not_deleted(&mut self, action: &Action, error: &ReadError) {
        if let ReadError::Api(api, _) = error
            && error.refuses_all()
        {
            return self.refused(api);
        }
        let text = format!("its video was not deleted: {error}");
        self.counts.not_started += 1;
        self.error(
            Some(action.name.clone()),
            Some(action.hash),
            "not_deleted",
            text,
        );
    }

    /// Stops what a new submission made superfluous, where the user asked for that and no other
    /// name has it.
    pub(super) fn stop_superseded(&mut self, action: &Action, accepted: &Attempt) {
        let Some(old) = self.superseded(action, accepted) else {
            return;
        };
        let (name, session_id) = (action.name.clone(), old);
        let writer = self.writer.clone();
        self.requests.spawn(async move {
            let stopped = writer.stop_session(&session_id).await;
            super::engine::Done::Stopped(name, session_id, stopped)
        });
    }

    /// The session that still makes what this name wished for before.
    fn superseded(&self, action: &Action, accepted: &Attempt) -> Option<String> {
        let wished = self.limits.stop_superseded.as_ref()?;
        let recorded = self.ledger.recorded();
        let old = match action.previous_hash {
            Some(hash) => {
                let mut others = recorded.records.values().filter(|r| r.name != action.name);
                let is_wished = wished.contains(&hash) || others.any(|r| r.hash == hash);
                recorded.current_attempt(&hash).filter(|_| !is_wished)?
            }
            None => {
                let mut before = recorded.attempts_of(&accepted.hash).iter().rev();
                before.find(|a| a.number < accepted.number)?
            }
        };
        old.session_id.clone().filter(|_| old.phase.is_unfinished())
    }
}
