//! The arguments of `reconcile state adopt`.

use clap::Args;

use crate::cli::state::args::ChangeArgs;

#[derive(Debug, Args)]
#[command(override_usage = "reconcile state adopt NAME --session ID\n       \
                            reconcile state adopt NAME --video ID\n       \
                            reconcile state adopt --from FILE")]
pub(in crate::cli) struct AdoptArgs {
    /// The manifest whose video it is: its name or path
    #[arg(
        value_name = "NAME",
        required_unless_present = "from",
        conflicts_with = "from"
    )]
    pub(super) name: Option<String>,
    /// The session that made the video
    #[arg(
        long,
        value_name = "ID",
        required_unless_present_any = ["video", "from"],
        conflicts_with = "from"
    )]
    pub(super) session: Option<String>,
    /// The video; beside --session, the one it must have
    #[arg(long, value_name = "ID", conflicts_with = "from")]
    pub(super) video: Option<String>,
    /// Many at once: CSV with columns name, session, video, or JSON Lines; `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub(super) from: Option<String>,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}
