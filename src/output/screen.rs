//! Lines on stdout and stderr beside a progress bar.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Where no bar can be drawn, a line every so often says that it goes on.
const LINE_EVERY: Duration = Duration::from_secs(15);

pub(super) struct Screen {
    quiet: bool,
    /// Whether a bar can be drawn; it is, once there is progress to show.
    draws: bool,
    bar: Option<ProgressBar>,
    last_line: Instant,
    /// The first line that could not be written; the run goes on and is recorded.
    failed: Option<io::Error>,
}

impl Screen {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        Self {
            quiet,
            draws: !json && !quiet && io::stderr().is_terminal(),
            bar: None,
            last_line: Instant::now(),
            failed: None,
        }
    }

    /// The first error of a line of data since the last call.
    pub(super) fn result(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    pub(super) fn line(&mut self, line: &str) {
        let write = || writeln!(io::stdout().lock(), "{line}");
        let written = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    /// What is not data goes to stderr, unless only trouble is to be told.
    pub(super) fn aside(&mut self, text: &str) {
        if !self.quiet {
            self.trouble(text);
        }
    }

    pub(super) fn trouble(&mut self, text: &str) {
        let write = || writeln!(io::stderr().lock(), "{text}");
        // A stderr nobody reads is no reason to stop.
        let _ = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
    }

    pub(super) fn progress(&mut self, done: usize, of: usize, text: String) {
        if self.draws {
            let bar = self.bar.get_or_insert_with(bar);
            // One of nothing is drawn as full.
            bar.set_length(of.max(1) as u64);
            bar.set_position(done as u64);
            bar.set_message(text);
        } else if !self.quiet && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            eprintln!("{text}");
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} [{bar:24}] {msg}  {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    let bar = ProgressBar::new(0).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
