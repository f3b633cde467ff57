//! The loop that owns the state: starts what may start, takes in what came back, looks at what
//! renders, and stops in good order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::contents::{Bytes, ContentError, Courier};
use super::event::{Counts, Event, Progress};
use super::job::{Job, Queue};
use super::pace::Pace;
use super::settling::Settling;
use super::slots::{Slots, freed_at};
use crate::follow::{Coarse, Seen};
use crate::heygen::{Answer, ReadError, Reader, Writer};
use crate::manifest::Manifest;
use crate::plan::{Action, Kind, Plan, Selection};
use crate::settle::{Confirmation, Delays, HeygenClock, Look};
use crate::state::{Attempt, AttemptKey, Ledger, Recorded, StateError};
use crate::video::{Name, Sha256Hex, VideoHash};

/// What bounds a run.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Unfinished videos of ours at a time.
    pub max_jobs: usize,
    pub poll_interval: Duration,
    /// Before an unknown outcome may be settled.
    pub delays: Delays,
    pub until: Until,
    /// Stop sessions that a new submission made superfluous, but none of what any manifest wishes,
    /// selected or not: these hashes.
    pub stop_superseded: Option<HashSet<VideoHash>>,
    pub deadline: Option<Instant>,
}

/// How long a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Every submission was accepted, waiting for slots where it must.
    Accepted,
    /// Every selected video ended as well.
    Ended,
    /// Nothing can be done now. [`Outcome::wake`] says when to come back.
    Idle,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Done,
    OutOfTime,
    /// Told to stop; nothing new was sent since.
    Interrupted,
    /// Nothing more could be sent.
    Stopped(Stop),
}

/// Why nothing more is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub cause: Cause,
    /// For people.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// 401, 402 or 403: the key, the credit or the permission.
    Refused(u16),
    Unreachable,
    /// Outcomes are not learned.
    Unknown,
    /// The disk has no room for answers.
    NoRoom,
    /// A defect of ours.
    Internal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub counts: Counts,
    /// Attempts whose video was completed meanwhile.
    pub completed: HashSet<AttemptKey>,
    pub end: End,
    /// When there is something to look at or to send again, as far as this run knows.
    pub wake: Option<Instant>,
}

impl Outcome {
    /// Of a run that ends before anything is done.
    #[must_use]
    pub fn of_nothing(plan: &Plan, recorded: &Recorded, end: End) -> Self {
        Self {
            counts: Counts::of_nothing(plan, recorded),
            completed: HashSet::new(),
            end,
            wake: None,
        }
    }
}

/// Executes one plan.
pub struct Engine<'a> {
    pub(super) ledger: &'a mut Ledger,
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) courier: Courier,
    /// Tells uploads that nothing more is sent.
    halted: watch::Sender<bool>,
    pub(super) limits: Limits,
    pub(super) clock: fn() -> Timestamp,
    pub(super) heygen_clock: HeygenClock,
    /// The survey this run's attempts refer to.
    pub(super) run: Option<u64>,
    pub(super) report: &'a mut dyn FnMut(Event),
    /// Counts up with every request to stop.
    pub(super) stop: watch::Receiver<u32>,
    pub(super) queue: Queue,
    /// Reuses that wait for an earlier entry of the plan to be accepted.
    pub(super) dependents: Vec<Action>,
    /// Wishes of actions that submit only if something else turns out not to have been sent.
    pub(super) manifests: HashMap<Name, Box<Manifest>>,
    pub(super) settling: Settling,
    pub(super) requests: JoinSet<Done>,
    pub(super) looks: JoinSet<Looked>,
    pub(super) pace: &'a mut Pace,
    pub(super) slots: Slots,
    /// Jobs whose files are being uploaded: they have no intent yet and will need a slot.
    pub(super) uploading: usize,
    /// Videos whose end this run waits for.
    pub(super) awaited: HashSet<AttemptKey>,
    /// Set once nothing new is sent.
    pub(super) halt: Option<End>,
    /// Nothing is looked at any more either.
    pub(super) blind: bool,
    pub(super) counts: Counts,
    completed: HashSet<AttemptKey>,
    pub(super) wanted: usize,
}

/// A request that came back.
pub(super) enum Done {
    /// One file of a job, and its asset id.
    Uploaded(Box<Job>, Sha256Hex, Result<String, ContentError>),
    Answered(Box<Job>, Box<Attempt>, Answer),
    /// A superseded session was told to stop.
    Stopped(Name, String, Result<(), ReadError>),
}

