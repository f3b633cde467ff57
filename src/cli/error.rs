//! What a failing command says: what happened, why, and the way out.

use std::error::Error;
use std::fmt::Write;
use std::io;

use super::exit::Exit;
use crate::apply::AccountError;
use crate::heygen::{ConnectError, ReadError};
use crate::manifest::Problem;
use crate::output::{Paint, escape, problems};
use crate::state::StateError;

#[derive(Debug)]
pub(super) struct CliError {
    message: String,
    hints: Vec<String>,
    exit: Exit,
    problems: Vec<Problem>,
    /// Of the file that was given.
    line: Option<u64>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl CliError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
            exit: Exit::Failed,
            problems: Vec::new(),
            line: None,
            source: None,
        }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::new(message)
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(super) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What is wrong with the files it is about, shown before it.
    pub(super) fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems = problems;
        self
    }

    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// It is about this line of the file that was given.
    pub(super) fn at(mut self, line: Option<u64>) -> Self {
        self.line = line;
        self
    }

    pub(super) fn line(&self) -> Option<u64> {
        self.line
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// The reader went away (`reconcile plan | head`): no error of ours.
    pub(super) fn is_broken_pipe(&self) -> bool {
        let source = self.source.as_deref();
        source
            .and_then(|s| s.downcast_ref::<io::Error>())
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    }

    /// For a log: with the first place it is about, where there is one.
    pub(super) fn in_a_line(&self) -> String {
        match self.problems.first() {
            Some(problem) => problems::in_a_line(problem),
            None => self
                .render(Paint::new(false))
                .trim_end()
                .replace('\n', "; "),
        }
    }

    pub(super) fn render(&self, paint: Paint) -> String {
        let place = self
            .line
            .map_or_else(String::new, |n| format!("line {n}: "));
        let message = escape(&self.message);
        let mut text = format!("{} {place}{message}", paint.bad("error:"));
        let mut cause = self.source.as_deref().map(|s| s as &dyn Error);
        while let Some(error) = cause {
            let _ = write!(text, ": {}", escape(&error.to_string()));
            cause = error.source();
        }
        text.push('\n');
        for hint in &self.hints {
            let _ = writeln!(text, "{} {}", paint.info("hint:"), escape(hint));
        }
        text
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::new("cannot write the output").because(error)
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        let hint = state_hint(&error);
        let wrapped = Self::new(error.to_string());
        let wrapped = match std::error::Error::source(&error) {
            Some(_) => Self::new("the state can't be used").because(error),
            None => wrapped,
        };
        match hint {
            Some(hint) => wrapped.hint(hint),
            None => wrapped,
        }
    }
}

fn state_hint(error: &StateError) -> Option<&'static str> {
    match error {
        StateError::Damaged { path, .. } if path.iter().any(|part| part == "sandbox") => Some(
            "nothing is paid for meanwhile: run `reconcile state repair`, with --sandbox if this is \
             the rehearsal's state; it keeps what can be read and a copy of the rest",
        ),
        StateError::Damaged { .. } => Some(
            "nothing is paid for meanwhile: put the state directory back from a backup, or run \
             `reconcile state repair`, which keeps what can be read and a copy of the rest",
        ),
        StateError::NewerFormat { .. } => {
            Some("update reconcile to the version that wrote this state")
        }
        StateError::Locked { .. } => {
            Some("wait for it to end, or give more time with --lock-timeout")
        }
        StateError::Poisoned => Some("run the command again"),
        StateError::Io { .. } | StateError::EntryTooLarge { .. } => None,
    }
}

impl From<AccountError> for CliError {
    fn from(error: AccountError) -> Self {
        Self::new(error.to_string()).hint(
            "use the key of the account that paid for these videos, or another state directory \
             (RECONCILE_STATE) for another account",
        )
    }
}

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> Self {
        Self::new("cannot talk to HeyGen").because(error)
    }
}

impl From<ReadError> for CliError {
    fn from(error: ReadError) -> Self {
        match error {
            error if error.refuses_all() => {
                Self::new(format!("HeyGen does not accept the API key: {error}"))
                    .hint("check HEYGEN_API_KEY; keys are made at https://app.heygen.com/settings")
            }
            ReadError::Network(why) => Self::new(format!("cannot reach HeyGen at {why}")).hint(
                "nothing was sent; check the network, HTTPS_PROXY and HEYGEN_API_BASE, then run the \
                 command again",
            ),
            error => Self::new(format!("HeyGen does not answer as it should: {error}"))
                .hint("nothing was sent; run the command again in a while"),
        }
    }
}
