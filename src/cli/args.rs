//! The arguments, as users type them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::catalog::CatalogArgs;
use super::cost::CostArgs;
use super::download::{Beside, DownloadArgs};
use super::schema::SchemaArgs;
use super::state::StateArgs;
use super::webhook::WebhookArgs;

const WORDS: &str = "\
Words:
  manifest  a file that says which video should exist; what it asks for is the wish
  name      what identifies a video: the manifest's path below videos/, or its `name`
  hash      the content of a wish; the same content is never paid for twice
  attempt   one submission of a hash to HeyGen: what is paid for
  unknown   an attempt whose answer was lost; it is held, and never simply repeated
  settle    find out at HeyGen what such an attempt came to
  adopt     take a session that HeyGen has as an attempt's
  orphan    a record whose manifest is gone; its video stays";

/// GitOps for AI videos: YAML manifests say which videos should exist; reconcile shows a plan and
/// submits to HeyGen exactly what is new or changed, each wish at most once.
#[derive(Debug, Parser)]
#[command(name = "reconcile", version, max_term_width = 100, after_long_help = WORDS)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

const GLOBAL: &str = "Global options";

#[derive(Debug, Args)]
pub(super) struct Global {
    /// Project directory
    #[arg(
        short = 'C',
        value_name = "DIR",
        global = true,
        help_heading = GLOBAL,
        default_value = ".",
        hide_default_value = true
    )]
    pub(super) directory: PathBuf,
    /// Output format; `github` is for validate
    #[arg(long, value_enum, global = true, help_heading = GLOBAL, default_value_t = Format::Text, hide_default_value = true)]
    pub(super) format: Format,
    /// Say more on stderr (-vv for all)
    #[arg(short, long, global = true, help_heading = GLOBAL, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true, help_heading = GLOBAL, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// When to use colour
    #[arg(long, value_enum, global = true, help_heading = GLOBAL, default_value_t = Color::Auto, hide_default_value = true)]
    pub(super) color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
    Github,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a settings file, a first manifest, schemas for editors and .gitignore lines
    Init(InitArgs),
    /// Check every manifest; touches nothing
    Validate(ValidateArgs),
    /// List what the account may use, with the ids that manifests name
    Catalog(CatalogArgs),
    /// Show what apply would do; works offline and without a key
    Plan(PlanArgs),
    /// Show the plan, ask, and do it
    Apply(ApplyArgs),
    /// Reconcile at start, on every change and now and then, until told to stop
    Watch(WatchArgs),
    /// Show every video: phase, age, session, video, page link; with --cost what was spent
    Status(StatusArgs),
    /// Ask HeyGen how the videos are and record it; never submits, and leaves what is unknown to apply
    Refresh(RefreshArgs),
    /// Fetch finished videos into the downloads folder
    Download(DownloadArgs),
    /// Look after the record of what was submitted
    State(StateArgs),
    /// Look after the webhook endpoint at HeyGen
    Webhook(WebhookArgs),
    /// Run a local stand-in for HeyGen, to rehearse without paying
    Sandbox(SandboxArgs),
    /// Print the JSON Schema of manifests or settings, for editors
    Schema(SchemaArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(super) struct InitArgs {}

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// Also ask HeyGen whether avatars, voices, styles and brand kits exist (needs the key)
    #[arg(long)]
    pub(super) online: bool,
    /// With --online: ask the local stand-in for HeyGen
    #[arg(long, requires = "online")]
    pub(super) sandbox: bool,
}

