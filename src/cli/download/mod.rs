//! `reconcile download`: fetches finished videos. Has no way to submit.

mod args;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(super) use self::args::{Beside, DownloadArgs};
use super::connect::{Reading, connect_reading};
use super::context::Context;
use super::env;
use super::error::CliError;
use super::exit::Exit;
use super::interrupt::watch_interrupts;
use super::open::{open_ledger, try_open_ledger};
use super::select;
use crate::apply::check_account;
use crate::download::{Counts, Event, FolderError, OpenError, Sink, Survey, Tools, Wished, survey};
use crate::output::{DownloadReporter, Reporter};
use crate::plan::Selection;
use crate::project::{self, Desired, Settings};
use crate::state::{Entry, ReadState, Recorded, StateError, open_reader};
use crate::video::Name;

pub(super) fn run(context: &Context, args: &DownloadArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    let settings = context.settings()?;
    let state_dir = context.state_dir(&settings, args.sandbox)?;
    let target = context.downloads(&settings, &state_dir, args.sandbox)?;
    target.check()?;
    let desired = load(context, &settings);
    context.show_problems(&desired.problems);
    let recorded = open_reader(&state_dir)?.load()?;
    let selection = select::select(&args.names.names, &desired, &recorded)?;
    let wished = desired.labels();
    let survey = survey(
        &recorded,
        &names(&selection, &wished),
        &wished,
        &args.beside.kinds(),
    );
    let mut reporter = reporter(context);
    reporter.start();
    survey.without.iter().for_each(|w| reporter.without(w));
    let command = Download {
        context,
        settings: &settings,
        state_dir: &state_dir,
        sandbox: args.sandbox,
        lock_timeout: args.lock_timeout,
    };
    let exit = exit_of(&survey, &selection);
    let waiting = survey.without.len();
    let came = command.work(survey, &wished, &mut reporter);
    let orphans = orphans(&recorded, &wished, &desired);
    reporter.orphans(&orphans);
    reporter.finish(&came.counts, waiting)?;
    Ok(match came.exit(context)? {
        Exit::Done if !desired.problems.is_empty() => Exit::Failed,
        Exit::Done => exit,
        exit => exit,
    })
}

/// What is worked with, for `apply --download` too.
pub(super) struct Download<'a> {
    pub(super) context: &'a Context,
    pub(super) settings: &'a Settings,
    pub(super) state_dir: &'a Path,
    pub(super) sandbox: bool,
    pub(super) lock_timeout: Duration,
}

/// What came of the films that are finished, also where it broke off.
#[derive(Default)]
struct Came {
    counts: Counts,
    interrupted: bool,
    broken: Option<CliError>,
}

impl Came {
    /// Interrupted comes first, then what broke, then what failed.
    fn exit(self, context: &Context) -> Result<Exit, CliError> {
        match (self.interrupted, self.broken) {
            (true, broken) => {
                broken
                    .iter()
                    .for_each(|error| context.say(&error.in_a_line()));
                Ok(Exit::Interrupted)
            }
            (false, Some(error)) => Err(error),
            (false, None) if self.counts.failed + self.counts.not_started > 0 => Ok(Exit::Failed),
            (false, None) => Ok(Exit::Done),
        }
    }
}

