//! One turn: look at what is wished and recorded, plan, show, and do what may be done now.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::budget::allowance;
use super::edge::{Config, Edge, Setup};
use super::gate::{News, Reason};
use super::hints::{self, Hint};
use super::hold_back::{Young, hold_back, young};
use super::memory::Memory;
use super::view::View;
use crate::apply::{
    AccountError, Cause, End, Engine, Event, Limits, Parts, PastError, Texts, TextsError, Until,
    check_account, compare, free_slots, outdated_notes, survey, vouch,
};
use crate::heygen::ReadError;
use crate::plan::{self, Action, Kind, Options, Plan, Pricing, Retry, Selection};
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
struct Planned {
    plan: Plan,
    texts: Texts,
    young: Young,
    wake: Option<Instant>,
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
        let done = self.work(&mut ledger, desired, hints, stop).await;
        self.view.take_recorded(ledger.recorded());
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
        self.show(&plan, &desired);
        let wake = self.retry_due(&plan);
        Ok(Done { wake })
    }

    fn open(&mut self) -> Result<Ledger, TurnError> {
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
        if !hints.is_empty() {
            self.account(ledger).await?;
            self.take_hints(ledger, hints).await?;
        }
        let mut planned = self.plan(ledger, desired)?;
        self.unproven(ledger, &planned).await?;
        self.hold_back(ledger, &mut planned);
        let unfinished = !ledger
            .recorded()
            .attempts_where(Phase::is_unfinished)
            .is_empty();
        let wake = planned.wake;
        if planned.plan.is_empty() && !unfinished {
            return Ok(Done { wake });
        }
        let clock = self.account(ledger).await?;
        let ran = self.run(ledger, planned, clock, stop).await?;
        Ok(Done {
            wake: earliest(wake, ran),
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
        self.show(&plan, &desired);
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
        let settings = &self.setup.settings;
        Options {
            now: (self.config.clock)(),
            selection: Selection::All,
            retry_failed: false,
            replace: BTreeSet::new(),
            prune: false,
            retry: Retry {
                max_attempts: settings.retry_max_attempts,
                backoff: settings.retry_backoff,
            },
            pricing: Pricing {
                price_per_second: settings.price_per_second,
                default_duration: settings.default_duration,
            },
        }
    }

    fn retry_due(&self, plan: &Plan) -> Option<Instant> {
        let due = plan.actions.iter().filter_map(|a| a.due).min()?;
        Some(self.instant(due))
    }

    fn instant(&self, at: Timestamp) -> Instant {
        let wait = at.duration_since((self.config.clock)());
        Instant::now() + Duration::try_from(wait).unwrap_or_default()
    }

    /// Whose key it is, and what HeyGen's clock says; asked again now and then.
    async fn account(&mut self, ledger: &mut Ledger) -> Result<HeygenClock, TurnError> {
        let now = Instant::now();
        if self.memory.me(now).is_none() {
            let me = self.setup.reader.me().await?;
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

    /// Compares a state that can't vouch for the past with HeyGen's sessions, before its first
    /// submission.
    async fn unproven(&mut self, ledger: &mut Ledger, planned: &Planned) -> Result<(), TurnError> {
        let submits = |a: &Action| a.kind.submits() && a.kind != Kind::Replace;
        let unproven = ledger.recorded().unproven((self.config.clock)());
        let Some(unproven) = unproven.filter(|_| planned.plan.actions.iter().any(submits)) else {
            self.resume(Reason::Unproven);
            return Ok(());
        };
        let now = Instant::now();
        if self.memory.compare_after.is_some_and(|after| after > now) {
            return Ok(());
        }
        self.account(ledger).await?;
        let (reader, since) = (&self.setup.reader, unproven.since);
        let found = compare(ledger, reader, since, &planned.plan, &planned.texts).await?;
        let Some(one) = found.first() else {
            self.resume(Reason::Unproven);
            if self.view.problems == 0 {
                vouch(ledger, (self.config.clock)())?;
            }
            return Ok(());
        };
        self.memory.compare_after = Some(now + self.setup.settings.watch.resync);
        let text = format!(
            "the state can't vouch for what was submitted since {since:.0}, and HeyGen has a session \
             ({}) with the prompt of {}: run `reconcile apply --adopt` to take such sessions over, \
             or `reconcile apply --new-state` to pay for new ones",
            one.session_id, one.name
        );
        self.pause(Reason::Unproven, text);
        Ok(())
    }

    /// Leaves what must not be submitted now for later, and says so.
    fn hold_back(&mut self, ledger: &Ledger, planned: &mut Planned) {
        let now = (self.config.clock)();
        self.check_plan_limits(&planned.plan);
        let limit = self.setup.settings.watch.max_submissions_per_hour;
        let hourly = allowance(ledger.recorded(), limit, now);
        let may = !self.memory.gate.is_shut()
            && !self.is_paused(Reason::PlanLimit)
            && !self.is_paused(Reason::Unproven);
        let allowed = if may { hourly.left } else { 0 };
        let manifests = &mut planned.texts.wished;
        let left = hold_back(&mut planned.plan, manifests, &planned.young.names, allowed);
        self.view.waiting = left.over + left.young;
        if may && left.over > 0 {
            let text = format!(
                "{} submissions wait: watch.max_submissions_per_hour is {limit}, and so many were made \
                 within the last hour",
                left.over
            );
            self.pause(Reason::HourlyLimit, text);
            let next = hourly.next.map(|at| self.instant(at));
            planned.wake = earliest(planned.wake, next);
        } else if may {
            self.resume(Reason::HourlyLimit);
        }
    }

    fn check_plan_limits(&mut self, plan: &Plan) {
        match over_limits(plan, &self.setup.settings) {
            Some(text) => self.pause(Reason::PlanLimit, text),
            None => self.resume(Reason::PlanLimit),
        }
    }

    fn is_paused(&self, reason: Reason) -> bool {
        self.memory.gate.pauses().contains_key(&reason)
    }

    pub(super) fn pause(&mut self, reason: Reason, text: String) {
        let at = (self.config.clock)();
        if self.memory.gate.pause(reason, text.clone(), at) == News::New {
            self.edge.paused(reason, &text);
        }
    }

    fn resume(&mut self, reason: Reason) {
        if self.memory.gate.resume(reason) == News::New {
            self.edge.resumed(reason);
        }
    }

    pub(super) fn shut(&mut self, reason: Reason, text: String) {
        let at = (self.config.clock)();
        let gate = &mut self.memory.gate;
        if gate.shut(reason, text.clone(), at, Instant::now()) == News::New {
            self.edge.paused(reason, &text);
        }
    }

    async fn run(
        &mut self,
        ledger: &mut Ledger,
        mut planned: Planned,
        heygen_clock: HeygenClock,
        stop: watch::Receiver<u32>,
    ) -> Result<Option<Instant>, TurnError> {
        let clock = self.config.clock;
        let run = match self.sends_now(ledger, &mut planned) {
            true => Some(survey(ledger, &self.setup.reader, heygen_clock.now(), clock()).await?),
            false => None,
        };
        let before = self.view.totals.clone();
        let (view, edge) = (&mut self.view, &mut self.edge);
        let mut report = |event: Event| {
            view.take_event(&event);
            edge.event(&event);
        };
        let engine = Engine::new(Parts {
            ledger,
            reader: self.setup.reader.clone(),
            writer: self.setup.writer.clone(),
            bytes: Arc::new(ProjectBytes::new(&self.config.root)),
            limits: limits(&self.setup.settings),
            clock,
            heygen_clock,
            run,
            pace: &mut self.memory.pace,
            report: &mut report,
            stop,
        });
        let manifests = planned.texts.wished;
        let outcome = engine
            .run(&planned.plan, manifests, &Selection::All)
            .await?;
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

    /// Asks HeyGen a question that costs nothing: whether submissions may go on.
    pub(super) async fn probe(&mut self) {
        match self.setup.reader.me().await {
            Ok(_) => {
                self.memory.pace.answers_again();
                for reason in self.memory.gate.open() {
                    self.edge.resumed(reason);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "HeyGen does not let us go on yet");
                self.memory.gate.probe_failed(Instant::now());
            }
        }
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
        stop_superseded: false,
        deadline: None,
    }
}

/// Why nothing of a plan is submitted. A limit of one run is one of each plan here.
fn over_limits(plan: &Plan, settings: &Settings) -> Option<String> {
    let (submissions, limit) = (plan.summary().submissions, settings.max_submissions);
    if submissions > limit {
        return Some(format!(
            "the plan makes {submissions} submissions, the limit of one plan is {limit}: raise \
             limits.max_submissions in reconcile.yaml, or run `reconcile apply --max-submissions {submissions}`"
        ));
    }
    let limit = settings.max_cost_usd?;
    (plan.estimate_usd > limit).then(|| {
        format!(
            "the plan costs about ${:.2}, the limit of one plan is ${limit:.2}: raise \
             limits.max_cost_usd in reconcile.yaml, or apply a part of it by name",
            plan.estimate_usd
        )
    })
}

pub(super) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    [a, b].into_iter().flatten().min()
}
