//! `reconcile state`: the record, for the rare day that needs hands.

mod args;
mod repair;
mod settle;

use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
pub(super) use args::StateArgs;
use args::StateCommand;

pub(super) fn run(context: &Context, args: &StateArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    match &args.command {
        StateCommand::Repair(args) => repair::run(context, args),
        StateCommand::Settle(args) => settle::run(context, args),
    }
}
