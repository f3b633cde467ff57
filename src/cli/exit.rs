//! Exit codes: the contract with scripts.

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done,
    /// Failed, also in part.
    Failed,
    /// With `--detailed-exitcode`: apply would do something.
    Changes,
    /// Out of time; videos still rendering or waiting.
    OutOfTime,
    Usage,
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Changes => 2,
            Exit::OutOfTime => 3,
            Exit::Usage => 64,
            Exit::Interrupted => 130,
        })
    }
}
