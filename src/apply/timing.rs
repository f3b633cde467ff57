//! What a run does because its time has come: looking at videos, asking whether HeyGen answers.

use std::time::Duration;

use tokio::time::Instant;

use super::engine::{End, Engine, Looked, Until};
use crate::follow::{look_at_session, look_at_statuses, look_at_video};
use crate::state::AttemptKey;

impl Engine<'_> {
    pub(super) fn on_time(&mut self) {
        let now = Instant::now();
        if self.limits.deadline.is_some_and(|deadline| deadline <= now) && !self.blind {
            self.halt_all(End::OutOfTime);
        }
        let wall = (self.clock)();
        self.awaited.retain(|key| self.slots.holds(key, wall));
        self.ask_whether_alive(now);
        self.look(now);
    }

    /// When the loop has to go round although nothing came back.
    pub(super) fn wake(&self) -> Instant {
        let far = Instant::now() + self.longest_wait();
        if self.blind {
            return far;
        }
        let due = [self.next_due(), self.limits.deadline];
        due.into_iter().flatten().fold(far, Instant::min)
    }

    /// How far an upload is wants to be shown.
    fn longest_wait(&self) -> Duration {
        match self.courier.gauge.read() {
            Some(_) => Duration::from_millis(500),
            None => Duration::from_secs(60),
        }
    }

    /// When something can be done that can't be done now.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let pause = self.pace.paused_until.filter(|_| self.sends());
        let look = self.pace.schedule.next_due().filter(|_| self.follows());
        let settle = self.settling.next_due().filter(|_| self.halt.is_none());
        let read = self.pace.caution.read_due().filter(|_| self.sends());
        [pause, look, settle, read].into_iter().flatten().min()
    }

    /// Videos are asked for while their end matters: to wait for it, or to get their slot.
    fn follows(&self) -> bool {
        let matters = match self.limits.until {
            Until::Ended | Until::Idle => true,
            Until::Accepted => self.sends() && self.free_slots() == 0,
        };
        matters && !self.blind
    }

    fn sends(&self) -> bool {
        self.halt.is_none() && self.queue.len() > 0
    }

    fn look(&mut self, now: Instant) {
        if !self.follows() {
            return;
        }
        let due = self.pace.schedule.due(now);
        for (key, session_id) in due.sessions {
            let reader = self.reader.clone();
            self.looks.spawn(async move {
                Looked::One(key, look_at_session(&reader, &session_id).await)
            });
        }
        for batch in due.batches {
            let reader = self.reader.clone();
            self.looks.spawn(async move {
                let ids: Vec<_> = batch.iter().map(|(_, id)| id.clone()).collect();
                let seen = look_at_statuses(&reader, &ids).await;
                Looked::Batch(batch, seen)
            });
        }
    }

    fn ask_whether_alive(&mut self, now: Instant) {
        if self.sends() && self.pace.caution.take_read(now) {
            let reader = self.reader.clone();
            self.looks
                .spawn(async move { Looked::Alive(reader.me().await.map(|_| ())) });
        }
    }

    pub(super) fn look_at_video(&mut self, key: AttemptKey, video_id: String) {
        let reader = self.reader.clone();
        self.looks
            .spawn(async move { Looked::One(key, look_at_video(&reader, &video_id).await) });
    }
}
