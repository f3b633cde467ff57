//! The arguments of `reconcile download`.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;

use crate::cli::args::{Names, duration};
use crate::download::Kind;

#[derive(Debug, Args)]
pub(in crate::cli) struct DownloadArgs {
    #[command(flatten)]
    pub(super) names: Names,
    #[command(flatten)]
    pub(super) beside: Beside,
    /// Fetch the rehearsal's films, into a folder beside its state
    #[arg(long)]
    pub(super) sandbox: bool,
    /// How long to wait for another writer of the state
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub(super) lock_timeout: Duration,
}

/// What to fetch beside each film, where HeyGen has it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Beside {
    /// Fetch subtitles beside each film (NAME.srt)
    #[arg(long)]
    subtitles: bool,
    /// Fetch the film with captions beside each film (NAME.captioned.mp4)
    #[arg(long)]
    captioned: bool,
    /// Fetch a still picture beside each film (NAME.jpg)
    #[arg(long)]
    thumbnail: bool,
}

impl Beside {
    pub(in crate::cli) fn asks(&self) -> bool {
        !self.kinds().is_empty()
    }

    pub(super) fn kinds(&self) -> BTreeSet<Kind> {
        let asked = [
            (self.subtitles, Kind::Subtitles),
            (self.captioned, Kind::Captioned),
            (self.thumbnail, Kind::Thumbnail),
        ];
        let asked = asked.into_iter().filter(|(asked, _)| *asked);
        asked.map(|(_, kind)| kind).collect()
    }
}
