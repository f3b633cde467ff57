//! One turn: look at what is wished and recorded, plan, show, and do what may be done now.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::download::Downloads;
use super::edge::{Config, Edge, Setup};
use super::gate::Reason;
use super::hints::{self, Hint};
use super::hold_back::{Young, hold_back, young};
use super::memory::Memory;
use super::view::View;
use crate::apply::{
    AccountError, Cause, End, Engine, Event, Limits, Parts, PastError, Texts, TextsError, Until,
    check_account, free_slots, locate_refused, outdated_notes, survey,
};
use crate::heygen::ReadError;
use crate::plan::{self, Kind, Options, Plan, Selection};
use crate::project::{Desired, ProjectBytes, Settings};
use crate::settle::{Delays, HeygenClock};
use crate::state::{
    EmbeddedState, Ledger, Lock, LockError, Phase, ReadState, StateError, open_reader,
};
use crate::video::VideoHash;

/// Everything a turn works with.
pub(super) struct Turns {
    pub(super) config: Config,
    pub(super) setup: Setup,
    pub(super) edge: Box<dyn Edge>,
    pub(super) memory: Memory,
    pub(super) view: View,
    pub(super) sent: watch::Sender<Arc<View>>,
    pub(super) downloads: Downloads,
}

/// How a turn ended.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// When there is something to do again, at the latest.
    pub(super) wake: Option<Instant>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum TurnError {
    #[error("the state is locked by {0}")]
    Locked(String),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("HeyGen can't be asked: {0}")]
    Read(#[from] ReadError),
    #[error("a manifest changed while it was read")]
    Changed,
    /// Told to stop before anything was sent, or to look anew.
    #[error("stopped before anything was sent")]
    Stopped,
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<TextsError> for TurnError {
    fn from(error: TextsError) -> Self {
        match error {
            TextsError::Changed(_) => Self::Changed,
            TextsError::State(error) => Self::State(error),
        }
    }
}

impl From<PastError> for TurnError {
    fn from(error: PastError) -> Self {
        match error {
            PastError::Read(error) => Self::Read(error),
            PastError::State(error) => Self::State(error),
        }
    }
}

/// A plan and all that doing it needs.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) texts: Texts,
    pub(super) young: Young,
    pub(super) wake: Option<Instant>,
}

/// A turn as far as it can be before the first request that may cost.
struct Prepared {
    planned: Planned,
    /// Absent if HeyGen has nothing to be asked for.
    heygen_clock: Option<HeygenClock>,
    /// The survey, if something is submitted.
    run: Option<u64>,
}

impl Turns {
    pub(super) async fn turn(
        &mut self,
        desired: Desired,
        hints: &[Hint],
        stop: watch::Receiver<u32>,
    ) -> Result<Done, TurnError> {
        if self.config.dry_run {
            return self.only_show(desired);
        }
        let mut ledger = self.open()?;
        self.record_downloads(&mut ledger)?;
        let done = self.work(&mut ledger, desired, hints, stop).await;
        self.view.take_recorded(ledger.recorded());
        self.look_for_downloads(ledger.recorded());
        // After an error what the store holds is decided when it is opened again.
        self.memory.known = ledger.close().filter(|_| done.is_ok());
        done
    }

    fn only_show(&mut self, mut desired: Desired) -> Result<Done, TurnError> {
        let reader = open_reader(&self.config.state_dir)?;
        let recorded = reader.load()?;
        self.view.take_recorded(&recorded);
        let mut plan = plan::plan(&desired, &recorded, &self.options());
        let spec = crate::apply::spec_from(&reader);
        let root = &self.config.root;
        let texts = Texts::collect(root, &self.setup.settings, &mut desired, &plan, spec)?;
        plan::explain(&mut plan, &texts);
        locate_refused(&self.config.root, &mut plan);
        self.show(&plan, &desired);
        let wake = self.retry_due(&plan);
        Ok(Done { wake })
    }

    pub(super) fn open(&mut self) -> Result<Ledger, TurnError> {
        let dir = &self.config.state_dir;
        let lock = match Lock::try_acquire(dir, &(self.config.holder)()) {
            Ok(lock) => lock,
            Err(LockError::Held(holder)) => return Err(TurnError::Locked(holder.to_string())),
            Err(LockError::State(error)) => return Err(error.into()),
        };
        let state = EmbeddedState::open(dir, lock)?;
        Ok(Ledger::reopen(Box::new(state), self.memory.known.take())?)
    }

