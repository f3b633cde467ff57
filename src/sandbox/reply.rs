//! From an answer to what goes over the wire, also where that is to break.

use std::io;
use std::time::Duration;

use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use hyper::header::HeaderValue;

use super::answer::{Answer, Body};

/// `Err` closes the connection without an answer.
pub(super) type Reply = Result<Response<BoxBody<Bytes, io::Error>>, Dropped>;

#[derive(Debug, thiserror::Error)]
#[error("dropped on request")]
pub(super) struct Dropped;

/// hyper throws unsent bytes away when a body fails; until then they have to be on their way.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

pub(super) fn reply(answer: &Answer, request_id: &str) -> Reply {
    let body = Full::new(bytes_of(answer))
        .map_err(|never| match never {})
        .boxed();
    let mut response = Response::new(body);
    set_head(answer, request_id, &mut response);
    Ok(response)
}

/// The beginning of an answer that is said to have so many bytes more, then the connection breaks.
pub(super) fn broken_off(answer: &Answer, at: usize, more: usize, request_id: &str) -> Reply {
    let bytes = bytes_of(answer);
    let begun = bytes.slice(..at.min(bytes.len()));
    let frames = stream::unfold(Some(begun), |begun| async move {
        if let Some(begun) = begun {
            return Some((Ok(Frame::data(begun)), None));
        }
        tokio::time::sleep(ON_ITS_WAY).await;
        let broken = io::Error::new(io::ErrorKind::ConnectionReset, "broken off on request");
        Some((Err(broken), None))
    });
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(Box::pin(frames))));
    set_head(answer, request_id, &mut response);
    let length = HeaderValue::from(bytes.len() + more);
    response.headers_mut().insert("content-length", length);
    Ok(response)
}

fn set_head<T>(answer: &Answer, request_id: &str, response: &mut Response<T>) {
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("x-request-id", request_id);
    match &answer.body {
        Body::Json(_) => set("content-type", "application/json"),
        Body::Bytes { media_type, .. } => {
            set("content-type", media_type);
            set("accept-ranges", "bytes");
        }
    }
    if let Some(seconds) = answer.retry_after {
        set("retry-after", &seconds.to_string());
    }
    if let Some(etag) = &answer.etag {
        set("etag", etag);
    }
    if let Some(location) = &answer.location {
        set("location", location);
    }
    if let Some(range) = &answer.range {
        set("content-range", range);
    }
}

fn bytes_of(answer: &Answer) -> Bytes {
    match &answer.body {
        Body::Json(value) => value.to_string().into(),
        Body::Bytes { bytes, .. } => bytes.clone(),
    }
}
