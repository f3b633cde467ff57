//! `reconcile apply`: shows the plan, asks, and does it.

mod send;
mod verdict;

use std::collections::HashSet;

use super::approve;
use super::args::ApplyArgs;
use super::context::Context;
use super::cost;
use super::desired;
use super::download::Download;
use super::error::CliError;
use super::exit::Exit;
use super::open::open_ledger;
use super::plan::show;
use super::planning;
use super::refresh;
use crate::apply::{End, Outcome, Texts, locate_refused, outdated_notes, spec_from};
use crate::output::{Reporter, Spent, count};
use crate::plan::{self, Options, Plan};
use crate::project::{Desired, Settings};
use crate::state::{Ledger, Phase, ReadState, Recorded, open_reader};
use crate::video::VideoHash;
use verdict::exit;

pub(super) fn run(context: &Context, args: &ApplyArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    if !args.download && args.beside.asks() {
        return Err(
            CliError::usage("nothing is fetched beside films that are not fetched")
                .hint("add --wait --download"),
        );
    }
    let command = Apply::prepare(context, args)?;
    command.refresh()?;
    match args.auto_approve {
        true => command.without_asking(),
        false => command.asking(),
    }
}

/// One apply: what was given, and what it works on.
struct Apply<'a> {
    context: &'a Context,
    args: &'a ApplyArgs,
    settings: Settings,
    state_dir: std::path::PathBuf,
}

/// A plan with all that its execution needs.
pub(super) struct Ready {
    pub(super) desired: Desired,
    pub(super) options: Options,
    pub(super) plan: Plan,
    pub(super) texts: Texts,
    /// What is settled and, beyond the limits of one run, not sent again.
    only_settled: HashSet<VideoHash>,
}

impl<'a> Apply<'a> {
    fn prepare(context: &'a Context, args: &'a ApplyArgs) -> Result<Self, CliError> {
        let settings = context.settings()?;
        let state_dir = context.state_dir(&settings, args.planning.sandbox)?;
        if args.download {
            let sandbox = args.planning.sandbox;
            (context.downloads(&settings, &state_dir, sandbox)?).check()?;
        }
        Ok(Self {
            context,
            args,
            settings,
            state_dir,
        })
    }

    fn refresh(&self) -> Result<(), CliError> {
        let args = &self.args.planning;
        match args.refresh {
            true => refresh::before_planning(
                self.context,
                &self.settings,
                &self.state_dir,
                args,
                "apply",
            ),
            false => Ok(()),
        }
    }

    /// Locks first, so that what is shown is what is done.
    fn without_asking(&self) -> Result<Exit, CliError> {
        let desired = self.desired()?;
        let ledger = self.open()?;
        let mut ready = self.plan(desired, ledger.recorded(), |hash| ledger.spec(hash))?;
        self.show(&ready)?;
        self.check_budget(&mut ready)?;
        self.execute(ledger, ready)
    }

    /// Shows and asks without holding anyone up, then plans again under the lock.
    fn asking(&self) -> Result<Exit, CliError> {
        let reader = open_reader(&self.state_dir)?;
        let recorded = reader.load()?;
        let spec = spec_from(&reader);
        let mut shown = self.plan(self.desired()?, &recorded, spec)?;
        self.show(&shown)?;
        if !approve::can_ask(self.context) {
            return Err(approve::nobody_to_ask("apply"));
        }
        self.check_budget(&mut shown)?;
        if shown.plan.is_empty() && !self.has_to_follow(&recorded) && !self.args.download {
            return Ok(exit(&recorded, &shown, None));
        }
        if !shown.plan.is_empty()
            && !approve::ask(self.context, "Apply this? Only `yes` is a yes:")?
        {
            self.context.say("Nothing was done.");
            return Ok(Exit::Failed);
        }
        let ledger = self.open()?;
        let mut ready = self.plan(self.desired()?, ledger.recorded(), |hash| ledger.spec(hash))?;
        if ready.plan != shown.plan {
            return Err(
                CliError::new("the plan changed since it was shown; nothing was done")
                    .hint("run apply again to see the new plan"),
            );
        }
        ready.only_settled.clone_from(&shown.only_settled);
        ready.texts.leave_out(&ready.only_settled);
        self.execute(ledger, ready)
    }

    fn open(&self) -> Result<Ledger, CliError> {
        let timeout = self.args.planning.lock_timeout;
        open_ledger(self.context, &self.state_dir, "apply", timeout)
    }

    fn desired(&self) -> Result<Desired, CliError> {
        let desired = desired::load(self.context, &self.settings, &self.state_dir);
        if desired.problems.is_empty() || self.args.keep_going {
            return Ok(desired);
        }
        self.context.show_problems(&desired.problems);
        Err(CliError::new("a manifest is broken; nothing was done")
            .hint("mend it, or apply the rest with --keep-going"))
    }

    fn plan(
        &self,
        mut desired: Desired,
        recorded: &Recorded,
        spec: impl Fn(&VideoHash) -> Result<Option<crate::video::Spec>, crate::state::StateError>,
    ) -> Result<Ready, CliError> {
        let args = &self.args.planning;
        let options = planning::options(args, &self.settings, &desired, recorded)?;
        let mut plan = plan::plan(&desired, recorded, &options);
        planning::check_prune(args, &plan, &desired)?;
        let texts = desired::texts(self.context, &self.settings, &mut desired, &plan, spec)?;
        plan::explain(&mut plan, &texts);
        locate_refused(&self.context.root, &mut plan);
        Ok(Ready {
            desired,
            options,
            plan,
            texts,
            only_settled: HashSet::new(),
        })
    }

