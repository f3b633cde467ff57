//! The values a store keeps, each under a key of its own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Attempt, AttemptKey, StateError};
use crate::video::{Name, Sha256Hex, VideoHash};

/// Largest entry as JSON: what the index keeps well, and what room is reserved for. A wish's text,
/// which may be longer, is kept elsewhere.
const MAX_SIZE: usize = 4 << 10;
/// Largest [`Run`], which holds a list of sessions.
const MAX_RUN_SIZE: usize = 64 << 10;

/// One line of the log. The latest entry of a key counts; nothing else refers to earlier ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Key: the name.
    Record(Record),
    /// Takes a name's record away; its attempts stay.
    Forget(Name),
    /// Key: hash and number.
    Attempt(Attempt),
    /// Key: the name.
    File(FileRecord),
    /// A name has no file any more: another took it over.
    ForgetFile(Name),
    /// Key: the content's SHA-256.
    Asset(Asset),
    /// Takes an uploaded asset's id away, so that the next use uploads it again.
    ForgetAsset(Sha256Hex),
    /// One for the whole state.
    Account(Account),
    /// Key: its number.
    Run(Run),
    /// One for the whole state.
    Vouch(Vouch),
}

/// What the state knows of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub name: Name,
    /// The manifest, relative to the project directory, when it was last applied.
    pub path: String,
    /// The wish that was last submitted, reused or moved for this name.
    pub hash: VideoHash,
    /// The hash before that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<VideoHash>,
    /// The name this record was moved from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<Name>,
    /// When this hash became the record's.
    pub since: Timestamp,
    /// The completed video this name had before, shown until that of `hash` is completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Box<AttemptKey>>,
    /// Its manifest said that the video is never pruned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
}

/// The film of a name as it was downloaded, and what lies beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    pub name: Name,
    /// The attempt whose video it is.
    pub attempt: AttemptKey,
    /// Which video that was: an attempt may turn out to have made another.
    pub video_id: String,
    /// The downloads folder, as the settings or the environment named it.
    pub folder: String,
    pub film: Stored,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitles: Option<Stored>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captioned: Option<Stored>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Stored>,
    pub downloaded_at: Timestamp,
}

impl FileRecord {
    /// Whether it is the film of this attempt, as far as is known of it now.
    #[must_use]
    pub fn is_of(&self, attempt: &Attempt) -> bool {
        self.attempt == attempt.key() && attempt.video_id.as_ref() == Some(&self.video_id)
    }
}

/// A file as it was when it was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    pub sha256: Sha256Hex,
    pub bytes: u64,
    /// As the file system tells it: a file of this size and time need not be read to be known.
    pub modified: Timestamp,
}

/// Bytes that were uploaded once and need not be uploaded again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    pub sha256: Sha256Hex,
    pub asset_id: String,
    pub uploaded_at: Timestamp,
}

/// Whose state this is: one account at one base URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub base_url: String,
    pub username: String,
    pub since: Timestamp,
}

/// What HeyGen's session list held before a run submitted anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    pub number: u64,
    pub at: Timestamp,
    /// Recent sessions that no attempt of ours knew: they can't be answers we lost later.
    pub foreign_sessions: Vec<String>,
    /// Whether the walk reached back far enough without a page failing.
    pub complete: bool,
}

/// Whether the state knows of everything that was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vouch {
    pub at: Timestamp,
    /// What it does not know of; absent once that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven: Option<Unproven>,
}

/// Submissions since then may have been made that the state knows nothing of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unproven {
    pub cause: Doubted,
    pub since: Timestamp,
}

/// Why a state can't vouch for the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubted {
    /// It has just begun.
    New,
    /// It came from an export.
    Imported,
    /// Something in it was lost.
    Repaired,
    /// Its files are not the ones that were written last: a backup, or a copy.
    Restored,
}

impl Entry {
    /// The entry as every store keeps it, if it is small enough to be kept.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, StateError> {
        let json = serde_json::to_vec(self).map_err(|e| StateError::Io {
            action: "encode an entry for",
            path: "journal".into(),
            source: e.into(),
        })?;
        let (size, limit) = (json.len(), self.max_size());
        if size > limit {
            return Err(StateError::EntryTooLarge { size, limit });
        }
        Ok(json)
    }

    fn max_size(&self) -> usize {
        match self {
            Self::Run(_) => MAX_RUN_SIZE,
            _ => MAX_SIZE,
        }
    }
}
