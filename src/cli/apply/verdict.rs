//! What an `apply` came to, as its exit code tells.

use super::Ready;
use crate::apply::{End, Outcome};
use crate::cli::exit::Exit;
use crate::plan::Kind;
use crate::state::{Attempt, Phase, Recorded};

/// The first that fits: interrupted, failed in part, out of time, done.
pub(super) fn exit(recorded: &Recorded, ready: &Ready, outcome: Option<&Outcome>) -> Exit {
    let end = outcome.map_or(&End::Done, |o| &o.end);
    let not_started = outcome.map_or(0, |o| o.counts.not_started);
    match end {
        End::Interrupted => return Exit::Interrupted,
        End::Stopped(_) => return Exit::Failed,
        End::Done | End::OutOfTime => {}
    }
    if !ready.desired.problems.is_empty() || has_trouble(recorded, ready) {
        return Exit::Failed;
    }
    match end {
        End::OutOfTime => Exit::OutOfTime,
        _ if not_started > 0 || left_unsent(recorded, ready) => Exit::Failed,
        _ => Exit::Done,
    }
}

/// HeyGen never took it, and the limits of one run kept it from being sent again.
fn left_unsent(recorded: &Recorded, ready: &Ready) -> bool {
    let unsent = |a: &Attempt| a.phase == Phase::NotSent;
    let mut withheld = ready.only_settled.iter();
    withheld.any(|hash| recorded.last_attempt(hash).is_some_and(unsent))
}

/// Something selected is failed, rejected, unknown or blocked now.
fn has_trouble(recorded: &Recorded, ready: &Ready) -> bool {
    let blocked = ready.plan.actions.iter().any(|a| a.kind == Kind::Blocked);
    let selection = &ready.options.selection;
    let wished = ready
        .desired
        .wishes
        .keys()
        .filter(|n| selection.contains(n));
    let troubled =
        |phase: Phase| phase.is_unsettled() || matches!(phase, Phase::Failed | Phase::Rejected);
    blocked
        || wished
            .filter_map(|name| recorded.records.get(name))
            .filter_map(|record| recorded.current_attempt(&record.hash))
            .any(|attempt| troubled(attempt.phase))
}
