//! A request that was read to its end, or to the end of what is read.

use std::convert::Infallible;

use futures_util::stream;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;

use super::answer::Answer;
use super::assets::MAX_BYTES;

/// What a body may have beside the file or the files in it.
const OVERHEAD: usize = 64 * 1024;
/// Of a body that is too large, so much is read and thrown away: a client that still writes would
/// not see the answer.
const DRAINED: usize = 256 << 20;

#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) is_too_large: bool,
}

impl Received {
    /// `None` if the client went away before the end of its request.
    pub(super) async fn read(request: Request<Incoming>) -> Option<Self> {
        let (head, body) = request.into_parts();
        let limit = match head.uri.path() {
            "/v3/assets" => MAX_BYTES + OVERHEAD,
            // Base64 makes four bytes of three.
            _ => MAX_BYTES * 2,
        };
        let body = collect(body, limit).await?;
        let query = head.uri.query().unwrap_or_default();
        Some(Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            headers: head.headers,
            is_too_large: body.is_none(),
            body: body.unwrap_or_default(),
        })
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