/// A look that came back.
pub(super) enum Looked {
    One(AttemptKey, Result<Seen, ReadError>),
    Batch(
        Vec<(AttemptKey, String)>,
        Result<Vec<(String, Coarse)>, ReadError>,
    ),
    ForAnswers(Box<Look>),
    Confirmed(AttemptKey, Option<Confirmation>),
    /// Whether HeyGen answers at all.
    Alive(Result<(), ReadError>),
}

/// What an engine works with.
pub struct Parts<'a> {
    pub ledger: &'a mut Ledger,
    pub reader: Reader,
    pub writer: Writer,
    pub bytes: Arc<dyn Bytes>,
    pub limits: Limits,
    pub clock: fn() -> Timestamp,
    pub heygen_clock: HeygenClock,
    pub run: Option<u64>,
    /// What earlier runs learned of how fast HeyGen may be asked.
    pub pace: &'a mut Pace,
    pub report: &'a mut dyn FnMut(Event),
    pub stop: watch::Receiver<u32>,
}

impl<'a> Engine<'a> {
    #[must_use]
    pub fn new(parts: Parts<'a>) -> Self {
        let (halted, stop) = watch::channel(false);
        parts.pace.caution.begin_again(Instant::now());
        Self {
            pace: parts.pace,
            ledger: parts.ledger,
            reader: parts.reader,
            courier: Courier {
                writer: parts.writer.clone(),
                bytes: parts.bytes,
                gauge: Arc::default(),
                stop,
            },
            halted,
            writer: parts.writer,
            limits: parts.limits,
            clock: parts.clock,
            heygen_clock: parts.heygen_clock,
            run: parts.run,
            report: parts.report,
            stop: parts.stop,
            queue: Queue::default(),
            dependents: Vec::new(),
            manifests: HashMap::new(),
            settling: Settling::default(),
            requests: JoinSet::new(),
            looks: JoinSet::new(),
            slots: Slots::default(),
            uploading: 0,
            awaited: HashSet::new(),
            halt: None,
            blind: false,
            counts: Counts::default(),
            completed: HashSet::new(),
            wanted: 0,
        }
    }

    /// Does what the plan says. `manifests` holds the wish of every action that submits;
    /// `selection` names the videos that `limits.wait` follows. Says what it came to, also where the
    /// state broke it off.
    pub async fn run(
        mut self,
        plan: &Plan,
        manifests: HashMap<Name, Box<Manifest>>,
        selection: &Selection,
    ) -> (Outcome, Result<(), StateError>) {
        let ended = self.work(plan, manifests, selection).await;
        if ended.is_err() {
            self.tell_what_can_not_be_recorded().await;
            self.counts.read_off(plan, self.ledger.recorded());
        } else {
            self.counts.not_started += self.queue.len() + self.dependents.len();
        }
        (self.outcome(), ended)
    }