    async fn work(
        &mut self,
        ledger: &mut Ledger,
        desired: Desired,
        hints: &[Hint],
        stop: watch::Receiver<u32>,
    ) -> Result<Done, TurnError> {
        let mut asked_to_stop = stop.clone();
        let prepared = tokio::select! {
            prepared = self.prepare(ledger, desired, hints) => prepared?,
            _ = asked_to_stop.wait_for(|asked| *asked > 0) => return Err(TurnError::Stopped),
        };
        let wake = prepared.planned.wake;
        let Some(heygen_clock) = prepared.heygen_clock else {
            return Ok(Done { wake });
        };
        if *stop.borrow() > 0 {
            return Err(TurnError::Stopped);
        }
        let ran = self.run(ledger, prepared, heygen_clock, stop).await?;
        Ok(Done {
            wake: earliest(wake, ran),
        })
    }

    /// Everything that only reads. It may be broken off: what it wrote down stays true.
    async fn prepare(
        &mut self,
        ledger: &mut Ledger,
        desired: Desired,
        hints: &[Hint],
    ) -> Result<Prepared, TurnError> {
        if !hints.is_empty() {
            self.account(ledger).await?;
            self.take_hints(ledger, hints).await?;
        }
        let mut planned = self.plan(ledger, desired)?;
        self.unproven(ledger, &planned).await?;
        self.hold_back(ledger, &mut planned);
        let recorded = ledger.recorded();
        let unfinished = !recorded.attempts_where(Phase::is_unfinished).is_empty();
        let (mut heygen_clock, mut run) = (None, None);
        if unfinished || !planned.plan.is_empty() {
            let clock = self.account(ledger).await?;
            heygen_clock = Some(clock);
            if self.sends_now(ledger, &mut planned) {
                let now = (self.config.clock)();
                run = Some(survey(ledger, &self.setup.reader, clock.now(), now).await?);
            }
        }
        Ok(Prepared {
            planned,
            heygen_clock,
            run,
        })
    }

    async fn take_hints(&mut self, ledger: &mut Ledger, hints: &[Hint]) -> Result<(), TurnError> {
        let now = (self.config.clock)();
        let pace = &mut self.memory.pace;
        let settled = hints::take(ledger, &self.setup.reader, pace, hints, now).await?;
        for event in settled {
            self.view.take_event(&event);
            self.edge.event(&event);
        }
        Ok(())
    }

    fn plan(&mut self, ledger: &mut Ledger, mut desired: Desired) -> Result<Planned, TurnError> {
        let mut plan = plan::plan(&desired, ledger.recorded(), &self.options());
        let (root, settings) = (&self.config.root, &self.setup.settings);
        let spec = |hash: &VideoHash| ledger.spec(hash);
        let texts = Texts::collect(root, settings, &mut desired, &plan, spec)?;
        let quiet = settings.watch.quiet;
        plan::explain(&mut plan, &texts);
        locate_refused(&self.config.root, &mut plan);
        self.show(&plan, &desired);
        let orphans = plan.actions.iter().filter(|a| a.kind == Kind::Orphan);
        self.downloads.orphans = orphans.map(|a| a.name.clone()).collect();
        ledger.write(outdated_notes(&desired, ledger.recorded()))?;
        let young = young(&desired, quiet, (self.config.system_clock)());
        let wake = earliest(
            self.retry_due(&plan),
            young.wait.map(|wait| Instant::now() + wait),
        );
        Ok(Planned {
            plan,
            texts,
            young,
            wake,
        })
    }

    fn show(&mut self, plan: &Plan, desired: &Desired) {
        self.view.plan = plan.summary();
        self.view.problems = desired.problems.len();
        self.view.wishes = desired.wishes.len();
        if self.memory.is_news(plan, &desired.problems) {
            self.edge.plan(plan, &desired.problems);
        }
    }

    fn options(&self) -> Options {
        Options::new(&self.setup.settings, (self.config.clock)())
    }

