//! Uploading the files a submission needs, each content once.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::gauge::Gauge;
use super::job::Job;
use super::large;
use crate::heygen::{ApiError, MAX_SIMPLE_UPLOAD, UploadError, Writer};
use crate::manifest::Content;
use crate::state::Recorded;
use crate::video::{FileSpec, MediaType, Sha256Hex};

/// Where the bytes of local files come from.
pub trait Bytes: Send + Sync {
    /// A content from its first byte, read anew.
    fn open(&self, content: &Content) -> io::Result<Box<dyn Read + Send>>;
}

/// What every upload works with.
#[derive(Clone)]
pub(super) struct Courier {
    pub(super) writer: Writer,
    pub(super) bytes: Arc<dyn Bytes>,
    pub(super) gauge: Arc<Gauge>,
    /// Set when nothing more is sent: what takes long is broken off then.
    pub(super) stop: watch::Receiver<bool>,
}

/// One file to be uploaded.
pub(super) struct Wanted {
    pub(super) content: Content,
    pub(super) media_type: MediaType,
    /// HeyGen refused the asset it had of it.
    pub(super) renewed: bool,
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
    #[error("HeyGen refused a file of this manifest: {0}")]
    Unusable(String),
    #[error("a file of this manifest could not be uploaded: {0}")]
    Passing(String),
    #[error("the upload of a file was broken off")]
    Stopped,
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
pub(super) async fn upload(courier: Courier, wanted: Wanted) -> Result<String, ContentError> {
    let Wanted {
        content,
        media_type,
        renewed,
    } = wanted;
    if content.bytes > MAX_SIMPLE_UPLOAD {
        let mut stop = courier.stop.clone();
        return tokio::select! {
            uploaded = large::upload(&courier, &content, media_type) => uploaded,
            _ = stop.wait_for(|stopped| *stopped) => Err(ContentError::Stopped),
        };
    }
    let sha256 = content.sha256;
    let bytes = Arc::clone(&courier.bytes);
    let read = tokio::task::spawn_blocking(move || read_whole(&*bytes, &content))
        .await
        .map_err(|e| ContentError::Unreadable(e.to_string()))?
        .map_err(|e| ContentError::Unreadable(e.to_string()))?;
    if Sha256Hex::of(&read) != sha256 {
        return Err(ContentError::Changed);
    }
    let key = match renewed {
        true => fresh_key(sha256),
        false => sha256.to_string(),
    };
    upload_bytes(&courier.writer, read, media_type, &key).await
}

/// A key for repeats of one request alone: HeyGen answers a known one as it did before, with an asset
/// that was refused since, or a URL that has expired.
pub(super) fn fresh_key(sha256: Sha256Hex) -> String {
    format!("{sha256}.{:016x}", RandomState::new().hash_one(0_u8))
}

/// A file that grew meanwhile is not read further than it takes to notice.
fn read_whole(bytes: &dyn Bytes, content: &Content) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    let file = bytes.open(content)?;
    file.take(content.bytes + 1).read_to_end(&mut read)?;
    Ok(read)
}

async fn upload_bytes(
    writer: &Writer,
    bytes: Vec<u8>,
    media_type: MediaType,
    key: &str,
) -> Result<String, ContentError> {
    let mut patience = Patience::default();
    loop {
        match writer.upload(bytes.clone(), media_type.as_str(), key).await {
            Ok(asset_id) => return Ok(asset_id),
            Err(error) => patience.after(error).await?,
        }
    }
}

/// How often something is tried again, and after how long.
pub(super) struct Patience {
    tries: u32,
    backoff: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 0,
            backoff: FIRST_BACKOFF,
        }
    }
}

impl Patience {
    /// Waits before another try, where that makes sense.
    pub(super) async fn after(&mut self, error: UploadError) -> Result<(), ContentError> {
        match error {
            UploadError::Refused(error) => Err(ContentError::Refused(error)),
            UploadError::Rejected(error) => Err(ContentError::Rejected(error)),
            UploadError::Unusable(reason) => Err(ContentError::Unusable(reason)),
            UploadError::Passing {
                reason,
                retry_after,
            } => self.again(reason, retry_after).await,
        }
    }

    pub(super) async fn again(
        &mut self,
        reason: String,
        told: Option<Duration>,
    ) -> Result<(), ContentError> {
        self.tries += 1;
        if self.tries == TRIES {
            return Err(ContentError::Passing(reason));
        }
        let wait = told.unwrap_or(self.backoff).min(LONGEST_BACKOFF);
        tokio::time::sleep(wait).await;
        self.backoff = self.backoff.saturating_mul(2);
        Ok(())
    }
}
