//! HeyGen's error body, bounded.

use std::fmt;

use serde_json::Value;

/// What HeyGen said was wrong. Texts are bounded; they are escaped where they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// The field of the request that is meant.
    pub param: Option<String>,
    /// `X-Request-Id`, for HeyGen's support.
    pub request_id: Option<String>,
}

const MAX_CODE: usize = 100;
const MAX_MESSAGE: usize = 1_000;

impl ApiError {
    /// Reads `{"error": {"code", "message", "param"?}}`; a body of another shape has no code.
    #[must_use]
    pub fn read(status: u16, request_id: Option<String>, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let error = &body["error"];
        let text = |field: &str| error[field].as_str().unwrap_or_default();
        Self {
            status,
            code: cut(text("code"), MAX_CODE),
            message: cut(text("message"), MAX_MESSAGE),
            param: error["param"].as_str().map(|p| cut(p, MAX_CODE)),
            request_id,
        }
    }
}

/// At most `max` characters.
pub(super) fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(param) = &self.param {
            write!(f, " (field {param})")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}
