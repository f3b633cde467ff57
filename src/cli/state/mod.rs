//! `reconcile state`: the record, for the rare day that needs hands.

mod adopt;
mod args;
mod export;
mod import;
mod list;
mod mv;
mod names;
mod repair;
mod rm;
mod settle;
mod show;

use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
pub(super) use args::StateArgs;
use args::StateCommand;

pub(super) fn run(context: &Context, args: &StateArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    match &args.command {
        StateCommand::List(args) => list::run(context, args),
        StateCommand::Show(args) => show::run(context, args),
        StateCommand::Mv(args) => mv::run(context, args),
        StateCommand::Rm(args) => rm::run(context, args),
        StateCommand::Export(args) => export::run(context, args),
        StateCommand::Import(args) => import::run(context, args),
        StateCommand::Repair(args) => repair::run(context, args),
        StateCommand::Adopt(args) => adopt::run(context, args),
        StateCommand::Settle(args) => settle::run(context, args),
    }
}
