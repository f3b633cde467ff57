//! One delivery: what it has to be before it is a hint. Pure.

use jiff::Timestamp;
use serde::Deserialize;

use super::signature::Secrets;
use crate::video::VideoHash;
use crate::watch::Hint;

/// Larger bodies are not read.
pub(super) const MAX_BODY: usize = 64 << 10;
/// How far the time of a delivery may be from ours, in seconds.
const WINDOW: i64 = 300;

/// Why a delivery was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refused {
    TooLarge,
    Unsigned,
    Forged,
    Stale,
    Malformed,
}

impl Refused {
    pub(super) const ALL: [Self; 5] = [
        Self::TooLarge,
        Self::Unsigned,
        Self::Forged,
        Self::Stale,
        Self::Malformed,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Unsigned => "unsigned",
            Self::Forged => "forged",
            Self::Stale => "stale",
            Self::Malformed => "malformed",
        }
    }

    pub(super) fn status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::Unsigned | Self::Forged => 401,
            Self::Stale | Self::Malformed => 400,
        }
    }
}

/// The headers that matter.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Headers<'a> {
    /// `Heygen-Signature`, or `Signature` of older endpoints.
    pub(super) signature: Option<&'a str>,
    /// `Heygen-Timestamp`: Unix seconds. Older endpoints send none.
    pub(super) timestamp: Option<&'a str>,
    pub(super) is_old: bool,
    pub(super) event_id: Option<&'a str>,
}

/// What a believed delivery says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Delivered {
    pub(super) event_id: Option<String>,
    /// `None` for an event that is not about one of our videos.
    pub(super) hint: Option<Hint>,
}

#[derive(Deserialize)]
struct Body {
    event_id: Option<String>,
    event_type: String,
    #[serde(default)]
    event_data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    session_id: Option<String>,
    callback_id: Option<String>,
}

/// Checks signature and time before anything is parsed.
pub(super) fn check(
    headers: Headers<'_>,
    body: &[u8],
    secrets: &Secrets,
    now: Timestamp,
) -> Result<Delivered, Refused> {
    if body.len() > MAX_BODY {
        return Err(Refused::TooLarge);
    }
    let signature = headers.signature.ok_or(Refused::Unsigned)?;
    if !secrets.signed(body, signature) {
        return Err(Refused::Forged);
    }
    if !is_timely(headers, now) {
        return Err(Refused::Stale);
    }
    let parsed: Body = serde_json::from_slice(body).map_err(|_| Refused::Malformed)?;
    let event_id = headers.event_id.map(str::to_owned).or(parsed.event_id);
    let ended = matches!(
        parsed.event_type.as_str(),
        "video_agent.success" | "video_agent.fail"
    );
    let hash = parsed.event_data.callback_id.filter(|_| ended);
    let hash: Option<VideoHash> = hash.and_then(|id| id.parse().ok());
    let session = parsed.event_data.session_id.filter(|id| id.len() <= 200);
    let hint = hash
        .zip(session)
        .map(|(hash, session_id)| Hint { hash, session_id });
    Ok(Delivered { event_id, hint })
}

fn is_timely(headers: Headers<'_>, now: Timestamp) -> bool {
    match headers.timestamp {
        Some(text) => text
            .trim()
            .parse::<i64>()
            .is_ok_and(|at| at.abs_diff(now.as_second()) <= WINDOW.unsigned_abs()),
        None => headers.is_old,
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;

    use super::*;

    fn sign(body: &[u8]) -> String {
        let mac = Hmac::<sha2::Sha256>::new_from_slice(b"whsec_1").unwrap();
        hex::encode(mac.chain_update(body).finalize().into_bytes())
    }

    fn secrets() -> Secrets {
        Secrets::new(vec!["whsec_1".to_owned().into()])
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn deliver(body: &str, timestamp: Option<&str>, is_old: bool) -> Result<Delivered, Refused> {
        let signature = sign(body.as_bytes());
        let headers = Headers {
            signature: Some(&signature),
            timestamp,
            is_old,
            event_id: Some("e1"),
        };
        check(headers, body.as_bytes(), &secrets(), now())
    }

    #[test]
    fn a_signed_and_timely_delivery_is_a_hint() {
        let hash = VideoHash::of_canonical("{}");
        let body = format!(
            r#"{{"event_type":"video_agent.success","event_data":{{"session_id":"s1","callback_id":"{hash}"}}}}"#
        );
        let hint = Some(Hint {
            hash,
            session_id: "s1".into(),
        });
        let delivered = deliver(&body, Some("1800000100"), false).unwrap();
        assert_eq!(delivered.hint, hint);
        assert_eq!(deliver(&body, None, true).unwrap().hint, hint);
        assert_eq!(deliver(&body, None, false), Err(Refused::Stale));
        assert_eq!(
            deliver(&body, Some("1800000301"), true),
            Err(Refused::Stale)
        );
        assert_eq!(deliver(&body, Some("soon"), false), Err(Refused::Stale));
        let other = body.replace("success", "progress");
        assert_eq!(deliver(&other, None, true).unwrap().hint, None);
    }

    #[test]
    fn what_is_not_signed_is_not_parsed() {
        let headers = Headers::default();
        assert_eq!(
            check(headers, b"{}", &secrets(), now()),
            Err(Refused::Unsigned)
        );
        let signature = sign(b"{}");
        let forged = Headers {
            signature: Some(&signature),
            is_old: true,
            ..headers
        };
        assert_eq!(
            check(forged, b"{} ", &secrets(), now()),
            Err(Refused::Forged)
        );
        assert_eq!(
            check(forged, b"{}", &secrets(), now()),
            Err(Refused::Malformed)
        );
        let large = vec![b' '; MAX_BODY + 1];
        assert_eq!(
            check(forged, &large, &secrets(), now()),
            Err(Refused::TooLarge)
        );
    }

    proptest! {
        #[test]
        fn nothing_signed_or_not_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
            let signature = sign(&body);
            for signature in [signature.as_str(), text.as_str()] {
                let headers = Headers { signature: Some(signature), timestamp: Some(&text), is_old: false, event_id: Some(&text) };
                let _ = check(headers, &body, &secrets(), now());
                let _ = check(Headers { timestamp: None, is_old: true, ..headers }, &body, &secrets(), now());
            }
        }
    }
}
