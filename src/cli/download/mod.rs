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
use crate::download::{
    Counts, Event, FolderError, OpenError, Sink, Survey, Target, Tools, Wished, survey,
};
use crate::output::{DownloadReporter, Reporter};
use crate::plan::Selection;
use crate::project::{self, Desired, Settings};
use crate::state::{Entry, Ledger, ReadState, Recorded, StateError, open_reader};
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
        args,
    };
    let exit = exit_of(&survey, &selection);
    let waiting = survey.without.len();
    let (counts, interrupted) = match survey.jobs.is_empty() {
        true => (Counts::default(), false),
        false => command.work(survey, &wished, &mut reporter)?,
    };
    let orphans = orphans(&recorded, &wished, &desired);
    reporter.orphans(&orphans);
    reporter.finish(&counts, waiting)?;
    Ok(match came(&counts, interrupted) {
        Exit::Done if !desired.problems.is_empty() => Exit::Failed,
        Exit::Done => exit,
        exit => exit,
    })
}

struct Download<'a> {
    context: &'a Context,
    settings: &'a Settings,
    state_dir: &'a Path,
    args: &'a DownloadArgs,
}

impl Download<'_> {
    fn work(
        &self,
        survey: Survey,
        wished: &Wished,
        reporter: &mut DownloadReporter,
    ) -> Result<(Counts, bool), CliError> {
        let sandbox = self.args.sandbox;
        runtime()?.block_on(async {
            let api = connect_reading(self.context, self.settings, self.state_dir, sandbox).await?;
            self.check_account(&api).await?;
            let target = (self.context).downloads(self.settings, self.state_dir, sandbox)?;
            let mut sink = Briefly {
                context: self.context,
                state_dir: self.state_dir,
                timeout: self.args.lock_timeout,
                reporter,
            };
            let (tools, counts, interrupted) = fetch(&api, &target, survey, &mut sink).await?;
            let recorded = open_reader(self.state_dir)?.load()?;
            write_index(&tools, &recorded, wished)?;
            Ok((counts, interrupted))
        })
    }

    async fn check_account(&self, api: &Reading) -> Result<(), CliError> {
        let me = api.reader.me().await?;
        let timeout = self.args.lock_timeout;
        let mut ledger = open_ledger(self.context, self.state_dir, "download", timeout)?;
        Ok(check_account(&mut ledger, &api.base, &me, env::now())??)
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

async fn fetch(
    api: &Reading,
    target: &Target,
    survey: Survey,
    sink: &mut dyn Sink,
) -> Result<(Arc<Tools>, Counts, bool), CliError> {
    let stop = watch_interrupts()?;
    let tools = Arc::new(Tools::open(target, &api.reader, env::now)?);
    let counts = crate::download::run(&tools, survey.jobs, sink, stop.clone()).await?;
    let interrupted = *stop.borrow() > 0;
    Ok((tools, counts, interrupted))
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
    fn record(&mut self, entries: Vec<Entry>) -> Result<(), StateError> {
        if entries.is_empty() {
            return Ok(());
        }
        tokio::task::block_in_place(|| {
            let (context, dir) = (self.context, self.state_dir);
            try_open_ledger(context, dir, "download", self.timeout)?.write(entries)
        })
    }

    fn event(&mut self, event: Event) {
        self.reporter.event(&event);
    }
}

/// What came of the films that are finished.
fn came(counts: &Counts, interrupted: bool) -> Exit {
    match counts.failed + counts.not_started {
        _ if interrupted => Exit::Interrupted,
        0 => Exit::Done,
        _ => Exit::Failed,
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

/// What `apply --download` hands over.
pub(super) struct After<'a> {
    pub(super) context: &'a Context,
    pub(super) settings: &'a Settings,
    pub(super) state_dir: &'a Path,
    pub(super) sandbox: bool,
    pub(super) selection: &'a Selection,
    pub(super) beside: &'a Beside,
}

/// Fetches what is finished of what was applied.
pub(super) fn after_apply(
    after: &After<'_>,
    ledger: &mut Ledger,
    reporter: &mut Reporter,
) -> Result<Exit, CliError> {
    reporter.rest();
    let wished = load(after.context, after.settings).labels();
    let mut names = names(after.selection, &wished);
    names.retain(|name| wished.contains_key(name));
    let recorded = ledger.recorded();
    let survey = survey(recorded, &names, &wished, &after.beside.kinds());
    if survey.jobs.is_empty() {
        reporter.downloaded(0);
        return Ok(Exit::Done);
    }
    let mut sink = Along {
        ledger,
        reporter: self::reporter(after.context),
    };
    let (counts, interrupted) = runtime()?.block_on(after.fetch(survey, &wished, &mut sink))?;
    sink.reporter.rest()?;
    reporter.downloaded(counts.downloaded);
    Ok(came(&counts, interrupted))
}

impl After<'_> {
    async fn fetch(
        &self,
        survey: Survey,
        wished: &Wished,
        sink: &mut Along<'_>,
    ) -> Result<(Counts, bool), CliError> {
        let (context, settings) = (self.context, self.settings);
        let api = connect_reading(context, settings, self.state_dir, self.sandbox).await?;
        let target = context.downloads(settings, self.state_dir, self.sandbox)?;
        let (tools, counts, interrupted) = fetch(&api, &target, survey, sink).await?;
        write_index(&tools, sink.ledger.recorded(), wished)?;
        Ok((counts, interrupted))
    }
}

/// Writes into the state that is open already.
struct Along<'a> {
    ledger: &'a mut Ledger,
    reporter: DownloadReporter,
}

impl Sink for Along<'_> {
    fn record(&mut self, entries: Vec<Entry>) -> Result<(), StateError> {
        self.ledger.write(entries)
    }

    fn event(&mut self, event: Event) {
        self.reporter.event(&event);
    }
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
