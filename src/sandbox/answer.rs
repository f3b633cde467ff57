//! What a request is answered with.

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};

/// An answer before it becomes bytes.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Body,
    pub(super) retry_after: Option<u64>,
    pub(super) range: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) location: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Json(Value),
    Bytes {
        media_type: &'static str,
        bytes: Bytes,
    },
}

impl Answer {
    /// Bytes that are given, not told about.
    pub(super) fn is_file(&self) -> bool {
        self.status.is_success() && matches!(self.body, Body::Bytes { .. })
    }

    pub(super) fn length(&self) -> usize {
        match &self.body {
            Body::Json(value) => value.to_string().len(),
            Body::Bytes { bytes, .. } => bytes.len(),
        }
    }

    pub(super) fn data(data: Value) -> Self {
        Self::json(StatusCode::OK, json!({"data": data}))
    }

    pub(super) fn json(status: StatusCode, value: Value) -> Self {
        Self {
            status,
            body: Body::Json(value),
            retry_after: None,
            range: None,
            etag: None,
            location: None,
        }
    }

    /// One page of a list: the cursor stands beside the data.
    pub(super) fn page(data: &[Value], next_token: Option<&str>) -> Self {
        let more = next_token.is_some();
        let body = json!({"data": data, "has_more": more, "next_token": next_token});
        Self::json(StatusCode::OK, body)
    }

    pub(super) fn bytes(media_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            body: Body::Bytes {
                media_type,
                bytes: bytes.into(),
            },
            retry_after: None,
            range: None,
            etag: None,
            location: None,
        }
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let doc = "https://developers.heygen.com/error-codes";
        let error = json!({"code": code, "message": message, "param": null, "doc_url": doc});
        Self::json(status, json!({"error": error}))
    }

    /// 400 about one field.
    pub(super) fn invalid(param: &str, message: &str) -> Self {
        let mut answer = Self::error(400, "invalid_parameter", message);
        if let Body::Json(value) = &mut answer.body {
            value["error"]["param"] = json!(param);
        }
        answer
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::error(404, "not_found", &format!("{what} not found"))
    }

    /// No key and a wrong key answer alike.
    pub(super) fn unauthorized() -> Self {
        let message = "the API key is missing or not valid";
        Self::error(401, "unauthorized", message)
    }

    pub(super) fn rate_limited(retry_after: Option<u64>, message: &str) -> Self {
        Self {
            retry_after,
            ..Self::error(429, "rate_limit_exceeded", message)
        }
    }
}
