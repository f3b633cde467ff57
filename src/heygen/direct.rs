//! Uploads that never pass through the API: its answer to a file over 32 MB is where to PUT it.
//!
//! Source: HeyGen's reference (create-asset-upload, complete-asset-upload) and its guide to
//! uploading assets, November 2026.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Url};

use super::api_error::cut;
use super::connection::{body, client, describe, is_local, is_safe, segment};
use super::wire::{BeginUpload, BegunUpload, CompleteUpload, CompletedUpload};
use super::writer::{Offered, UploadError, Writer};

/// Largest file for `POST /v3/assets`. HeyGen says "32 MB" and not which: by the smaller reading no
/// file is too large for the one way, and the other names no smallest size.
pub const MAX_SIMPLE_UPLOAD: u64 = 32_000_000;
/// Nothing that is signed has more.
const MAX_HEADERS: usize = 32;
const MAX_STORAGE_ERROR: usize = 200;
/// What frames the request is the HTTP client's own.
const FRAMING: [HeaderName; 4] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
];

/// What is to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeFile {
    pub media_type: &'static str,
    pub bytes: u64,
    /// Hex.
    pub sha256: String,
}

/// Leave to PUT one file in one place, for a while.
#[derive(Debug, Clone)]
pub struct Ticket {
    asset_id: String,
    url: Url,
    headers: HeaderMap,
    expires: Instant,
}

/// Why the storage did not take the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutError {
    /// This ticket is no good, or not any more.
    Ticket(String),
    TooLarge(String),
    /// Worth trying again as it is.
    Passing(String),
}

impl Writer {
    /// Asks where a file may be PUT. Within 24 hours a repeat with the same key gets the same
    /// answer, also when its URL has expired.
    pub async fn begin_upload(
        &self,
        file: &LargeFile,
        idempotency_key: &str,
    ) -> Result<Ticket, UploadError> {
        let request = self
            .0
            .client
            .post(self.0.url("/v3/assets/direct-uploads"))
            .header("Idempotency-Key", idempotency_key)
            .timeout(self.0.config.request_timeout)
            .json(&BeginUpload {
                filename: &file.sha256,
                content_type: file.media_type,
                size_bytes: file.bytes,
                checksum_sha256: &file.sha256,
            });
        let begun = self.offer(request).await?;
        Ticket::new(begun, file).map_err(UploadError::Unusable)
    }

    /// Makes an asset of what was PUT, and returns its id. Repeated calls answer the same.
    pub async fn complete_upload(
        &self,
        ticket: &Ticket,
        file: &LargeFile,
    ) -> Result<String, UploadError> {
        let path = format!("/v3/assets/{}/complete", segment(&ticket.asset_id));
        let request = self
            .0
            .client
            .post(self.0.url(&path))
            .timeout(self.0.config.request_timeout)
            .json(&CompleteUpload {
                checksum_sha256: &file.sha256,
            });
        let asset: CompletedUpload = self.offer(request).await?;
        if asset.asset_id != ticket.asset_id || asset.size_bytes != file.bytes {
            let (there, here) = (asset.size_bytes, file.bytes);
            return Err(UploadError::Unusable(format!(
                "HeyGen made an asset of {there} bytes of it; it has {here}"
            )));
        }
        Ok(asset.asset_id)
    }
}

/// Sends the bytes to the storage, on a connection that knows no key.
pub async fn put(ticket: &Ticket, bytes: u64, content: Body) -> Result<(), PutError> {
    let client = client(is_local(&ticket.url))
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|e| PutError::Passing(describe(&e)))?;
    let request = client
        .put(ticket.url.clone())
        .headers(ticket.headers.clone())
        .header(header::CONTENT_LENGTH, bytes)
        .body(content);
    let sent = request.send().await;
    // Not the whole URL: who has it may write there.
    let place = ticket.url.origin().ascii_serialization();
    let unreachable = |e| PutError::Passing(format!("{place}: {}", describe(&e)));
    let response = sent.map_err(unreachable)?;
    let status = response.status().as_u16();
    let answer = body(response).await.unwrap_or_default();
    judge(status, &String::from_utf8_lossy(&answer))
}

impl Ticket {
    fn new(begun: BegunUpload, file: &LargeFile) -> Result<Self, String> {
        let url = Url::parse(&begun.upload_url).ok().filter(is_safe);
        let url = url.ok_or("the upload URL that HeyGen gave is not https")?;
        if begun.max_bytes < file.bytes {
            let (most, bytes) = (begun.max_bytes, file.bytes);
            return Err(format!("it has {bytes} bytes; HeyGen takes at most {most}"));
        }
        let lifetime = Duration::from_secs(begun.expires_in_seconds.min(24 * 60 * 60));
        Ok(Self {
            asset_id: begun.asset_id,
            url,
            headers: headers(&begun.upload_headers)?,
            expires: Instant::now() + lifetime,
        })
    }

