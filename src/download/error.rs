//! Why a film is not there.

use std::time::Duration;

use super::folder::FolderError;
use crate::heygen::{LinkError, ReadError};

#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("HeyGen does not answer as it should: {0}")]
    Heygen(#[from] ReadError),
    #[error("HeyGen has no film of this video")]
    NoFilm,
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("the server gave fewer or more bytes than it said")]
    WrongLength,
    #[error("the file changed at the server while it was fetched")]
    Changed,
    #[error("the server sends hardly anything")]
    Slow,
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    #[error("no space left on the disk: {needed} bytes are needed, {free} are free")]
    NoRoom { needed: u64, free: u64 },
    #[error("{}", with_source(.0))]
    Folder(#[from] FolderError),
    #[error("the download broke off inside reconcile")]
    Internal,
}

fn with_source(error: &FolderError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl DownloadError {
    /// As scripts know it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Heygen(error) if error.is_not_found() => "gone",
            Self::Heygen(_) => "heygen",
            Self::NoFilm => "no_film",
            Self::Link(LinkError::Insecure(_) | LinkError::Redirect(_)) => "link_refused",
            Self::Link(LinkError::Refused(_)) => "link_expired",
            Self::Link(_) | Self::Slow => "network",
            Self::WrongLength | Self::Changed => "not_whole",
            Self::TooLarge(_) => "too_large",
            Self::NoRoom { .. } => "no_room",
            Self::Folder(error) if error.is_full() => "no_room",
            Self::Folder(_) => "file",
            Self::Internal => "internal",
        }
    }

    /// Nothing of what was fetched is of use.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::NoRoom { .. } | Self::TooLarge(_) | Self::Folder(_)
        ) || matches!(
            self,
            Self::Link(LinkError::Insecure(_) | LinkError::Redirect(_))
        )
    }

    /// Another try may go better.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Link(LinkError::Status(status, _)) => *status == 429 || *status >= 500,
            Self::Link(LinkError::Unmeasured) => false,
            Self::Link(_) | Self::WrongLength | Self::Changed | Self::Slow => true,
            _ => false,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Link(LinkError::Status(_, wait)) => *wait,
            _ => None,
        }
    }

    /// The same for every film.
    #[must_use]
    pub fn stops_all(&self) -> bool {
        matches!(self, Self::Heygen(error) if error.refuses_all())
    }
}