    /// In JSON the events speak; a plan in between would not be one of them.
    fn show(&self, ready: &Ready) -> Result<(), CliError> {
        if self.context.is_json() {
            self.context.show_problems(&ready.desired.problems);
            return Ok(());
        }
        show(
            self.context,
            &ready.plan,
            &ready.desired,
            self.args.planning.full,
        )
    }

    /// Refuses what is too much for certain; what only may be is settled and not sent again.
    fn check_budget(&self, ready: &mut Ready) -> Result<(), CliError> {
        let budget = planning::budget(&self.settings, self.args.max_submissions);
        if let Some(over) = budget.over(&ready.plan) {
            return Err(planning::over_budget(over));
        }
        ready.only_settled = budget.only_settled(&ready.plan);
        ready.texts.leave_out(&ready.only_settled);
        if !ready.only_settled.is_empty() {
            let n = count(ready.only_settled.len(), "attempt is", "attempts are");
            self.context.say(&format!(
                "{n} settled and not sent again in this run: that could exceed its limits \
                 (limits.max_submissions or --max-submissions, limits.max_cost_usd)"
            ));
        }
        Ok(())
    }

    /// What is downloaded has to be finished.
    fn waits(&self) -> bool {
        self.args.wait || self.args.download
    }

    fn has_to_follow(&self, recorded: &Recorded) -> bool {
        self.waits() && !recorded.attempts_where(Phase::is_unfinished).is_empty()
    }

    fn execute(&self, mut ledger: Ledger, mut ready: Ready) -> Result<Exit, CliError> {
        let mut reporter = Reporter::new(
            self.context.is_json(),
            self.context.quiet,
            self.context.stdout_paint(),
        );
        reporter.start()?;
        let (outcome, worked) = self.carry_out(&mut ledger, &mut ready, &mut reporter);
        let spent = self.spent(ledger.recorded(), &ready, outcome.as_ref());
        let counts = outcome.as_ref().map(|o| o.counts).unwrap_or_default();
        let exit = exit(ledger.recorded(), &ready, outcome.as_ref());
        // Nobody waits for a download.
        drop(ledger);
        let downloaded =
            worked.and_then(|()| self.download(&ready, &mut reporter, outcome.as_ref()));
        // The summary is the last word, whatever broke.
        reporter.finish(&counts, &spent)?;
        self.say_what_is_left(outcome.as_ref());
        Ok(match (exit, downloaded?) {
            (_, Exit::Interrupted) => Exit::Interrupted,
            (Exit::Done | Exit::OutOfTime, Exit::Failed) => Exit::Failed,
            (exit, _) => exit,
        })
    }

    /// What it came to, if there was anything to do, and what broke it off.
    fn carry_out(
        &self,
        ledger: &mut Ledger,
        ready: &mut Ready,
        reporter: &mut Reporter,
    ) -> (Option<Outcome>, Result<(), CliError>) {
        let noted = ledger.write(outdated_notes(&ready.desired, ledger.recorded()));
        if let Err(error) = noted {
            let nothing = Outcome::of_nothing(&ready.plan, ledger.recorded(), End::Done);
            return (Some(nothing), Err(error.into()));
        }
        if ready.plan.is_empty() && !self.has_to_follow(ledger.recorded()) {
            return (None, Ok(()));
        }
        let (outcome, worked) = self.work(ledger, ready, reporter);
        (Some(outcome), worked)
    }

    /// What is finished is fetched, also where others were not in time.
    fn download(
        &self,
        ready: &Ready,
        reporter: &mut Reporter,
        outcome: Option<&Outcome>,
    ) -> Result<Exit, CliError> {
        let ended = outcome.is_none_or(|o| matches!(o.end, End::Done | End::OutOfTime));
        if !self.args.download || !ended {
            return Ok(Exit::Done);
        }
        let download = Download {
            context: self.context,
            settings: &self.settings,
            state_dir: &self.state_dir,
            sandbox: self.args.planning.sandbox,
            lock_timeout: self.args.planning.lock_timeout,
        };
        download.after_apply(&ready.options.selection, &self.args.beside, reporter)
    }

    fn spent(&self, recorded: &Recorded, ready: &Ready, outcome: Option<&Outcome>) -> Spent {
        let completed = outcome.map(|o| &o.completed);
        completed.map_or_else(Spent::default, |completed| {
            let spent = cost::spent(self.context, &self.settings, ready, recorded, completed);
            let rehearsal = self.args.planning.sandbox;
            Spent { rehearsal, ..spent }
        })
    }

    /// Stopped early is not lost: what goes on without us, and how to come back to it.
    fn say_what_is_left(&self, outcome: Option<&Outcome>) {
        match outcome.map(|o| &o.end) {
            Some(End::Interrupted) => self.context.say(
                "Interrupted. What was submitted goes on rendering; run apply again for the rest.",
            ),
            Some(End::OutOfTime) => self.context.say(
                "Out of time. What was submitted goes on rendering; run apply again for the rest.",
            ),
            _ => {}
        }
    }
}
