//! The arguments of `reconcile webhook`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(in crate::cli) struct WebhookArgs {
    #[command(subcommand)]
    pub(super) command: WebhookCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum WebhookCommand {
    /// Have HeyGen deliver events to a URL, and store the secret that signs them
    Register(RegisterArgs),
    /// List the endpoints of the account
    List,
    /// Have HeyGen deliver nothing to an endpoint any more
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RegisterArgs {
    /// Where HeyGen reaches `reconcile watch --listen`: https://HOST/webhooks/heygen
    #[arg(value_name = "URL")]
    pub(super) url: String,
    /// Where the secret is stored; default: webhook-secret in the state directory
    #[arg(long, value_name = "FILE")]
    pub(super) secret_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArgs {
    /// Its id, as `webhook list` shows it
    #[arg(value_name = "ENDPOINT")]
    pub(super) endpoint: String,
    /// Do not ask; needed where there is no terminal to ask on
    #[arg(long)]
    pub(super) auto_approve: bool,
}
