//! What keeps a turn from submitting: the past, the limits, and what HeyGen refused.

use tokio::time::Instant;

use super::budget::allowance;
use super::gate::{News, Reason};
use super::hold_back::hold_back;
use super::turn::{Planned, TurnError, Turns, earliest};
use crate::apply::{compare, vouch};
use crate::plan::{Action, Budget, Kind, Over};
use crate::state::Ledger;

impl Turns {
    /// Compares a state that can't vouch for the past with HeyGen's sessions, before its first
    /// submission.
    pub(super) async fn unproven(
        &mut self,
        ledger: &mut Ledger,
        planned: &Planned,
    ) -> Result<(), TurnError> {
        let submits = |a: &Action| a.kind.submits() && a.kind != Kind::Replace;
        let unproven = ledger.recorded().unproven((self.config.clock)());
        let Some(unproven) = unproven.filter(|_| planned.plan.actions.iter().any(submits)) else {
            self.resume(Reason::Unproven);
            return Ok(());
        };
        let now = Instant::now();
        let waits = self.memory.compare_after.is_some_and(|after| after > now);
        // Only what holds submissions back may put off the comparison that lets them go.
        if waits && self.is_paused(Reason::Unproven) {
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
    pub(super) fn hold_back(&mut self, ledger: &Ledger, planned: &mut Planned) {
        let now = (self.config.clock)();
        self.keep_to_plan_limits(planned);
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
                "watch.max_submissions_per_hour is {limit}: {} more wait, the next may go {}",
                left.over,
                hourly
                    .next
                    .map_or_else(|| "in an hour".into(), |at| format!("at {at:.0}"))
            );
            self.pause(Reason::HourlyLimit, text);
            let next = hourly.next.map(|at| self.instant(at));
            planned.wake = earliest(planned.wake, next);
        } else if may {
            self.resume(Reason::HourlyLimit);
        }
    }

    fn keep_to_plan_limits(&mut self, planned: &mut Planned) {
        let settings = &self.setup.settings;
        let budget = Budget {
            submissions: settings.max_submissions,
            cost_usd: settings.max_cost_usd,
        };
        let over = budget.over(&planned.plan);
        planned.texts.leave_out(&budget.only_settled(&planned.plan));
        match over {
            Some(over) => self.pause(Reason::PlanLimit, over_limits(over)),
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
        let text = format!("{text}; {}", way_out(reason));
        let at = (self.config.clock)();
        let gate = &mut self.memory.gate;
        if gate.shut(reason, text.clone(), at, Instant::now()) == News::New {
            self.edge.paused(reason, &text);
        }
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

/// Why nothing of a plan is submitted. A limit of one run is one of each plan here.
fn over_limits(over: Over) -> String {
    match over {
        Over::Submissions { planned, limit } => format!(
            "the plan makes {planned} submissions, the limit of one plan is {limit}: raise \
             limits.max_submissions in reconcile.yaml, or run `reconcile apply --max-submissions {planned}`"
        ),
        Over::Cost { planned, limit } => format!(
            "the plan costs about ${planned:.2}, the limit of one plan is ${limit:.2}: raise \
             limits.max_cost_usd in reconcile.yaml, or apply a part of it by name"
        ),
    }
}

/// What opens a gate that is shut.
fn way_out(reason: Reason) -> &'static str {
    match reason {
        Reason::Refused => {
            "mend the key or the credit; HeyGen is asked again by itself, soon and then with growing \
             pauses, and at once after SIGHUP (systemctl reload)"
        }
        Reason::OtherAccount => {
            "give it the key of the account that paid for these videos, then SIGHUP"
        }
        Reason::NoRoom => "make room; it goes on by itself",
        _ => "it goes on by itself once HeyGen answers",
    }
}
