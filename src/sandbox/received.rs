//! A request that was read to its end, or to the end of what is read.

use std::convert::Infallible;

use futures_util::stream;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::assets::{MAX_BYTES, mime_type};
use super::faults::is_stored;

/// What a body may have beside the file or the files in it.
const OVERHEAD: usize = 64 * 1024;
/// Of a body that is too large, so much is read and thrown away: a client that still writes would
/// not see the answer.
const DRAINED: usize = 256 << 20;
/// Enough to tell the type of a file.
const HEAD: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Bytes of the body, kept or not.
    pub(super) length: u64,
    /// Of a direct upload, which is not kept.
    pub(super) stored: Option<Stored>,
    pub(super) is_too_large: bool,
    /// Its connection is closed in the middle.
    pub(super) is_cut: bool,
}

/// What is remembered of bytes that came by direct upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) bytes: u64,
    /// Hex.
    pub(super) sha256: String,
    pub(super) mime_type: Option<String>,
}

impl Received {
    /// `None` if the client went away before the end of its request.
    pub(super) async fn read(request: Request<Incoming>, cut: Option<u64>) -> Option<Self> {
        let (head, body) = request.into_parts();
        if is_stored(head.method.as_str(), head.uri.path()) {
            let stored = digest(body, cut.unwrap_or(u64::MAX)).await?;
            return Some(Self {
                length: stored.bytes,
                is_cut: cut.is_some_and(|cut| stored.bytes >= cut),
                stored: Some(stored),
                ..Self::of(head, Some(Bytes::new()))
            });
        }
        let limit = match head.uri.path() {
            "/v3/assets" => MAX_BYTES + OVERHEAD,
            // Base64 makes four bytes of three.
            _ => MAX_BYTES * 2,
        };
        let body = collect(body, limit).await?;
        Some(Self::of(head, body))
    }

    fn of(head: Parts, body: Option<Bytes>) -> Self {
        let query = head.uri.query().unwrap_or_default();
        let is_too_large = body.is_none();
        let body = body.unwrap_or_default();
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            headers: head.headers,
            length: body.len() as u64,
            body,
            stored: None,
            is_too_large,
            is_cut: false,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(k, _)| k == name);
        found.map(|(_, v)| v.as_str())
    }

    /// The bytes of the one part `file` of a multipart body.
    pub(super) async fn file_part(&self) -> Result<Bytes, Box<Answer>> {
        let bad = |message: &str| Box::new(Answer::invalid("file", message));
        let kind = self.header("content-type").unwrap_or_default();
        let boundary = multer::parse_boundary(kind).map_err(|_| bad("not multipart/form-data"))?;
        let once = stream::iter([Ok::<_, Infallible>(self.body.clone())]);
        let mut parts = multer::Multipart::new(once, boundary);
        let mut file = None;
        while let Some(part) = parts.next_field().await.map_err(|_| bad("broken body"))? {
            let name = part.name().unwrap_or_default().to_owned();
            if name != "file" || file.is_some() {
                return Err(Box::new(Answer::invalid(&name, "exactly one part, file")));
            }
            file = Some(part.bytes().await.map_err(|_| bad("broken body"))?);
        }
        file.ok_or_else(|| bad("required"))
    }
}

/// Reads a body of any size and forgets it, up to where it is cut.
async fn digest(mut body: Incoming, cut: u64) -> Option<Stored> {
    let (mut hasher, mut bytes, mut head) = (Sha256::new(), 0, Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else {
            continue;
        };
        hasher.update(&data);
        bytes += data.len() as u64;
        let wanted = HEAD.saturating_sub(head.len()).min(data.len());
        head.extend_from_slice(&data[..wanted]);
        if bytes >= cut {
            break;
        }
    }
    Some(Stored {
        bytes,
        sha256: hex::encode(hasher.finalize()),
        mime_type: mime_type(&head).map(str::to_owned),
    })
}

/// `Some(None)` is a body over the limit.
async fn collect(mut body: Incoming, limit: usize) -> Option<Option<Bytes>> {
    let (mut kept, mut seen) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else {
            continue;
        };
        seen += data.len();
        match seen {
            _ if seen <= limit => kept.extend_from_slice(&data),
            _ if seen <= DRAINED => kept = Vec::new(),
            _ => break,
        }
    }
    Some((seen <= limit).then(|| kept.into()))
}
