//! Tells what the loop does: plans and events as data on stdout, everything in the log.

use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::listen::Listening;
use super::log;
use crate::apply::Event;
use crate::cli::args::WatchArgs;
use crate::cli::connect::{Reading, connect_again, connect_nowhere};
use crate::cli::context::Context;
use crate::cli::env;
use crate::cli::error::CliError;
use crate::cli::refused::refused;
use crate::download;
use crate::heygen::Writer;
use crate::manifest::Problem;
use crate::output::{PlanView, download_json, event_json, plan_json, write_plan};
use crate::plan::Plan;
use crate::project::Settings;
use crate::watch::{Edge, Reason, Setup};

pub(super) struct Teller {
    context: Context,
    state_dir: PathBuf,
    sandbox: bool,
    dry_run: bool,
    resync: Option<Duration>,
    secret_file: Option<PathBuf>,
    /// A rehearsal's stand-in lives as long as this.
    api: (Reading, Writer),
    listening: Listening,
}

impl Teller {
    pub(super) fn new(
        context: &Context,
        args: &WatchArgs,
        state_dir: &Path,
        api: (Reading, Writer),
        listening: Listening,
    ) -> Self {
        Self {
            context: context.clone(),
            state_dir: state_dir.to_owned(),
            sandbox: args.sandbox,
            dry_run: args.dry_run,
            resync: args.resync,
            secret_file: super::secret_file(args),
            api,
            listening,
        }
    }

    fn read_again(&mut self) -> Result<Setup, CliError> {
        let read_at = env::system_now();
        let settings = self.settings()?;
        let (reading, writer) = match (self.sandbox, self.dry_run) {
            (true, _) => (None, self.api.1.clone()),
            (false, true) => some(connect_nowhere(&settings)?),
            (false, false) => some(connect_again(&settings)?),
        };
        self.listening.reload()?;
        if let Some(reading) = reading {
            self.api = (reading, writer);
        }
        let downloads = self
            .context
            .downloads(&settings, &self.state_dir, self.sandbox)?;
        if settings.watch.download {
            downloads.check()?;
        }
        Ok(Setup {
            settings,
            read_at,
            downloads,
            reader: self.api.0.reader.clone(),
            writer: self.api.1.clone(),
            base: self.api.0.base.clone(),
        })
    }

    fn settings(&self) -> Result<Settings, CliError> {
        let mut settings = self.context.settings()?;
        if let Some(resync) = self.resync {
            settings.watch.resync = resync;
        }
        settings.private.extend(self.secret_file.clone());
        match self.context.state_dir(&settings, self.sandbox)? == self.state_dir {
            true => Ok(settings),
            false => Err(CliError::new("another state needs another watch")
                .hint("stop this one and start it again")),
        }
    }

    /// For people with the lines they stand in, else as lines of the log.
    fn show_problems(&self, problems: &[Problem]) {
        match !self.context.is_json() && std::io::stderr().is_terminal() {
            true => self.context.show_problems(problems),
            false => log::problems(problems),
        }
    }

    fn write_plan(&self, plan: &Plan, problems: &[Problem]) -> std::io::Result<()> {
        let mut out = BufWriter::new(std::io::stdout().lock());
        if self.context.is_json() {
            let mut line = plan_json(plan, problems);
            line["type"] = json!("plan");
            writeln!(out, "{line}")?;
        } else {
            let view = PlanView {
                paint: self.context.stdout_paint(),
                full: false,
                broken: problems.len(),
            };
            write_plan(&mut out, plan, view)?;
        }
        out.flush()
    }
}

fn some((reading, writer): (Reading, Writer)) -> (Option<Reading>, Writer) {
    (Some(reading), writer)
}

impl Edge for Teller {
    fn plan(&mut self, plan: &Plan, problems: &[Problem]) {
        self.show_problems(problems);
        log::plan(plan, problems.len());
        // Nobody reading is no reason to stop: all of it is in the log.
        if let Err(error) = self.write_plan(plan, problems) {
            tracing::debug!(%error, "the plan could not be written");
        }
    }

    fn event(&mut self, event: &Event) {
        log::event(event);
        if !self.context.is_json() {
            return;
        }
        let refused = refused(&self.context.root, event);
        let place = refused.as_ref().and_then(|r| r.place.as_ref());
        if let Some(line) = event_json(event, place) {
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }

    fn download(&mut self, event: &download::Event) {
        log::download(event);
        let line = download_json(event).filter(|_| self.context.is_json());
        if let Some(line) = line {
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }

    fn paused(&mut self, reason: Reason, text: &str) {
        tracing::error!(reason = reason.as_str(), "submissions pause: {text}");
    }

    fn resumed(&mut self, reason: Reason) {
        tracing::info!(reason = reason.as_str(), "submissions go on");
    }

    fn trouble(&mut self, text: &str) {
        tracing::warn!("{text}");
    }

    fn note(&mut self, text: &str) {
        tracing::info!("{text}");
    }

    fn reload(&mut self) -> Result<Setup, String> {
        self.read_again().map_err(|error| {
            self.show_problems(error.problems());
            error.in_a_line()
        })
    }
}