impl Download<'_> {
    fn work(&self, survey: Survey, wished: &Wished, reporter: &mut DownloadReporter) -> Came {
        let mut came = Came::default();
        if !survey.jobs.is_empty() {
            came.counts.not_started = survey.jobs.len();
            came.broken = self.fetch(survey, wished, reporter, &mut came).err();
        }
        came
    }

    fn fetch(
        &self,
        survey: Survey,
        wished: &Wished,
        reporter: &mut DownloadReporter,
        came: &mut Came,
    ) -> Result<(), CliError> {
        runtime()?.block_on(async {
            let mut stop = watch_interrupts()?;
            let (api, tools) = tokio::select! {
                reached = self.reach() => reached?,
                _ = stop.changed() => {
                    came.interrupted = true;
                    return Ok(());
                }
            };
            let mut sink = Briefly {
                context: self.context,
                state_dir: self.state_dir,
                timeout: self.lock_timeout,
                reporter,
            };
            let (counts, recorded) =
                crate::download::run(&tools, survey.jobs, &mut sink, stop.clone()).await;
            (came.counts, came.interrupted) = (counts, *stop.borrow() > 0);
            // A rehearsal's stand-in serves the films until here.
            drop(api);
            recorded?;
            let recorded = open_reader(self.state_dir)?.load()?;
            write_index(&tools, &recorded, wished)
        })
    }

    async fn reach(&self) -> Result<(Reading, Arc<Tools>), CliError> {
        let (context, settings, sandbox) = (self.context, self.settings, self.sandbox);
        let api = connect_reading(context, settings, self.state_dir, sandbox).await?;
        self.check_account(&api).await?;
        let target = context.downloads(settings, self.state_dir, sandbox)?;
        let tools = Tools::open(&target, &api.reader, env::now)?;
        Ok((api, Arc::new(tools)))
    }

    async fn check_account(&self, api: &Reading) -> Result<(), CliError> {
        let me = api.reader.me().await?;
        let timeout = self.lock_timeout;
        let mut ledger = open_ledger(self.context, self.state_dir, "download", timeout)?;
        Ok(check_account(&mut ledger, &api.base, &me, env::now())??)
    }

    /// Fetches what is finished of what was applied. The state is not locked meanwhile.
    pub(super) fn after_apply(
        &self,
        selection: &Selection,
        beside: &Beside,
        reporter: &mut Reporter,
    ) -> Result<Exit, CliError> {
        reporter.rest();
        let wished = load(self.context, self.settings).labels();
        let mut names = names(selection, &wished);
        names.retain(|name| wished.contains_key(name));
        let recorded = open_reader(self.state_dir)?.load()?;
        let survey = survey(&recorded, &names, &wished, &beside.kinds());
        let mut films = self::reporter(self.context);
        let came = self.work(survey, &wished, &mut films);
        films.rest()?;
        reporter.downloaded(came.counts.downloaded);
        came.exit(self.context)
    }
}

/// All manifests parsed: films are told of with their labels.
fn load(context: &Context, settings: &Settings) -> Desired {
    project::load(&context.root, settings, None, env::system_now())
}

fn reporter(context: &Context) -> DownloadReporter {
    DownloadReporter::new(context.is_json(), context.quiet, context.stdout_paint())
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start").because(e))
}

/// Those that are wished, or those that were named.
fn names(selection: &Selection, wished: &Wished) -> Vec<Name> {
    match selection {
        Selection::All => wished.keys().cloned().collect(),
        Selection::Only(names) => names.iter().cloned().collect(),
    }
}

fn write_index(tools: &Tools, recorded: &Recorded, wished: &Wished) -> Result<(), CliError> {
    let written = tools.write_index(recorded, wished);
    written.map_err(|e| CliError::new("the films are there, but the index is not").because(e))
}

/// Takes the state's lock for each film that is done, so that nobody waits for a download.
struct Briefly<'a> {
    context: &'a Context,
    state_dir: &'a Path,
    timeout: Duration,
    reporter: &'a mut DownloadReporter,
}

impl Sink for Briefly<'_> {
    fn record(&mut self, entries: Vec<Entry>) -> Result<bool, StateError> {
        if entries.is_empty() {
            return Ok(true);
        }
        tokio::task::block_in_place(|| {
            let (context, dir) = (self.context, self.state_dir);
            try_open_ledger(context, dir, "download", self.timeout)?.write(entries)?;
            Ok(true)
        })
    }

    fn event(&mut self, event: Event) {
        self.reporter.event(&event);
    }
}

/// What the names without a finished video mean: who names one wants it.
fn exit_of(survey: &Survey, selection: &Selection) -> Exit {
    let waits = survey.without.iter().all(|without| without.waits());
    match selection {
        Selection::All => Exit::Done,
        Selection::Only(_) if survey.without.is_empty() => Exit::Done,
        Selection::Only(_) if waits => Exit::OutOfTime,
        Selection::Only(_) => Exit::Failed,
    }
}

/// Names with a film that no manifest wishes for any more, as far as all manifests can be read.
fn orphans(recorded: &Recorded, wished: &Wished, desired: &Desired) -> Vec<String> {
    let path = |name: &Name| recorded.records.get(name).map_or("", |record| &record.path);
    let unwished = recorded
        .files
        .keys()
        .filter(|name| !wished.contains_key(*name));
    let unwished = unwished.filter(|name| !desired.may_hide(name, path(name)));
    unwished.map(ToString::to_string).collect()
}

impl From<FolderError> for CliError {
    fn from(error: FolderError) -> Self {
        Self::new("cannot use the downloads folder")
            .because(error)
            .hint("RECONCILE_DOWNLOADS names another one, anywhere")
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Folder(error) => error.into(),
            OpenError::Connect(error) => error.into(),
        }
    }
}
