//! From arguments and settings to a plan; the same way for `plan` and `apply`.

use super::args::PlanningArgs;
use super::env;
use super::error::CliError;
use super::select;
use crate::plan::{Options, Plan, Pricing, Retry};
use crate::project::{Desired, Settings};
use crate::state::Recorded;

pub(super) fn options(
    args: &PlanningArgs,
    settings: &Settings,
    desired: &Desired,
    recorded: &Recorded,
) -> Result<Options, CliError> {
    Ok(Options {
        now: env::now(),
        selection: select::select(&args.names.names, desired, recorded)?,
        retry_failed: args.retry_failed,
        replace: select::names(&args.replace, desired, recorded)?,
        prune: args.prune,
        retry: Retry {
            max_attempts: settings.retry_max_attempts,
            backoff: settings.retry_backoff,
        },
        pricing: Pricing {
            price_per_second: settings.price_per_second,
            default_duration: settings.default_duration,
        },
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

/// Why a plan is over the limits of one run, if it is.
pub(super) fn over_budget(
    plan: &Plan,
    settings: &Settings,
    max_submissions: Option<usize>,
) -> Option<CliError> {
    let submissions = plan.summary().submissions;
    let limit = max_submissions.unwrap_or(settings.max_submissions);
    if submissions > limit {
        let error = CliError::new(format!(
            "the plan makes {submissions} submissions, the limit of one run is {limit}; nothing was sent"
        ));
        return Some(error.hint(format!(
            "allow them with --max-submissions {submissions}, select some by NAME, \
             or raise limits.max_submissions in reconcile.yaml"
        )));
    }
    let limit = settings.max_cost_usd?;
    (plan.estimate_usd > limit).then(|| {
        CliError::new(format!(
            "the plan costs about ${:.2}, the limit of one run is ${limit:.2}; nothing was sent",
            plan.estimate_usd
        ))
        .hint("select some by NAME, or raise limits.max_cost_usd in reconcile.yaml")
    })
}
