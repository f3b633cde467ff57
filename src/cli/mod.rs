//! The command line: arguments joined with environment and settings, one file a command.
//!
//! The only place that reads the environment (`env`), decides on exit codes (`exit`) and
//! builds the parts together (`context`).

mod apply;
mod approve;
mod args;
mod catalog;
mod completions;
mod connect;
mod context;
mod cost;
mod desired;
mod download;
mod env;
mod error;
mod exit;
mod init;
mod interrupt;
mod journal;
mod open;
mod plan;
mod planning;
mod prove;
mod refresh;
mod refused;
mod sandbox;
mod schema;
mod select;
mod state;
mod status;
mod validate;
mod watch;
mod webhook;

use std::process::ExitCode;

use clap::Parser;

use self::args::{Cli, Command};
use self::context::Context;
use self::error::CliError;
use self::exit::Exit;

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let context = Context::new(&cli.global);
    let result = run(&context, cli.command);
    finish(&context, result)
}

fn run(context: &Context, command: Command) -> Result<Exit, CliError> {
    match &command {
        Command::Watch(_) => context.start_journal(),
        _ => context.start_logging(),
    }
    match command {
        Command::Init(args) => init::run(context, &args),
        Command::Validate(args) => validate::run(context, &args),
        Command::Catalog(args) => catalog::run(context, &args),
        Command::Plan(args) => plan::run(context, &args),
        Command::Apply(args) => apply::run(context, &args),
        Command::Watch(args) => watch::run(context, &args),
        Command::Status(args) => status::run(context, &args),
        Command::Refresh(args) => refresh::run(context, &args),
        Command::Download(args) => download::run(context, &args),
        Command::State(args) => state::run(context, &args),
        Command::Webhook(args) => webhook::run(context, &args),
        Command::Sandbox(args) => sandbox::run(context, &args),
        Command::Schema(args) => schema::run(context, &args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Help and version are no errors; everything else clap says is wrong usage.
fn usage(error: &clap::Error) -> ExitCode {
    let exit = if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    };
    // Nothing can be said about a terminal that does not take it.
    let _ = error.print();
    exit.into()
}

fn finish(context: &Context, result: Result<Exit, CliError>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(error) if error.is_broken_pipe() => Exit::Done.into(),
        Err(error) => {
            context.show_problems(error.problems());
            eprint!("{}", error.render(context.stderr_paint()));
            error.exit().into()
        }
    }
}
