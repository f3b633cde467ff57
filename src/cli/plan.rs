//! `reconcile plan`: what apply would do. No network, no key, no lock.

use std::io::{BufWriter, Write};

use super::args::PlanArgs;
use super::context::Context;
use super::desired;
use super::error::CliError;
use super::exit::Exit;
use super::planning;
use super::refresh;
use crate::apply::{locate_refused, spec_from};
use crate::output::{PlanView, plan_json, write_plan};
use crate::plan::{self, Plan};
use crate::project::Desired;
use crate::state::{ReadState, open_reader};

pub(super) fn run(context: &Context, args: &PlanArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    let settings = context.settings()?;
    let state_dir = context.state_dir(&settings, args.planning.sandbox)?;
    if args.planning.refresh {
        refresh::before_planning(context, &settings, &state_dir, &args.planning, "plan")?;
    }
    let reader = open_reader(&state_dir)?;
    let (mut desired, recorded) = rayon::join(
        || desired::load(context, &settings, &state_dir),
        || reader.load(),
    );
    let recorded = recorded?;
    let options = planning::options(&args.planning, &settings, &desired, &recorded)?;
    let mut plan = plan::plan(&desired, &recorded, &options);
    planning::check_prune(&args.planning, &plan, &desired)?;
    let spec = spec_from(&reader);
    let texts = desired::texts(context, &settings, &mut desired, &plan, spec)?;
    plan::explain(&mut plan, &texts);
    locate_refused(&context.root, &mut plan);
    show(context, &plan, &desired, args.planning.full)?;
    if let Some(over) = planning::budget(&settings, None).over(&plan) {
        context.say(
            &planning::over_budget(over)
                .render(context.stderr_paint())
                .replacen("error:", "warning:", 1),
        );
    }
    let exit = exit(args, &plan, &desired);
    // The process ends here; giving back a million small pieces first would take longer than planning.
    std::mem::forget((plan, texts, desired, recorded));
    Ok(exit)
}

/// Shows a plan on stdout and what is broken on stderr.
pub(super) fn show(
    context: &Context,
    plan: &Plan,
    desired: &Desired,
    full: bool,
) -> Result<(), CliError> {
    context.show_problems(&desired.problems);
    let mut out = BufWriter::new(std::io::stdout().lock());
    if context.is_json() {
        serde_json::to_writer(&mut out, &plan_json(plan, &desired.problems))
            .map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        let view = PlanView {
            paint: context.stdout_paint(),
            full,
            broken: desired.problems.len(),
        };
        write_plan(&mut out, plan, view)?;
    }
    Ok(out.flush()?)
}

fn exit(args: &PlanArgs, plan: &Plan, desired: &Desired) -> Exit {
    if !desired.problems.is_empty() {
        return Exit::Failed;
    }
    match args.detailed_exitcode && !plan.is_empty() {
        true => Exit::Changes,
        false => Exit::Done,
    }
}