    async fn work(
        &mut self,
        plan: &Plan,
        manifests: HashMap<Name, Box<Manifest>>,
        selection: &Selection,
    ) -> Result<(), StateError> {
        self.track_unfinished(selection);
        self.manifests = manifests;
        self.take_in(plan)?;
        loop {
            self.on_time();
            self.look_for_answers(Instant::now())?;
            self.start_ready()?;
            self.show_progress();
            if self.is_over() {
                self.tell_unsettled();
                return self.prune(plan).await;
            }
            let wake = self.wake();
            tokio::select! {
                changed = self.stop.changed() => {
                    if changed.is_err() || *self.stop.borrow() > 1 {
                        self.halt = Some(End::Interrupted);
                        self.tell_unsettled();
                        return Ok(());
                    }
                    self.stop_gently();
                }
                Some(done) = self.requests.join_next() => self.take_back(done)?,
                Some(looked) = self.looks.join_next() => self.take_look(looked)?,
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn take_in(&mut self, plan: &Plan) -> Result<(), StateError> {
        self.hold_unsettled_prompts()?;
        for action in plan.by_urgency() {
            match action.kind {
                Kind::Settle => {
                    let job = self.job(action);
                    self.settle(action, job)?;
                }
                Kind::Reuse if action.waits() => self.dependents.push(action.clone()),
                Kind::Reuse => self.reuse(action)?,
                Kind::Move => self.take_over(action)?,
                kind if kind.submits() => {
                    if let Some(job) = self.job(action) {
                        self.queue.push(job);
                        self.wanted += 1;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The submission of an action, where its name wishes for that hash.
    fn job(&mut self, action: &Action) -> Option<Job> {
        let wish = self.manifests.get(&action.name)?;
        if wish.hash != action.hash {
            return None;
        }
        let manifest = self.manifests.remove(&action.name)?;
        Some(Job::new(action.clone(), manifest))
    }

    fn is_over(&self) -> bool {
        let over = match self.limits.until {
            // All that could be started was started.
            Until::Idle => self.blind || self.looks.is_empty(),
            Until::Ended if !self.blind && !self.awaited.is_empty() => false,
            _ => self.halt.is_some() || (self.queue.len() == 0 && self.settling.is_empty()),
        };
        self.requests.is_empty() && over
    }

    fn stop_gently(&mut self) {
        if !self.requests.is_empty() && self.limits.until != Until::Idle {
            let sending = self.requests.len();
            self.emit(Event::Notice(format!(
                "stopping: waiting for {sending} request(s) under way; \
                 interrupt again to stop at once and leave their outcome unknown"
            )));
        }
        self.halt_all(End::Interrupted);
    }

    /// Nothing new is sent from here on. The first reason stands.
    pub(super) fn halt(&mut self, end: End) {
        self.halt.get_or_insert(end);
        // A large upload is begun anew by nobody's edit: a loop is only told to look again.
        self.halted.send_replace(self.limits.until != Until::Idle);
    }

    pub(super) fn stop_sending(&mut self, cause: Cause, text: String) {
        self.halt(End::Stopped(Stop { cause, text }));
    }

    /// Nor is anything looked at: only requests under way are waited for.
    pub(super) fn halt_all(&mut self, end: End) {
        self.looks.abort_all();
        self.blind = true;
        self.halt(end);
    }

    pub(super) fn free_slots(&self) -> usize {
        let max = self.limits.max_jobs;
        let taken = self.slots.taken(max, (self.clock)()) + self.uploading;
        max.saturating_sub(taken)
    }

    fn track_unfinished(&mut self, selection: &Selection) {
        let now = (self.clock)();
        let recorded = self.ledger.recorded();
        let selected: HashSet<VideoHash> = recorded
            .records
            .values()
            .filter(|r| selection.contains(&r.name))
            .map(|r| r.hash)
            .collect();
        self.pace.schedule.retain(recorded);
        for attempt in recorded.attempts_where(|p| p.is_unfinished() || p.is_unsettled()) {
            self.slots.note(attempt);
            if !attempt.phase.is_unfinished() {
                continue;
            }
            let key = attempt.key();
            let since = attempt.answered_at.unwrap_or(attempt.intent_at);
            let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
            let accepted = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
            let (session, video) = (attempt.session_id.clone(), attempt.video_id.clone());
            self.pace.schedule.track(key, session, video, accepted);
            let in_time = freed_at(attempt).is_some_and(|until| until > now);
            if selected.contains(&attempt.hash) && in_time {
                self.awaited.insert(key);
            }
        }
        self.pace.take_hints(Instant::now());
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.counts.add(&event);
        if let Event::Completed(attempt) = &event {
            self.completed.insert(attempt.key());
        }
        (self.report)(event);
    }

    fn show_progress(&mut self) {
        let progress = Progress {
            wanted: self.wanted,
            accepted: self.counts.submitted,
            sending: self.requests.len(),
            rendering: self.pace.schedule.len(),
            completed: self.counts.completed,
            failed: self.counts.failed + self.counts.rejected + self.counts.unknown,
            upload: self.courier.gauge.read(),
        };
        (self.report)(Event::Progress(progress));
    }

    fn outcome(self) -> Outcome {
        let wake = self.next_due();
        Outcome {
            counts: self.counts,
            completed: self.completed,
            end: self.halt.unwrap_or(End::Done),
            wake,
        }
    }

    /// The state can't be written any more: whatever requests still bring back is told, so that
    /// nothing paid is lost.
    async fn tell_what_can_not_be_recorded(&mut self) {
        while let Some(done) = self.requests.join_next().await {
            match done {
                Ok(Done::Answered(job, _, Answer::Accepted { session_id, .. })) => {
                    self.tell_unrecorded(&job, &session_id);
                }
                Ok(Done::Answered(job, _, other)) => {
                    let text = format!("its answer could not be recorded: {other:?}");
                    self.unrecorded(&job, text);
                }
                _ => {}
            }
        }
    }

    pub(super) fn tell_unrecorded(&mut self, job: &Job, session_id: &str) {
        let text =
            format!("HeyGen accepted it as session {session_id}, and that could not be recorded");
        self.unrecorded(job, text);
    }

    fn unrecorded(&mut self, job: &Job, text: String) {
        let (name, hash) = (job.name().clone(), job.hash());
        self.error(Some(name), Some(hash), "unrecorded", text);
    }
}
