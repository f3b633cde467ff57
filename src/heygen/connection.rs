//! The HTTP connection both halves share: base URL, key, bounds.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};

use super::api_error::ApiError;

/// No answer of this API is larger; a longer body is cut off and counts as unreadable.
const MAX_BODY: usize = 4 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where HeyGen is: https, or http on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(Url);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    #[error("not a URL")]
    Syntax,
    #[error("http is accepted only for this machine (localhost, 127.0.0.1, [::1]); use https")]
    Insecure,
    #[error("a base URL has neither user, password, query nor fragment")]
    Extra,
}

/// What a connection needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    pub base: Base,
    pub key: SecretString,
    /// For a submission.
    pub request_timeout: Duration,
    pub read_timeout: Duration,
    pub upload_timeout: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the API key holds a character that no HTTP header can carry")]
    Key,
    #[error("cannot set up HTTPS")]
    Tls(#[source] reqwest::Error),
}

/// An HTTP client with everything hidden switched off: no redirects, no retries, no HTTP/2 (whose
/// refused streams a client may silently repeat).
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) config: Config,
}

impl Base {
    pub const HEYGEN: &str = "https://api.heygen.com";

    pub fn parse(text: &str) -> Result<Self, BaseError> {
        let url = Url::parse(text).map_err(|_| BaseError::Syntax)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        match url.scheme() {
            _ if !plain => Err(BaseError::Extra),
            _ if is_safe(&url) => Ok(Self(url)),
            "http" => Err(BaseError::Insecure),
            _ => Err(BaseError::Syntax),
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    /// Without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

/// What is sent there stays private: https, or http that does not leave this machine.
pub(super) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => is_loopback(url),
        _ => false,
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

impl Connection {
    /// With `idle` connections kept for the next request. None are kept for submissions: one that
    /// idled may be closed already, and a client that finds out too late can't tell whether its
    /// request arrived.
    pub(super) fn new(config: Config, idle: usize) -> Result<Self, ConnectError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", key_header(&config.key)?);
        let builder = client(is_local(config.base.url()))
            .default_headers(headers)
            .pool_max_idle_per_host(idle);
        let client = builder.build().map_err(ConnectError::Tls)?;
        Ok(Self { client, config })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.base.as_str())
    }

    /// What kept a request from being answered, and where it went.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> String {
        self.redact(format!(
            "{}: {}",
            self.config.base.as_str(),
            describe(error)
        ))
    }

    /// What HeyGen said, without the key in any part of it.
    pub(super) fn clean(&self, error: ApiError) -> ApiError {
        ApiError {
            code: self.redact(error.code),
            message: self.redact(error.message),
            param: error.param.map(|param| self.redact(param)),
            ..error
        }
    }

    /// The key must not come back to people, in whatever text it is echoed.
    pub(super) fn redact(&self, text: String) -> String {
        text.replace(self.config.key.expose_secret(), "***")
    }
}

/// Whether requests to this place never leave the machine.
pub(super) fn is_local(url: &Url) -> bool {
    url.scheme() == "http"
}

/// What every client has, and no key. One that is `local` reaches this machine only: no proxy, and no
/// need for the system's certificates.
pub(super) fn client(local: bool) -> ClientBuilder {
    // Fails only where a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("reconcile/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT);
    match local {
        true => builder.no_proxy().tls_certs_only([]),
        false => builder,
    }
}

fn key_header(key: &SecretString) -> Result<HeaderValue, ConnectError> {
    let mut value = HeaderValue::from_str(key.expose_secret()).map_err(|_| ConnectError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads a body to its end, but not beyond the bound.
pub(super) async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| describe(&e))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(format!("an answer of more than {MAX_BODY} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

pub(super) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

pub(super) fn request_id(response: &Response) -> Option<String> {
    header(response, "x-request-id").map(|id| super::api_error::cut(id, 100))
}

/// The chain of causes in one line, without the URL.
pub(super) fn describe(error: &reqwest::Error) -> String {
    let mut text = match error {
        e if e.is_timeout() => "timed out".to_owned(),
        e if e.is_connect() => "cannot connect".to_owned(),
        e if e.is_body() || e.is_decode() => "the answer broke off".to_owned(),
        _ => "the request failed".to_owned(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Ids come from the network: none may change the path it is put into.
pub(super) fn segment(id: &str) -> String {
    id.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_https_or_on_this_machine() {
        for good in [
            "https://api.heygen.com",
            "https://proxy.example/heygen/",
            "http://127.0.0.1:8787",
            "http://[::1]:1",
            "http://localhost:9",
        ] {
            assert!(Base::parse(good).is_ok(), "{good}");
        }
        for (bad, error) in [
            ("http://api.heygen.com", BaseError::Insecure),
            ("http://127.0.0.1.example.com", BaseError::Insecure),
            ("https://user:pw@api.heygen.com", BaseError::Extra),
            ("https://api.heygen.com/?a=b", BaseError::Extra),
            ("ftp://127.0.0.1", BaseError::Syntax),
            ("api.heygen.com", BaseError::Syntax),
        ] {
            assert_eq!(Base::parse(bad), Err(error), "{bad}");
        }
    }
}
