//! The half that only looks.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Response;
use serde::de::DeserializeOwned;

use super::api_error::ApiError;
use super::connection::{Config, ConnectError, Connection, body, header, request_id, segment};
use super::files::Files;
use super::wire::{Data, DeliveredEvent, ListedSession, Page, Session, User, Video, VideoStatus};

/// Most ids `GET /v3/videos/statuses` answers for at once. Source: HeyGen's reference.
pub const STATUS_BATCH: usize = 100;
/// The largest page of most lists.
pub(super) const LIMIT: (&str, &str) = ("limit", "100");

/// Reads from HeyGen. Has no way to spend.
#[derive(Debug, Clone)]
pub struct Reader(Connection);

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{0}")]
    Api(ApiError, Option<Duration>),
    #[error("{0}")]
    Network(String),
    #[error("an answer of another shape than HeyGen documents: {0}")]
    Shape(String),
}

/// The account a key belongs to.
#[derive(Debug, Clone)]
pub struct Me {
    pub username: String,
    /// HeyGen's clock, from the `Date` header.
    pub date: Option<Timestamp>,
}

/// A part of a list, and the cursor to the next part.
#[derive(Debug)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl ReadError {
    /// 401, 402, 403: the same for every request.
    #[must_use]
    pub fn refuses_all(&self) -> bool {
        matches!(self, Self::Api(error, _) if matches!(error.status, 401..=403))
    }

    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api(error, _) if error.status == 404)
    }

    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api(_, wait) => *wait,
            _ => None,
        }
    }
}

impl Reader {
    pub fn connect(config: &Config) -> Result<Self, ConnectError> {
        Connection::new(config.clone(), 8).map(Self)
    }

    /// For files, which lie elsewhere: without the key.
    pub fn files(&self) -> Result<Files, ConnectError> {
        Files::of(&self.0)
    }

    pub async fn me(&self) -> Result<Me, ReadError> {
        let response = self.send("/v3/users/me", &[]).await?;
        let date = header(&response, "date").and_then(http_date);
        let user: Data<User> = decode(&self.0, response).await?;
        Ok(Me {
            username: user.data.username,
            date,
        })
    }

    pub async fn session(&self, id: &str) -> Result<Session, ReadError> {
        let path = format!("/v3/video-agents/{}", segment(id));
        let session: Data<Session> = self.get(&path, &[]).await?;
        Ok(session.data)
    }

    /// The account's sessions, newest first.
    pub async fn sessions(&self, token: Option<&str>) -> Result<Listed<ListedSession>, ReadError> {
        self.list("/v3/video-agents", &[LIMIT], token).await
    }

    /// The events HeyGen delivered, newest first.
    pub async fn events(&self, token: Option<&str>) -> Result<Listed<DeliveredEvent>, ReadError> {
        self.list("/v3/webhooks/events", &[LIMIT], token).await
    }

    /// The newest events about a session or video.
    pub async fn events_about(&self, id: &str) -> Result<Vec<DeliveredEvent>, ReadError> {
        let query = [LIMIT, ("entity_id", id)];
        let page = self.list("/v3/webhooks/events", &query, None).await?;
        Ok(page.items)
    }

    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        token: Option<&str>,
    ) -> Result<Listed<T>, ReadError> {
        let mut query = query.to_vec();
        query.extend(token.map(|t| ("token", t)));
        let page: Page<T> = self.get(path, &query).await?;
        Ok(Listed {
            items: page.data,
            next: page.next_token.filter(|_| page.has_more),
        })
    }

    /// Statuses of at most [`STATUS_BATCH`] videos.
    pub async fn statuses(&self, ids: &[String]) -> Result<Vec<VideoStatus>, ReadError> {
        let ids = ids.join(",");
        let page: Page<VideoStatus> = self
            .get("/v3/videos/statuses", &[("video_ids", &ids)])
            .await?;
        Ok(page.data)
    }

    pub async fn video(&self, id: &str) -> Result<Video, ReadError> {
        let path = format!("/v3/videos/{}", segment(id));
        let video: Data<Video> = self.get(&path, &[]).await?;
        Ok(video.data)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, ReadError> {
        let response = self.send(path, query).await?;
        decode(&self.0, response).await
    }

    async fn send(&self, path: &str, query: &[(&str, &str)]) -> Result<Response, ReadError> {
        self.0
            .client
            .get(self.0.url(path))
            .query(query)
            .timeout(self.0.config.read_timeout)
            .send()
            .await
            .map_err(|e| ReadError::Network(self.0.unreachable(&e)))
    }
}

/// What an answer holds, or what it says went wrong.
pub(super) async fn decode<T: DeserializeOwned>(
    connection: &Connection,
    response: Response,
) -> Result<T, ReadError> {
    let status = response.status().as_u16();
    let wait = wait(&response);
    let id = request_id(&response);
    let bytes = body(response).await.map_err(ReadError::Network)?;
    let error = || connection.clean(ApiError::read(status, id.clone(), &bytes));
    if !(200..300).contains(&status) {
        return Err(ReadError::Api(error(), wait));
    }
    let value: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|e| ReadError::Shape(e.to_string()))?;
    if !value["error"].is_null() {
        return Err(ReadError::Api(error(), wait));
    }
    serde_json::from_value(value).map_err(|e| ReadError::Shape(e.to_string()))
}

/// What `Retry-After` asks for.
pub(super) fn wait(response: &Response) -> Option<Duration> {
    let seconds = header(response, "retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn http_date(text: &str) -> Option<Timestamp> {
    let date = jiff::fmt::rfc2822::DateTimeParser::new();
    date.parse_timestamp(text).ok()
}
