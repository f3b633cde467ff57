//! The shapes of requests and answers, as HeyGen's reference gives them.
//!
//! Answers are read leniently: unknown fields are ignored, and a status is text, because a value
//! nobody listed means "still running".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Body of `POST /v3/video-agents`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreateRequest {
    pub prompt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand_kit_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileInput>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub incognito_mode: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    pub callback_id: String,
}

/// One item of `files`. Bytes of our own are uploaded first and sent as an asset.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum FileInput {
    #[serde(rename = "url")]
    Url { url: String },
    #[serde(rename = "asset_id")]
    Asset { asset_id: String },
}

/// What most answers wrap their content in.
#[derive(Debug, Deserialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

/// A list: the cursor stands beside the data.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
    #[serde(default)]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Created {
    pub(super) session_id: String,
    #[serde(default)]
    pub(super) video_id: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ListedSession {
    pub session_id: String,
    /// Unix seconds.
    pub created_at: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    pub session_id: String,
    pub status: String,
    #[serde(default)]
    pub video_id: Option<String>,
    #[serde(default)]
    pub progress: Option<u8>,
    #[serde(default)]
    pub title: Option<String>,
    /// Unix seconds.
    #[serde(default)]
    pub created_at: Option<i64>,
    #[serde(default)]
    pub(super) messages: Vec<Message>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) role: String,
    pub(super) content: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct VideoStatus {
    #[serde(default)]
    pub video_id: Option<String>,
    pub status: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Video {
    pub id: String,
    pub status: String,
    /// Unix seconds.
    #[serde(default)]
    pub created_at: Option<i64>,
    /// Unix seconds.
    #[serde(default)]
    pub completed_at: Option<i64>,
    /// Seconds; what is billed.
    #[serde(default)]
    pub duration: Option<f64>,
    #[serde(default)]
    pub video_page_url: Option<String>,
    /// Presigned, as the next three: it expires.
    #[serde(default)]
    pub video_url: Option<String>,
    #[serde(default)]
    pub captioned_video_url: Option<String>,
    #[serde(default)]
    pub subtitle_url: Option<String>,
    #[serde(default)]
    pub thumbnail_url: Option<String>,
    #[serde(default)]
    pub failure_code: Option<String>,
    #[serde(default)]
    pub failure_message: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) username: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct UploadedAsset {
    pub(super) asset_id: String,
}

/// Body of `POST /v3/assets/direct-uploads`.
#[derive(Debug, Serialize)]
pub(super) struct BeginUpload<'a> {
    pub(super) filename: &'a str,
    pub(super) content_type: &'a str,
    pub(super) size_bytes: u64,
    pub(super) checksum_sha256: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct BegunUpload {
    pub(super) asset_id: String,
    pub(super) upload_url: String,
    pub(super) upload_headers: BTreeMap<String, String>,
    pub(super) expires_in_seconds: u64,
    pub(super) max_bytes: u64,
}

/// Body of `POST /v3/assets/{asset_id}/complete`.
#[derive(Debug, Serialize)]
pub(super) struct CompleteUpload<'a> {
    pub(super) checksum_sha256: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct CompletedUpload {
    pub(super) asset_id: String,
    pub(super) size_bytes: u64,
}

/// An event that HeyGen delivered when a job ended.
#[derive(Debug, Clone, Deserialize)]
pub struct DeliveredEvent {
    #[serde(default)]
    pub event_data: EventData,
    /// ISO 8601.
    #[serde(default)]
    pub created_at: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct EventData {
    #[serde(default)]
    pub session_id: Option<String>,
    #[serde(default)]
    pub video_id: Option<String>,
    #[serde(default)]
    pub callback_id: Option<String>,
}

impl Session {
    /// What its user wrote; empty while HeyGen does not show it yet.
    pub fn user_texts(&self) -> impl Iterator<Item = &str> {
        let texts = self.messages.iter().filter(|m| m.role == "user");
        texts.map(|m| m.content.as_str())
    }

    /// Why a failed session failed: its newest message of type `error`.
    #[must_use]
    pub fn error_message(&self) -> Option<&str> {
        self.messages
            .iter()
            .find(|m| m.kind == "error")
            .map(|m| m.content.as_str())
    }
}

/// `POST /v3/webhooks/endpoints`.
#[derive(Debug, Serialize)]
pub(super) struct NewEndpoint<'a> {
    pub(super) url: &'a str,
    pub(super) events: &'a [String],
}

/// An address that HeyGen delivers events to.
#[derive(Debug, Clone, Deserialize)]
pub struct Endpoint {
    pub endpoint_id: String,
    pub url: String,
    /// All, if absent.
    #[serde(default)]
    pub events: Option<Vec<String>>,
    pub status: String,
    pub created_at: String,
    /// Shown when it is registered and never again.
    #[serde(default)]
    pub secret: Option<secrecy::SecretString>,
}
