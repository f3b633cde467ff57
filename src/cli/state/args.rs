//! The arguments of `reconcile state`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::args::duration;

#[derive(Debug, Args)]
pub(in crate::cli) struct StateArgs {
    #[command(subcommand)]
    pub(super) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum StateCommand {
    /// Mend a damaged state: keep what can be read, say what is lost, copy the rest aside
    Repair(RepairArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RepairArgs {
    /// Do not ask; needed where there is no terminal to ask on
    #[arg(long)]
    pub(super) auto_approve: bool,
    /// Repair the rehearsal's state
    #[arg(long)]
    pub(super) sandbox: bool,
    /// How long to wait for another writer
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub(super) lock_timeout: Duration,
}
