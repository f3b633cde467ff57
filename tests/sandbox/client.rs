//! A sandbox and a client that knows nothing of the crate's own.

use std::time::{Duration, Instant};

use reconcile::sandbox::{Config, Sandbox};
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

pub const AGENTS: &str = "/v3/video-agents";
pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

pub struct Sand {
    pub url: String,
    http: Client,
    _sandbox: Option<Sandbox>,
}

/// What came back.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Renders long enough to be seen at it, and all alike.
pub fn slow() -> Config {
    Config {
        render_time: Duration::from_secs(60),
        render_jitter: 0.0,
        ..Config::default()
    }
}

/// Renders in no time.
pub fn quick() -> Config {
    Config {
        render_time: Duration::ZERO,
        ..Config::default()
    }
}

impl Sand {
    pub async fn start(config: Config) -> Self {
        let sandbox = Sandbox::start(([127, 0, 0, 1], 0).into(), config).await;
        let sandbox = sandbox.unwrap();
        let mut sand = Self::at(&sandbox.url());
        sand._sandbox = Some(sandbox);
        sand
    }

    /// One that someone else started.
    pub fn at(url: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().tls_certs_only([]);
        Self {
            url: url.to_owned(),
            http: http.build().unwrap(),
            _sandbox: None,
        }
    }

    /// A request without a key.
    pub fn bare(&self, method: &str, path: &str) -> RequestBuilder {
        let url = match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("{}{path}", self.url),
        };
        self.http.request(method.parse().unwrap(), url)
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.bare(method, path).header("x-api-key", "key")
    }

    pub async fn get(&self, path: &str) -> Got {
        send(self.request("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Got {
        send(self.request("POST", path).json(body)).await
    }

    pub async fn create(&self, prompt: &str) -> Got {
        self.post(AGENTS, &json!({ "prompt": prompt })).await
    }

    /// Creates a session that has to be accepted; returns its id.
    pub async fn session(&self, prompt: &str) -> String {
        let got = self.create(prompt).await;
        assert_eq!(got.status, 200, "{got:?}");
        text(&got.data()["session_id"])
    }

    pub async fn upload(&self, bytes: &[u8], key: Option<&str>) -> Got {
        let part = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name("file");
        let form = reqwest::multipart::Form::new().part("file", part);
        let request = self.request("POST", "/v3/assets").multipart(form);
        send(match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        })
        .await
    }

    /// What the sandbox itself tells.
    pub async fn told(&self, what: &str) -> Vec<Value> {
        let got = self.get(&format!("/_sandbox/{what}")).await;
        got.data().as_array().unwrap().clone()
    }

    pub async fn faults(&self, rules: Value) {
        let got = self.post("/_sandbox/faults", &rules).await;
        assert_eq!(got.status, 200, "{rules}: {got:?}");
    }

    /// Asks again until the answer is as wanted, and fails after ten seconds.
    pub async fn until(&self, path: &str, holds: impl Fn(&Got) -> bool) -> Got {
        let begun = Instant::now();
        loop {
            let got = self.get(path).await;
            if holds(&got) {
                return got;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{path}: {got:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

pub async fn send(request: RequestBuilder) -> Got {
    try_send(request).await.unwrap()
}

/// `Err` if there was no whole answer.
pub async fn try_send(request: RequestBuilder) -> Result<Got, reqwest::Error> {
    let response = request.send().await?;
    Ok(Got {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await?.to_vec(),
    })
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub fn data(&self) -> Value {
        self.json()["data"].clone()
    }

    pub fn list(&self) -> Vec<Value> {
        self.data().as_array().unwrap().clone()
    }

    pub fn code(&self) -> String {
        text(&self.json()["error"]["code"])
    }

    pub fn param(&self) -> Value {
        self.json()["error"]["param"].clone()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
