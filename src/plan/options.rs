//! What a plan depends on besides manifests and state.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::Pricing;
use crate::project::Settings;
use crate::video::Name;

#[derive(Debug, Clone)]
pub struct Options {
    pub now: Timestamp,
    pub selection: Selection,
    /// Try failed videos again, whatever their tries and backoff say.
    pub retry_failed: bool,
    /// Names whose wish is to be made anew although nothing changed.
    pub replace: BTreeSet<Name>,
    /// Delete videos whose manifest is gone.
    pub prune: bool,
    pub retry: Retry,
    pub pricing: Pricing,
}

impl Options {
    /// Everything is selected, and nothing asked for beyond what the settings say.
    #[must_use]
    pub fn new(settings: &Settings, now: Timestamp) -> Self {
        Self {
            now,
            selection: Selection::All,
            retry_failed: false,
            replace: BTreeSet::new(),
            prune: false,
            retry: Retry {
                max_attempts: settings.retry_max_attempts,
                backoff: settings.retry_backoff,
            },
            pricing: Pricing::of(settings),
        }
    }
}

/// Which names get actions. All others still count where they share a video.
#[derive(Debug, Clone, Default)]
pub enum Selection {
    #[default]
    All,
    Only(BTreeSet<Name>),
}

/// When a failed video is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Failed attempts of one hash, since it was last replaced.
    pub max_attempts: u32,
    /// Before the second attempt; doubles with each further one.
    pub backoff: Duration,
}

impl Selection {
    #[must_use]
    pub fn contains(&self, name: &Name) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }
}
