//! What the answer to a submission means. Pure: the money hangs on this table.
//!
//! Only what is certain gets a name; everything else is [`Answer::Unknown`], and an unknown
//! attempt is never simply repeated.

use std::time::Duration;

use super::api_error::ApiError;
use super::wire::{Created, Data};
use crate::state::is_usable_id;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 2xx with a session: accepted, billed on completion.
    Accepted {
        session_id: String,
        video_id: Option<String>,
    },
    /// The connection was never made, so nothing arrived.
    NoConnection { reason: String },
    /// 429: it had no effect; wait, then send the same again.
    RateLimited {
        retry_after: Option<Duration>,
        error: ApiError,
    },
    /// 401, 402, 403: the key, the credit or the permission is wrong, for every request.
    Refused(ApiError),
    /// This request is wrong, and stays wrong until its manifest changes.
    Rejected(ApiError),
    /// HeyGen could not do it now; a later attempt may succeed.
    Failed(ApiError),
    /// Whether it took effect can't be told from this answer.
    Unknown { reason: String },
}

/// The longest `Retry-After` that is obeyed as it stands.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

impl Answer {
    /// Classifies a complete answer.
    #[must_use]
    pub fn classify(
        status: u16,
        retry_after: Option<&str>,
        request_id: Option<String>,
        body: &[u8],
    ) -> Self {
        let error = || ApiError::read(status, request_id.clone(), body);
        match status {
            200..=299 => accepted(body).unwrap_or_else(|| Self::Unknown {
                reason: format!("an answer without a session ({})", error()),
            }),
            400 | 404 | 413 | 422 => rejected(error()),
            403 if error().code == "resource_access_denied" => Self::Rejected(error()),
            401..=403 => Self::Refused(error()),
            429 => Self::RateLimited {
                retry_after: retry_after.and_then(seconds),
                error: error(),
            },
            _ => Self::Unknown {
                reason: error().to_string(),
            },
        }
    }
}

/// A body with an `error` beside its data is no acceptance, whatever its status says.
fn accepted(body: &[u8]) -> Option<Answer> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    if !value["error"].is_null() {
        return None;
    }
    let created: Data<Created> = serde_json::from_value(value).ok()?;
    let Created {
        session_id,
        video_id,
    } = created.data;
    is_usable_id(&session_id).then(|| Answer::Accepted {
        session_id,
        video_id: video_id.filter(|id| is_usable_id(id)),
    })
}

fn rejected(error: ApiError) -> Answer {
    match error.code.as_str() {
        "download_failed" | "resource_limit_reached" => Answer::Failed(error),
        _ => Answer::Rejected(error),
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let wait = Duration::from_secs(text.trim().parse().ok()?);
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(status: u16, body: &str) -> Answer {
        Answer::classify(status, Some("7"), None, body.as_bytes())
    }

    fn error(code: &str) -> String {
        format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#)
    }

    #[test]
    fn only_a_session_is_an_acceptance() {
        assert_eq!(
            classify(
                200,
                r#"{"data":{"session_id":"s","status":"thinking","created_at":1}}"#
            ),
            Answer::Accepted {
                session_id: "s".into(),
                video_id: None
            }
        );
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"data":{}}"#,
            r#"{"data":{"session_id":""}}"#,
            r#"{"data":{"session_id":7}}"#,
            &error("internal_error"),
            r#"{"data":{"session_id":"s"},"error":{"code":"c","message":"m"}}"#,
        ] {
            assert!(
                matches!(classify(200, body), Answer::Unknown { .. }),
                "{body}"
            );
        }
    }

    #[test]
    fn what_stops_the_run_what_is_rejected_and_what_may_be_tried_again() {
        for status in [401, 402, 403] {
            assert!(matches!(classify(status, "{}"), Answer::Refused(_)));
        }
        let denied = classify(403, &error("resource_access_denied"));
        assert!(matches!(denied, Answer::Rejected(_)));
        for status in [400, 404, 413, 422] {
            let plain = classify(status, &error("invalid_parameter"));
            assert!(matches!(plain, Answer::Rejected(_)), "{status}");
        }
        for code in ["download_failed", "resource_limit_reached"] {
            assert!(matches!(classify(400, &error(code)), Answer::Failed(_)));
        }
    }

    #[test]
    fn everything_else_is_unknown() {
        for status in [
            100, 204, 301, 302, 307, 308, 405, 408, 409, 418, 500, 502, 503, 504, 599,
        ] {
            let answer = classify(status, &error("request_in_progress"));
            assert!(matches!(answer, Answer::Unknown { .. }), "{status}");
        }
    }

    #[test]
    fn a_rate_limit_says_how_long_and_a_hostile_one_is_bounded() {
        let wait = |header| match Answer::classify(429, header, None, b"") {
            Answer::RateLimited { retry_after, .. } => retry_after,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(Some("7")), Some(Duration::from_secs(7)));
        assert_eq!(wait(Some("999999999999")), Some(LONGEST_WAIT));
        assert_eq!(wait(Some("-1")), None);
        assert_eq!(wait(Some("soon")), None);
        assert_eq!(wait(None), None);
    }
}