    fn retry_due(&self, plan: &Plan) -> Option<Instant> {
        let due = plan.actions.iter().filter_map(|a| a.due).min()?;
        Some(self.instant(due))
    }

    pub(super) fn instant(&self, at: Timestamp) -> Instant {
        let wait = at.duration_since((self.config.clock)());
        Instant::now() + Duration::try_from(wait).unwrap_or_default()
    }

    /// Whose key it is, and what HeyGen's clock says; asked again now and then.
    pub(super) async fn account(&mut self, ledger: &mut Ledger) -> Result<HeygenClock, TurnError> {
        let now = Instant::now();
        if self.memory.me(now).is_none() {
            let me = self.setup.reader.me().await?;
            self.reached();
            let clock = HeygenClock {
                date: me.date.unwrap_or_else(self.config.clock),
                seen: std::time::Instant::now(),
            };
            self.memory.remember_me(me, clock, now);
        }
        let Some((me, clock)) = self.memory.me(now) else {
            unreachable!("it was just remembered")
        };
        check_account(ledger, &self.setup.base, me, (self.config.clock)())??;
        Ok(clock)
    }

    fn reached(&mut self) {
        if self.view.unreachable.take().is_some() {
            self.edge.event(&Event::ReachedAgain);
        }
    }

    async fn run(
        &mut self,
        ledger: &mut Ledger,
        prepared: Prepared,
        heygen_clock: HeygenClock,
        stop: watch::Receiver<u32>,
    ) -> Result<Option<Instant>, TurnError> {
        let clock = self.config.clock;
        let before = self.view.totals.clone();
        let (view, edge, sent) = (&mut self.view, &mut self.edge, &self.sent);
        let mut report = |event: Event| {
            view.take_event(&event);
            edge.event(&event);
            sent.send_replace(Arc::new(view.clone()));
        };
        let engine = Engine::new(Parts {
            ledger,
            reader: self.setup.reader.clone(),
            writer: self.setup.writer.clone(),
            bytes: Arc::new(ProjectBytes::new(&self.config.root)),
            limits: limits(&self.setup.settings),
            clock,
            heygen_clock,
            run: prepared.run,
            pace: &mut self.memory.pace,
            report: &mut report,
            stop,
        });
        let Planned { plan, texts, .. } = prepared.planned;
        let (outcome, ended) = engine.run(&plan, texts.wished, &Selection::All).await;
        ended?;
        if outcome.counts.submitted > 0 {
            self.memory.gate.worked();
        }
        if let End::Stopped(stop) = outcome.end {
            self.shut(reason(stop.cause), stop.text);
        }
        // What ended may be tried again, or leaves its slot to another: that is for the next plan.
        match self.view.totals.has_ended_since(&before) {
            true => Ok(Some(Instant::now())),
            false => Ok(outcome.wake),
        }
    }

    /// Whether something can be submitted at once. If not, nothing is in this turn: what waits is
    /// planned anew when its time has come.
    fn sends_now(&self, ledger: &Ledger, planned: &mut Planned) -> bool {
        let max_jobs = self.setup.settings.max_jobs;
        let free = free_slots(ledger.recorded(), max_jobs, (self.config.clock)());
        let may = free > 0 && !self.memory.pace.is_paused(Instant::now());
        let sends = may && planned.plan.actions.iter().any(|a| a.kind.submits());
        if !sends {
            hold_back(
                &mut planned.plan,
                &mut planned.texts.wished,
                &BTreeSet::new(),
                0,
            );
        }
        sends
    }
}

fn reason(cause: Cause) -> Reason {
    match cause {
        Cause::Refused(_) => Reason::Refused,
        Cause::Unreachable | Cause::Unknown => Reason::UnknownOutcomes,
        Cause::NoRoom => Reason::NoRoom,
        Cause::Internal => Reason::Internal,
    }
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        max_jobs: settings.max_jobs,
        poll_interval: settings.poll_interval,
        delays: Delays {
            request_timeout: settings.request_timeout,
            settle_delay: settings.settle_delay,
        },
        until: Until::Idle,
        stop_superseded: None,
        deadline: None,
    }
}

pub(super) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    [a, b].into_iter().flatten().min()
}
