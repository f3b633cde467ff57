//! Following links to finished files. Knows no API key: links are presigned, and lead elsewhere.

use std::time::Duration;

use hyper::body::Bytes;
use reqwest::header::{IF_RANGE, LOCATION, RANGE};
use reqwest::{Client, Response, StatusCode, Url};

use super::connection::{
    ConnectError, Connection, client, describe, header, is_local, is_loopback,
};

const MAX_REDIRECTS: usize = 5;
/// A server that sends nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// Fetches from wherever HeyGen's links lead: https alone, and this machine if HeyGen is here.
#[derive(Debug, Clone)]
pub struct Files {
    client: Client,
    allows_loopback: bool,
}

/// What is there already, to go on with.
#[derive(Debug, Clone, Copy)]
pub struct Resume<'a> {
    pub at: u64,
    pub etag: Option<&'a str>,
}

/// A file that is being answered.
#[derive(Debug)]
pub struct Opened {
    response: Response,
    /// Where its bytes begin in the file: what was asked for, or 0 where ranges are not honoured.
    pub start: u64,
    /// Of the whole file; `None` where the transfer itself tells where it ends.
    pub length: Option<u64>,
    pub etag: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("the link leads to {0}, and only https is followed")]
    Insecure(String),
    #[error("the link can't be followed: {0}")]
    Redirect(&'static str),
    /// The link does not work any more, or never did; another may.
    #[error("the link answers with status {0}")]
    Refused(u16),
    #[error("the server answers with status {0}")]
    Status(u16, Option<Duration>),
    #[error("the file ends before byte {0}")]
    Beyond(u64),
    #[error("the server answers with another range than it was asked for")]
    OtherRange,
    #[error("the server does not say how long the file is")]
    Unmeasured,
    #[error("{0}")]
    Network(String),
}

impl Files {
    pub(super) fn of(connection: &Connection) -> Result<Self, ConnectError> {
        let allows_loopback = is_local(connection.config.base.url());
        let builder = client(allows_loopback)
            .read_timeout(SILENCE)
            .pool_max_idle_per_host(4);
        Ok(Self {
            client: builder.build().map_err(ConnectError::Tls)?,
            allows_loopback,
        })
    }

    /// Asks for a file, or for the rest of it.
    pub async fn open(&self, link: &str, resume: Resume<'_>) -> Result<Opened, LinkError> {
        let mut url = Url::parse(link).map_err(|_| LinkError::Redirect("it is no URL"))?;
        for _ in 0..=MAX_REDIRECTS {
            self.check(&url)?;
            let response = self.get(&url, resume).await?;
            if !is_redirect(response.status()) {
                return opened(response, resume);
            }
            let to = header(&response, LOCATION.as_str());
            let to = to.ok_or(LinkError::Redirect("it redirects to nowhere"))?;
            url = (url.join(to)).map_err(|_| LinkError::Redirect("it redirects to no URL"))?;
        }
        Err(LinkError::Redirect("it redirects too often"))
    }

    fn check(&self, url: &Url) -> Result<(), LinkError> {
        let here = self.allows_loopback && url.scheme() == "http" && is_loopback(url);
        match here || url.scheme() == "https" {
            true => Ok(()),
            false => Err(LinkError::Insecure(format!(
                "{}://{}",
                url.scheme(),
                url.host_str().unwrap_or_default()
            ))),
        }
    }

    async fn get(&self, url: &Url, resume: Resume<'_>) -> Result<Response, LinkError> {
        let mut request = self.client.get(url.clone());
        if resume.at > 0 {
            request = request.header(RANGE, format!("bytes={}-", resume.at));
            if let Some(etag) = resume.etag {
                request = request.header(IF_RANGE, etag);
            }
        }
        let sent = request.send().await;
        sent.map_err(|e| LinkError::Network(describe(&e)))
    }
}

impl Opened {
    /// The next bytes, in order; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, LinkError> {
        let chunk = self.response.chunk().await;
        chunk.map_err(|e| LinkError::Network(describe(&e)))
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn opened(response: Response, resume: Resume<'_>) -> Result<Opened, LinkError> {
    let etag = header(&response, "etag").filter(|tag| is_usable(tag));
    let etag = etag.map(str::to_owned);
    let (start, length) = match response.status().as_u16() {
        200 => (0, whole_length(&response)?),
        206 => (resume.at, Some(ranged_length(&response, resume)?)),
        416 => return Err(LinkError::Beyond(resume.at)),
        status @ (400 | 401 | 403 | 404 | 410) => return Err(LinkError::Refused(status)),
        status => return Err(LinkError::Status(status, super::reader::wait(&response))),
    };
    Ok(Opened {
        response,
        start,
        length,
        etag,
    })
}

/// Only a strong one proves that the bytes are the same.
fn is_usable(etag: &str) -> bool {
    etag.starts_with('"') && etag.len() <= 200
}

/// Without length or chunks a cut connection looks like the end.
fn whole_length(response: &Response) -> Result<Option<u64>, LinkError> {
    let length = header(response, "content-length").and_then(|text| text.parse().ok());
    let chunked = header(response, "transfer-encoding").is_some_and(|e| e.contains("chunked"));
    match length.is_some() || chunked {
        true => Ok(length),
        false => Err(LinkError::Unmeasured),
    }
}

/// From `Content-Range: bytes FROM-LAST/LENGTH`, which must be all the rest.
fn ranged_length(response: &Response, resume: Resume<'_>) -> Result<u64, LinkError> {
    let text = header(response, "content-range").unwrap_or_default();
    let (from, last, length) = range(text).ok_or(LinkError::OtherRange)?;
    match from == resume.at && last.checked_add(1) == Some(length) {
        true => Ok(length),
        false => Err(LinkError::OtherRange),
    }
}

fn range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, length) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (from, last) = range.split_once('-')?;
    Some((from.parse().ok()?, last.parse().ok()?, length.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_it_stands_or_not_at_all() {
        assert_eq!(range("bytes 5-9/10"), Some((5, 9, 10)));
        for hostile in ["bytes */10", "bytes 5-/10", "5-9/10", "bytes 5-9/*", ""] {
            assert_eq!(range(hostile), None, "{hostile}");
        }
    }
}
