//! The arguments of `reconcile state`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::adopt::AdoptArgs;
use crate::cli::args::{Names, duration};

#[derive(Debug, Args)]
pub(in crate::cli) struct StateArgs {
    #[command(subcommand)]
    pub(super) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum StateCommand {
    /// List the records
    List(ListArgs),
    /// Show everything known of a name
    Show(ShowArgs),
    /// Give a record another name; costs nothing
    Mv(MvArgs),
    /// Forget records; what was paid for stays known, and the videos stay at HeyGen
    Rm(RmArgs),
    /// Write the whole state to stdout as JSON Lines: the backup
    Export(ExportArgs),
    /// Take in an export; never lowers what is recorded
    Import(ImportArgs),
    /// Show what an attempt of unknown outcome could have come to, or decide it
    Settle(SettleArgs),
    /// Record videos that exist already as manifests' own, without paying
    Adopt(AdoptArgs),
    /// Mend a damaged state: keep what can be read, say what is lost, copy the rest aside
    Repair(RepairArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    #[command(flatten)]
    pub(super) names: Names,
    /// List the rehearsal's records
    #[arg(long)]
    pub(super) sandbox: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// A name, a glob (quote it), or a manifest's path
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Show the rehearsal's record
    #[arg(long)]
    pub(super) sandbox: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct MvArgs {
    #[arg(value_name = "OLD")]
    pub(super) old: String,
    #[arg(value_name = "NEW")]
    pub(super) new: String,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RmArgs {
    /// Names, globs (quote them), or manifests' paths
    #[arg(value_name = "NAME", required = true)]
    pub(super) names: Vec<String>,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// Export the rehearsal's state
    #[arg(long)]
    pub(super) sandbox: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// A file that `state export` wrote; `-` for stdin
    #[arg(value_name = "FILE")]
    pub(super) file: String,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

/// What every command that changes the state takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct ChangeArgs {
    /// Do not ask; needed where there is no terminal to ask on
    #[arg(long)]
    pub(super) auto_approve: bool,
    /// Change the rehearsal's state
    #[arg(long)]
    pub(super) sandbox: bool,
    /// How long to wait for another writer
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub(super) lock_timeout: Duration,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RepairArgs {
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

/// An attempt is unknown where its answer was lost: HeyGen may have taken it, and be paid for it, or
/// not. With NAME alone, shows the sessions at HeyGen that could be it, and changes nothing.
#[derive(Debug, Args)]
pub(in crate::cli) struct SettleArgs {
    /// The name whose attempt is unknown
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// HeyGen took it: this session is the video's. Checked at HeyGen first; costs nothing
    #[arg(long, value_name = "SESSION", conflicts_with = "not_sent")]
    pub(super) adopt: Option<String>,
    /// HeyGen never took it: the next apply sends it again, and pays for it
    #[arg(long)]
    pub(super) not_sent: bool,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}