    #[must_use]
    pub fn is_fresh(&self) -> bool {
        Instant::now() < self.expires
    }
}

impl Offered for BegunUpload {
    fn asset_id(&self) -> &str {
        &self.asset_id
    }
}

impl Offered for CompletedUpload {
    fn asset_id(&self) -> &str {
        &self.asset_id
    }
}

fn headers(given: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let unusable = || "an upload header that HeyGen gave can't be sent".to_owned();
    let mut headers = HeaderMap::new();
    for (name, value) in given.iter().take(MAX_HEADERS) {
        let name: HeaderName = name.parse().map_err(|_| unusable())?;
        let value = HeaderValue::from_str(value).map_err(|_| unusable())?;
        if !FRAMING.contains(&name) {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

fn judge(status: u16, answer: &str) -> Result<(), PutError> {
    let why = || match storage_error(answer) {
        Some(error) => format!("the storage answered HTTP {status}: {error}"),
        None => format!("the storage answered HTTP {status}"),
    };
    match status {
        200..=299 => Ok(()),
        413 => Err(PutError::TooLarge(why())),
        408 | 429 | 500..=599 => Err(PutError::Passing(why())),
        _ if answer.contains("<Code>EntityTooLarge</Code>") => Err(PutError::TooLarge(why())),
        _ => Err(PutError::Ticket(why())),
    }
}

/// `Code: Message` of an error of S3.
fn storage_error(xml: &str) -> Option<String> {
    let element = |name: &str| {
        let (_, rest) = xml.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(cut(text, MAX_STORAGE_ERROR))
    };
    let code = element("Code")?;
    Some(match element("Message") {
        Some(message) => format!("{code}: {message}"),
        None => code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(url: &str) -> BegunUpload {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        BegunUpload {
            asset_id: "asset_1".to_owned(),
            upload_url: url.to_owned(),
            upload_headers: BTreeMap::from([
                header("Content-Type", "video/mp4"),
                header("host", "elsewhere.example"),
                header("Content-Length", "1"),
            ]),
            expires_in_seconds: 900,
            max_bytes: 40_000_000,
        }
    }

    fn file(bytes: u64) -> LargeFile {
        LargeFile {
            media_type: "video/mp4",
            bytes,
            sha256: String::new(),
        }
    }

    #[test]
    fn bytes_go_only_where_nobody_else_can_read_them() {
        for good in [
            "https://s3.example/a?X-Amz-Signature=b",
            "http://127.0.0.1:1/a",
        ] {
            assert!(
                Ticket::new(begun(good), &file(40_000_000)).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "http://s3.example/a",
            "ftp://127.0.0.1/a",
            "file:///etc/passwd",
            "a",
        ] {
            assert!(Ticket::new(begun(bad), &file(40_000_000)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_heygen_will_not_take_is_not_sent() {
        let error = Ticket::new(begun("https://s3.example/"), &file(40_000_001)).unwrap_err();
        assert!(error.contains("at most 40000000"), "{error}");
    }

    #[test]
    fn headers_are_sent_as_given_but_for_those_that_frame_the_request() {
        let ticket = Ticket::new(begun("https://s3.example/"), &file(1)).unwrap();
        assert!(ticket.is_fresh());
        assert_eq!(ticket.headers.len(), 1);
        assert_eq!(ticket.headers["content-type"], "video/mp4");
        let mut broken = begun("https://s3.example/");
        let injected = ("a".to_owned(), "b\r\nx-api-key: c".to_owned());
        broken.upload_headers.extend([injected]);
        assert!(Ticket::new(broken, &file(1)).is_err());
    }

    #[test]
    fn an_expired_url_is_asked_for_again_and_a_busy_storage_is_not() {
        let expired = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message>";
        assert_eq!(
            judge(403, expired),
            Err(PutError::Ticket(
                "the storage answered HTTP 403: AccessDenied: Request has expired".to_owned()
            ))
        );
        assert!(matches!(judge(503, ""), Err(PutError::Passing(_))));
        assert!(matches!(judge(301, ""), Err(PutError::Ticket(_))));
        let large = "<Code>EntityTooLarge</Code>";
        assert!(matches!(judge(400, large), Err(PutError::TooLarge(_))));
        assert_eq!(judge(200, ""), Ok(()));
    }
}
