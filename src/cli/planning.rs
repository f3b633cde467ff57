//! From arguments and settings to a plan; the same way for `plan` and `apply`.

use super::args::PlanningArgs;
use super::env;
use super::error::CliError;
use super::select;
use crate::output::{count, dollars};
use crate::plan::{Budget, Options, Over, Plan};
use crate::project::{Desired, Settings};
use crate::state::Recorded;

pub(super) fn options(
    args: &PlanningArgs,
    settings: &Settings,
    desired: &Desired,
    recorded: &Recorded,
) -> Result<Options, CliError> {
    Ok(Options {
        selection: select::select(&args.names.names, desired, recorded)?,
        retry_failed: args.retry_failed,
        replace: select::names(&args.replace, desired, recorded)?,
        prune: args.prune,
        ..Options::new(settings, env::now())
    })
}

/// A checkout that went wrong looks like a project whose every manifest was removed.
pub(super) fn check_prune(
    args: &PlanningArgs,
    plan: &Plan,
    desired: &Desired,
) -> Result<(), CliError> {
    let deletes = plan.summary().delete;
    if deletes == 0 || args.allow_empty || !desired.wishes.is_empty() {
        return Ok(());
    }
    Err(CliError::new(format!(
        "no manifest is left, and --prune would delete {deletes} of the recorded videos; \
         nothing was done"
    ))
    .hint("check that this is the right directory; if they are all to go, add --allow-empty"))
}

pub(super) fn budget(settings: &Settings, max_submissions: Option<usize>) -> Budget {
    Budget {
        submissions: max_submissions.unwrap_or(settings.max_submissions),
        cost_usd: settings.max_cost_usd,
    }
}

pub(super) fn over_budget(over: Over) -> CliError {
    match over {
        Over::Submissions { planned, limit } => CliError::new(format!(
            "the plan makes {}, the limit of one run is {limit}; nothing was sent",
            count(planned, "submission", "submissions")
        ))
        .hint(format!(
            "allow them with --max-submissions {planned}, select some by NAME, \
             or raise limits.max_submissions in reconcile.yaml"
        )),
        Over::Cost { planned, limit } => CliError::new(format!(
            "the plan costs about {}, the limit of one run is {}; nothing was sent",
            dollars(planned),
            dollars(limit)
        ))
        .hint("select some by NAME, or raise limits.max_cost_usd in reconcile.yaml"),
    }
}
