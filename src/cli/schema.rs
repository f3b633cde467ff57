//! `reconcile schema`: what editors check and explain manifests and settings with.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use crate::manifest::manifest_schema;
use crate::project::settings_schema;

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Whose schema
    #[arg(value_enum)]
    of: Of,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Of {
    /// Of a manifest below videos/
    Manifest,
    /// Of reconcile.yaml
    Settings,
}

impl Of {
    pub(super) const ALL: [Self; 2] = [Self::Manifest, Self::Settings];

    /// Where `init` puts it: beside what it describes, to be committed with it, so that editors
    /// need neither network nor a release of ours to find it. Not in the state's folder, which is
    /// no part of a checkout.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Manifest => ".reconcile-schema/manifest.json",
            Self::Settings => ".reconcile-schema/settings.json",
        }
    }

    /// The text of the schema, as it is printed and written.
    pub(super) fn text(self) -> String {
        let schema = match self {
            Self::Manifest => manifest_schema(),
            Self::Settings => settings_schema(),
        };
        format!("{schema:#}\n")
    }
}

pub(super) fn run(context: &Context, args: &SchemaArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    std::io::stdout().write_all(args.of.text().as_bytes())?;
    Ok(Exit::Done)
}
