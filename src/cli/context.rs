//! What every command shares: where the project is, and how to speak.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use super::args::{Color, Format, Global};
use super::env;
use super::error::CliError;
use super::journal::Journal;
use crate::download::Target;
use crate::manifest::Problem;
use crate::output::{Paint, problems};
use crate::project::{self, Settings};
use tracing_subscriber::util::SubscriberInitExt as _;

#[derive(Clone)]
pub(super) struct Context {
    pub(super) root: PathBuf,
    pub(super) format: Format,
    pub(super) quiet: bool,
    verbose: u8,
    color: Color,
    /// Passes when a person was told that this is a rehearsal.
    rehearsing: Arc<Once>,
}

impl Context {
    pub(super) fn new(global: &Global) -> Self {
        Self {
            root: global.directory.clone(),
            format: global.format,
            quiet: global.quiet,
            verbose: global.verbose,
            color: global.color,
            rehearsing: Arc::new(Once::new()),
        }
    }

    pub(super) fn start_logging(&self) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (_, 0) => "reconcile=warn",
            (_, 1) => "reconcile=info",
            _ => "reconcile=debug",
        };
        let filter = tracing_subscriber::EnvFilter::new(level);
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(self.stderr_paint().is_colored())
            .with_target(false)
            .without_time();
        // A second one in the same process (a test) changes nothing.
        let _ = subscriber.try_init();
    }

    /// The log of a server: every line with its time, as text or JSON.
    pub(super) fn start_journal(&self) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => "reconcile=warn",
            (_, 0) => "reconcile=info",
            _ => "reconcile=debug",
        };
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(level))
            .with_writer(Journal::find())
            .with_target(false);
        let _ = match (self.is_json(), Journal::find()) {
            (true, _) => subscriber.json().flatten_event(true).finish().try_init(),
            // The journal has the time already.
            (false, Journal::Systemd) => subscriber
                .without_time()
                .with_ansi(false)
                .finish()
                .try_init(),
            (false, Journal::Stderr) => subscriber
                .with_ansi(self.stderr_paint().is_colored())
                .finish()
                .try_init(),
        };
    }

    fn paint(&self, stream: &impl IsTerminal) -> Paint {
        Paint::new(match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => env::takes_color(stream),
        })
    }

    pub(super) fn stdout_paint(&self) -> Paint {
        self.paint(&std::io::stdout())
    }

    pub(super) fn stderr_paint(&self) -> Paint {
        self.paint(&std::io::stderr())
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(super) fn refuse_github(&self) -> Result<(), CliError> {
        match self.format {
            Format::Github => Err(CliError::usage("--format github is for validate")
                .hint("use --format text or --format json here")),
            _ => Ok(()),
        }
    }

    /// Says something to a person, on stderr, unless told to be quiet.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    /// Once, however often a command connects.
    pub(super) fn say_rehearsing(&self) {
        self.rehearsing.call_once(|| {
            self.say("sandbox: a local stand-in for HeyGen; nothing is paid, no key is used");
        });
    }

    /// Shows what is wrong with manifests or settings, on stderr.
    pub(super) fn show_problems(&self, problems: &[Problem]) {
        let text = problems::render(problems, self.stderr_paint().is_colored(), self.width());
        // A stderr nobody reads is no reason to stop.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn width(&self) -> usize {
        100
    }

    pub(super) fn check_root(&self) -> Result<(), CliError> {
        match self.root.is_dir() {
            true => Ok(()),
            false => Err(
                CliError::usage(format!("{} is not a directory", self.root.display()))
                    .hint("name the project directory with -C DIR"),
            ),
        }
    }

    /// The settings file, overridden by the environment.
    pub(super) fn settings(&self) -> Result<Settings, CliError> {
        self.check_root()?;
        let mut settings = project::load_settings(&self.root).map_err(|problems| {
            CliError::new("the settings can't be used").with_problems(problems)
        })?;
        if let Some(jobs) = env::var("RECONCILE_MAX_JOBS") {
            settings.max_jobs = jobs.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
                CliError::usage(format!("RECONCILE_MAX_JOBS is not a number from 1: {jobs}"))
            })?;
        }
        if let Some(downloads) = env::var("RECONCILE_DOWNLOADS") {
            settings.downloads = downloads;
        }
        settings.private = Self::private();
        Ok(settings)
    }

    /// Where the environment says that secrets are: no manifest may show them.
    pub(super) fn private() -> Vec<PathBuf> {
        let named = ["RECONCILE_STATE", "HEYGEN_API_KEY_FILE"].map(env::var);
        named.into_iter().flatten().map(PathBuf::from).collect()
    }

    /// Where the state is: a rehearsal has one of its own inside the project.
    pub(super) fn state_dir(
        &self,
        settings: &Settings,
        sandbox: bool,
    ) -> Result<PathBuf, CliError> {
        let given = env::var("RECONCILE_STATE");
        if given.as_deref().is_some_and(|s| s.starts_with("postgres")) {
            return Err(
                CliError::usage("this version keeps its state in a directory only")
                    .hint("set RECONCILE_STATE to a directory"),
            );
        }
        let state = match given {
            Some(dir) => self.root.join(dir),
            None => self.root.join(&settings.state),
        };
        Ok(if sandbox {
            state.join("sandbox")
        } else {
            state
        })
    }

    /// Where films go. A rehearsal's stay beside its state: they must not take the place of real ones.
    pub(super) fn downloads(
        &self,
        settings: &Settings,
        state_dir: &Path,
        sandbox: bool,
    ) -> Result<Target, CliError> {
        let folder = match sandbox {
            true => {
                let folder = state_dir.join("downloads");
                let below = folder.strip_prefix(&self.root).unwrap_or(&folder);
                let text = below.to_str().map(str::to_owned);
                text.ok_or_else(|| CliError::usage("the path of the state is not UTF-8"))?
            }
            false => settings.downloads.clone(),
        };
        Ok(Target {
            root: self.root.clone(),
            folder,
            apart: vec![
                ("project", self.root.clone()),
                ("manifests' folder", self.root.join(&settings.manifests)),
                ("state", state_dir.to_owned()),
            ],
            anywhere: sandbox || env::var("RECONCILE_DOWNLOADS").is_some(),
        })
    }

    /// Where the index of manifests is kept: a cache, best effort.
    pub(super) fn index_path(state_dir: &Path) -> PathBuf {
        state_dir.join("manifests.index")
    }
}
