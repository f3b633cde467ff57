//! Uploading the files a submission needs, each content once.

use std::time::Duration;

use super::job::Job;
use crate::heygen::{ApiError, UploadError, Writer};
use crate::manifest::Content;
use crate::state::Recorded;
use crate::video::{FileSpec, MediaType, Sha256Hex};

/// Where the bytes of local files come from.
pub trait Bytes: Send + Sync {
    /// All bytes of a content, read anew.
    fn read(&self, content: &Content) -> std::io::Result<Vec<u8>>;
}

/// Why the files of a submission are not at HeyGen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    #[error("cannot read a file of this manifest: {0}")]
    Unreadable(String),
    #[error("a file of this manifest changed since it was planned; plan again")]
    Changed,
    #[error("HeyGen refused a file of this manifest: {0}")]
    Rejected(ApiError),
    #[error("HeyGen refuses every request: {0}")]
    Refused(ApiError),
    #[error("a file of this manifest could not be uploaded: {0}")]
    Passing(String),
}

/// Uploads are free and honour their key, so they are tried again.
const TRIES: u32 = 4;
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// The contents of a job whose asset is not known, each once, with their types.
pub(super) fn missing(job: &Job, recorded: &Recorded) -> Vec<(Content, MediaType)> {
    let types = job
        .manifest
        .spec
        .files
        .iter()
        .filter_map(|file| match file {
            FileSpec::Content { media_type, sha256 } => Some((*sha256, *media_type)),
            _ => None,
        });
    let types: std::collections::HashMap<_, _> = types.collect();
    let mut seen = std::collections::HashSet::new();
    job.manifest
        .contents
        .iter()
        .filter(|c| !recorded.assets.contains_key(&c.sha256) && seen.insert(c.sha256))
        .filter_map(|c| Some((c.clone(), *types.get(&c.sha256)?)))
        .collect()
}

/// Reads, checks and uploads one content; returns its asset id.
pub(super) async fn upload(
    writer: &Writer,
    bytes: std::sync::Arc<dyn Bytes>,
    content: Content,
    media_type: MediaType,
) -> Result<String, ContentError> {
    let sha256 = content.sha256;
    let read = tokio::task::spawn_blocking(move || bytes.read(&content))
        .await
        .map_err(|e| ContentError::Unreadable(e.to_string()))?
        .map_err(|e| ContentError::Unreadable(e.to_string()))?;
    if Sha256Hex::of(&read) != sha256 {
        return Err(ContentError::Changed);
    }
    upload_bytes(writer, read, media_type, sha256).await
}

async fn upload_bytes(
    writer: &Writer,
    bytes: Vec<u8>,
    media_type: MediaType,
    sha256: Sha256Hex,
) -> Result<String, ContentError> {
    let key = sha256.to_string();
    let mut backoff = FIRST_BACKOFF;
    for attempt in 1.. {
        let error = match writer
            .upload(bytes.clone(), media_type.as_str(), &key)
            .await
        {
            Ok(asset_id) => return Ok(asset_id),
            Err(error) => error,
        };
        match error {
            UploadError::Refused(error) => return Err(ContentError::Refused(error)),
            UploadError::Rejected(error) => return Err(ContentError::Rejected(error)),
            UploadError::Passing { reason, .. } if attempt == TRIES => {
                return Err(ContentError::Passing(reason));
            }
            UploadError::Passing { retry_after, .. } => {
                let wait = retry_after.unwrap_or(backoff).min(LONGEST_BACKOFF);
                tokio::time::sleep(wait).await;
                backoff = backoff.saturating_mul(2);
            }
        }
    }
    unreachable!("the loop ends by returning")
}