#[derive(Debug, Args)]
pub(super) struct Names {
    /// A name, a glob (quote it), or a manifest's path; all if none is given
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct PlanningArgs {
    #[command(flatten)]
    pub(super) names: Names,
    /// Try failed videos again, whatever their tries and backoff say
    #[arg(long)]
    pub(super) retry_failed: bool,
    /// Make another take of NAME although nothing changed; costs a submission
    #[arg(long, value_name = "NAME")]
    pub(super) replace: Vec<String>,
    /// Delete the videos whose manifest is gone
    #[arg(long)]
    pub(super) prune: bool,
    /// Let --prune delete although no manifest is left at all
    #[arg(long, requires = "prune")]
    pub(super) allow_empty: bool,
    /// First ask HeyGen how the recorded videos are (needs the key)
    #[arg(long)]
    pub(super) refresh: bool,
    /// Show long values and diffs whole
    #[arg(long)]
    pub(super) full: bool,
    /// Rehearse against a local stand-in for HeyGen, with a state of its own
    #[arg(long)]
    pub(super) sandbox: bool,
    /// How long to wait for another writer
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub(super) lock_timeout: Duration,
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) planning: PlanningArgs,
    /// Exit with 2 when apply would do something
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    pub(super) planning: PlanningArgs,
    /// Do not ask; needed where there is no terminal to ask on
    #[arg(long)]
    pub(super) auto_approve: bool,
    /// Wait until every selected video ended
    #[arg(long)]
    pub(super) wait: bool,
    /// Wait as well, then fetch the selected videos into the downloads folder
    #[arg(long)]
    pub(super) download: bool,
    #[command(flatten)]
    pub(super) beside: Beside,
    /// Stop after this time (like 30m), leaving the rest for the next apply
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
    /// Apply what is readable although a manifest is broken
    #[arg(long)]
    pub(super) keep_going: bool,
    /// Most submissions of this run, in place of the settings' limit
    #[arg(long, value_name = "N")]
    pub(super) max_submissions: Option<usize>,
    /// Stop what is still being made of content that a new submission supersedes
    #[arg(long)]
    pub(super) stop_superseded: bool,
    /// A new, imported or repaired state may not know all that was paid for: take over the sessions
    /// with the same prompts that HeyGen has, instead of paying for them again (not for what is unknown:
    /// that is for state settle)
    #[arg(long, conflicts_with = "new_state")]
    pub(super) adopt: bool,
    /// Pay for new videos, again if need be, although HeyGen has sessions with the same prompts
    #[arg(long)]
    pub(super) new_state: bool,
}

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Only show plans; needs no key
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Longest time between two looks (watch.resync in the settings)
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    pub(super) resync: Option<Duration>,
    /// Answer webhooks, health checks and metrics here: a port of this machine alone, or ADDR:PORT
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    pub(super) listen: Option<SocketAddr>,
    /// Secrets of the webhook endpoint, one a line; default: webhook-secret in the state directory
    #[arg(long, value_name = "FILE", requires = "listen")]
    pub(super) webhook_secret_file: Option<PathBuf>,
    /// Rehearse against a local stand-in for HeyGen, with a state of its own
    #[arg(long)]
    pub(super) sandbox: bool,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) names: Names,
    #[command(flatten)]
    pub(super) cost: CostArgs,
    /// Show the rehearsal's state
    #[arg(long)]
    pub(super) sandbox: bool,
}

#[derive(Debug, Args)]
pub(super) struct RefreshArgs {
    #[command(flatten)]
    pub(super) names: Names,
    /// Ask the local stand-in for HeyGen
    #[arg(long)]
    pub(super) sandbox: bool,
    /// How long to wait for another writer
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub(super) lock_timeout: Duration,
}

#[derive(Debug, Args)]
pub(super) struct SandboxArgs {
    /// Address to listen on; only this machine's own
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    pub(super) listen: SocketAddr,
    /// Where sessions and the log of requests are kept; forgotten at the end if not given
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// How long a video renders
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "4s")]
    pub(super) render_time: Duration,
    /// Unfinished videos at a time; one more is answered with 429
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) max_jobs: usize,
    /// A file of faults to inject (see docs/sandbox.md)
    #[arg(long, value_name = "FILE")]
    pub(super) faults: Option<PathBuf>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
    /// Honour Idempotency-Key on submissions, which HeyGen does not promise
    #[arg(long)]
    pub(super) honour_idempotency_key: bool,
    /// Refuse submissions whose avatar, voice, style or brand kit is not in its catalogue
    #[arg(long)]
    pub(super) check_ids: bool,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    pub(super) shell: clap_complete::Shell,
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    crate::project::parse_duration(text)
        .ok_or_else(|| "expected a duration like 300ms, 5s or 10m".to_owned())
}

/// For what would never end if it came again at once.
fn some_time(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    match duration.is_zero() {
        true => Err("expected a duration above zero".to_owned()),
        false => Ok(duration),
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse::<u16>().ok();
    port.map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .or_else(|| text.parse().ok())
        .ok_or_else(|| {
            "expected a port, or an address like 127.0.0.1:8080 or [::1]:8080".to_owned()
        })
}
