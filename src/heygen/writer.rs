//! The half that spends: submissions, and the uploads they need.

use reqwest::multipart::{Form, Part};

use super::answer::Answer;
use super::api_error::ApiError;
use super::connection::{
    Config, ConnectError, Connection, body, describe, header, request_id, segment,
};
use super::reader::{ReadError, decode};
use super::wire::{CreateRequest, Data, UploadedAsset};

/// Writes to HeyGen.
#[derive(Debug, Clone)]
pub struct Writer(pub(super) Connection);

/// Why an upload did not end with an asset. Uploads cost nothing and honour their key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadError {
    /// 401, 402, 403: the same for every request.
    Refused(ApiError),
    /// This file is not accepted.
    Rejected(ApiError),
    /// What HeyGen answered can't be used for this file.
    Unusable(String),
    /// Worth trying again.
    Passing {
        reason: String,
        retry_after: Option<std::time::Duration>,
    },
}

impl Writer {
    pub fn connect(config: &Config) -> Result<Self, ConnectError> {
        Connection::new(config.clone(), 0).map(Self)
    }

    /// Sends one submission, once, on a connection of its own.
    pub async fn create(&self, request: &CreateRequest, idempotency_key: &str) -> Answer {
        let sent = self
            .0
            .client
            .post(self.0.url("/v3/video-agents"))
            .header("Idempotency-Key", idempotency_key)
            .timeout(self.0.config.request_timeout)
            .json(request)
            .send()
            .await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return self.without_answer(&error),
        };
        let status = response.status().as_u16();
        let retry_after = header(&response, "retry-after").map(str::to_owned);
        let id = request_id(&response);
        match body(response).await {
            Ok(bytes) => {
                self.redacted(Answer::classify(status, retry_after.as_deref(), id, &bytes))
            }
            Err(reason) => Answer::Unknown {
                reason: self.0.redact(format!("HTTP {status}, but {reason}")),
            },
        }
    }

    fn without_answer(&self, error: &reqwest::Error) -> Answer {
        let reason = self.0.redact(describe(error));
        if error.is_connect() {
            Answer::NoConnection { reason }
        } else {
            Answer::Unknown { reason }
        }
    }

    fn redacted(&self, answer: Answer) -> Answer {
        match answer {
            Answer::Refused(error) => Answer::Refused(self.0.clean(error)),
            Answer::Rejected(error) => Answer::Rejected(self.0.clean(error)),
            Answer::Failed(error) => Answer::Failed(self.0.clean(error)),
            Answer::RateLimited { retry_after, error } => Answer::RateLimited {
                retry_after,
                error: self.0.clean(error),
            },
            Answer::Unknown { reason } => Answer::Unknown {
                reason: self.0.redact(reason),
            },
            told @ (Answer::Accepted { .. } | Answer::NoConnection { .. }) => told,
        }
    }

    /// Deletes a video and its files for good.
    pub async fn delete_video(&self, video_id: &str) -> Result<(), ReadError> {
        let path = format!("/v3/videos/{}", segment(video_id));
        self.act(self.0.client.delete(self.0.url(&path))).await
    }

    /// Halts a session at its next checkpoint.
    pub async fn stop_session(&self, session_id: &str) -> Result<(), ReadError> {
        let path = format!("/v3/video-agents/{}/stop", segment(session_id));
        self.act(self.0.client.post(self.0.url(&path))).await
    }

    async fn act(&self, request: reqwest::RequestBuilder) -> Result<(), ReadError> {
        let sent = request.timeout(self.0.config.read_timeout).send().await;
        let response = sent.map_err(|e| ReadError::Network(self.0.unreachable(&e)))?;
        let _: serde_json::Value = decode(&self.0, response).await?;
        Ok(())
    }

    /// Uploads a file of at most 32 MB and returns its asset id.
    pub async fn upload(
        &self,
        bytes: Vec<u8>,
        media_type: &str,
        idempotency_key: &str,
    ) -> Result<String, UploadError> {
        let part = Part::bytes(bytes)
            .file_name(idempotency_key.to_owned())
            .mime_str(media_type)
            .map_err(|e| passing(describe(&e)))?;
        let request = self
            .0
            .client
            .post(self.0.url("/v3/assets"))
            .header("Idempotency-Key", idempotency_key)
            .timeout(self.0.config.upload_timeout)
            .multipart(Form::new().part("file", part));
        let asset: UploadedAsset = self.offer(request).await?;
        Ok(asset.asset_id)
    }

    /// Sends what costs nothing, and reads the answer if it was taken.
    pub(super) async fn offer<T: Offered>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, UploadError> {
        let sent = request.send().await;
        let response = sent.map_err(|e| passing(self.0.unreachable(&e)))?;
        let status = response.status().as_u16();
        let retry_after = header(&response, "retry-after")
            .and_then(|text| text.trim().parse().ok())
            .map(std::time::Duration::from_secs);
        let id = request_id(&response);
        let bytes = body(response).await.map_err(passing)?;
        let error = self.0.clean(ApiError::read(status, id, &bytes));
        match status {
            200..=299 => taken(&bytes).ok_or_else(|| passing(error.to_string())),
            401..=403 => Err(UploadError::Refused(error)),
            400 | 404 | 413 | 415 | 422 => Err(UploadError::Rejected(error)),
            _ => Err(UploadError::Passing {
                reason: error.to_string(),
                retry_after,
            }),
        }
    }
}

/// An answer that names an asset.
pub(super) trait Offered: serde::de::DeserializeOwned {
    fn asset_id(&self) -> &str;
}

impl Offered for UploadedAsset {
    fn asset_id(&self) -> &str {
        &self.asset_id
    }
}

fn taken<T: Offered>(bytes: &[u8]) -> Option<T> {
    let answer: Data<T> = serde_json::from_slice(bytes).ok()?;
    Some(answer.data).filter(|answer| crate::state::is_usable_id(answer.asset_id()))
}

fn passing(reason: String) -> UploadError {
    UploadError::Passing {
        reason,
        retry_after: None,
    }
}
