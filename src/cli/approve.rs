//! Asking before money is spent.

use std::io::{BufRead, IsTerminal, Write};

use super::context::Context;
use super::error::CliError;

/// Whether there is a person to ask.
pub(super) fn can_ask(context: &Context) -> bool {
    !context.is_json() && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

pub(super) fn nobody_to_ask(command: &str) -> CliError {
    CliError::usage(format!(
        "{command} asks before it does anything, and there is no terminal to ask on"
    ))
    .hint("add --auto-approve to do it without asking")
}

/// Only `yes` is a yes.
pub(super) fn ask(context: &Context, question: &str) -> Result<bool, CliError> {
    let mut err = std::io::stderr();
    write!(err, "{} ", context.stderr_paint().bold(question))?;
    err.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().eq_ignore_ascii_case("yes"))
}
