//! One paid submission of a hash, and the phases it goes through.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::video::{Name, VideoHash};

/// `submitting` → `submitted` → `rendering` → `completed` | `failed`, or one of the other ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The intent is written, the answer not yet known.
    Submitting,
    /// HeyGen accepted it and named a session.
    Submitted,
    /// A video exists and is not finished.
    Rendering,
    Completed,
    Failed,
    /// The API refused the request.
    Rejected,
    /// Proven never to have arrived.
    NotSent,
    /// The outcome was not learned; it must be settled before anything is repeated.
    Unknown,
    /// Deleted by us.
    Deleted,
    /// Found missing at HeyGen.
    Gone,
}

/// Everything known of one submission. Kept for good, also when the manifest is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    pub hash: VideoHash,
    /// Counts from 1 within the hash; used up only by a session or a definite rejection.
    pub number: u32,
    /// The name that asked for it.
    pub name: Name,
    pub phase: Phase,
    /// When the intent was written, by our clock.
    pub intent_at: Timestamp,
    /// The same moment by HeyGen's clock, as its `Date` header told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_at_heygen: Option<Timestamp>,
    /// The [`super::Run`] whose list of foreign sessions was taken before this attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    /// When the outcome of the request was known, or known to be unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_id: Option<String>,
    /// When the video ended, as HeyGen tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// Length of the finished video in seconds: what is billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_page_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Where the webhook of this attempt goes. Part of the request, not of the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// It was asked for with `--replace`: tries are counted from here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
}

/// Why an attempt failed, was rejected, or ended unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub code: String,
    pub message: String,
}

impl Phase {
    /// Submitted, rendering or completed, and not gone: asking again would pay twice.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Submitted | Self::Rendering | Self::Completed)
    }

    /// HeyGen is working on it, as far as we know.
    #[must_use]
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::Submitted | Self::Rendering)
    }

    /// Whether it took effect is not known.
    #[must_use]
    pub fn is_unsettled(self) -> bool {
        matches!(self, Self::Submitting | Self::Unknown)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitting => "submitting",
            Self::Submitted => "submitted",
            Self::Rendering => "rendering",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
            Self::Deleted => "deleted",
            Self::Gone => "gone",
        }
    }
}

impl Attempt {
    /// `Idempotency-Key` of this attempt: the hash, from the second attempt on with its number.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        match self.number {
            1 => self.hash.to_string(),
            n => format!("{}.{n}", self.hash),
        }
    }
}
