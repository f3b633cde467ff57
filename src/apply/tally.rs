//! The counts of a run that broke off. What its events told was recorded before; what became of the
//! rest of the plan is read off the state.

use super::event::Counts;
use crate::plan::{Action, Kind, Plan};
use crate::state::{Attempt, Phase, Recorded};

enum Left {
    /// Done and told of, or nothing to be done.
    Nothing,
    Rejected,
    /// The intent is recorded, an outcome is not.
    Unknown,
    NotStarted,
}

impl Counts {
    /// Before any of a plan is done.
    #[must_use]
    pub fn of_nothing(plan: &Plan, recorded: &Recorded) -> Self {
        let mut counts = Self::default();
        counts.read_off(plan, recorded);
        counts
    }

    /// Sets what was rejected, is unknown or never started: what the state says of each action.
    pub(super) fn read_off(&mut self, plan: &Plan, recorded: &Recorded) {
        (self.rejected, self.unknown, self.not_started) = (0, 0, 0);
        for action in &plan.actions {
            match left(action, recorded) {
                Left::Nothing => {}
                Left::Rejected => self.rejected += 1,
                Left::Unknown => self.unknown += 1,
                Left::NotStarted => self.not_started += 1,
            }
        }
    }
}

fn left(action: &Action, recorded: &Recorded) -> Left {
    let last = recorded.last_attempt(&action.hash);
    let is_done = match action.kind {
        Kind::Blocked | Kind::Orphan => true,
        Kind::Reuse | Kind::Move => {
            let record = recorded.records.get(&action.name);
            record.is_some_and(|record| record.hash == action.hash)
        }
        Kind::Delete => {
            let attempts = recorded.attempts_of(&action.hash).iter();
            let mut deleted = attempts.filter(|a| matches!(a.phase, Phase::Deleted | Phase::Gone));
            deleted.any(|a| Some(a.number) == action.attempt)
        }
        Kind::Settle | Kind::Create | Kind::Update | Kind::Retry | Kind::Replace => {
            return of_attempt(action, last);
        }
    };
    match is_done {
        true => Left::Nothing,
        false => Left::NotStarted,
    }
}

fn of_attempt(action: &Action, last: Option<&Attempt>) -> Left {
    let is_ours = |a: &&Attempt| action.attempt.is_some_and(|number| number <= a.number);
    match last.filter(is_ours).map(|a| a.phase) {
        None | Some(Phase::NotSent) => Left::NotStarted,
        Some(Phase::Rejected) => Left::Rejected,
        Some(phase) if phase.is_unsettled() => Left::Unknown,
        Some(_) => Left::Nothing,
    }
}
