//! A running `watch`: its log, its plans, its metrics, and a client that delivers webhooks.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Project, until, within};

pub const SECRET: &str = "whsec_that_must_never_be_seen";

pub struct Watcher<'p> {
    project: &'p Project,
    child: Child,
    addr: String,
    http: Http,
}

struct Http {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

/// What is delivered, and how it is signed.
pub struct Delivery {
    pub body: Vec<u8>,
    pub headers: Vec<(&'static str, String)>,
}

impl<'p> Watcher<'p> {
    /// Started, and listening.
    pub fn start(project: &'p Project, arguments: &[&str]) -> Self {
        Self::start_in(project, &[], arguments)
    }

    /// The same within a command that executes what follows it.
    pub fn start_in(project: &'p Project, wrapper: &[&str], arguments: &[&str]) -> Self {
        project.write("secret", format!("# of the endpoint\n{SECRET}\n"));
        let secret = project.path("secret");
        let listen = ["watch", "--listen", "127.0.0.1:0", "--webhook-secret-file"];
        let mut all = listen.to_vec();
        all.push(secret.to_str().unwrap());
        all.extend(arguments);
        let mut command = match wrapper {
            [] => project.command(&all),
            some => within(some, &project.command(&all)),
        };
        let output = |name: &str| Stdio::from(File::create(project.path(name)).unwrap());
        command.stdout(output("out.log")).stderr(output("err.log"));
        let mut watcher = Self {
            project,
            child: command.spawn().unwrap(),
            addr: String::new(),
            http: Http::new(),
        };
        until("it listens", || {
            watcher.addr = address(&watcher.log());
            !watcher.addr.is_empty()
        });
        watcher
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.project.path("err.log")).unwrap()
    }

    pub fn stdout(&self) -> String {
        fs::read_to_string(self.project.path("out.log")).unwrap()
    }

    /// Waits for a line of the log that holds this.
    pub fn says(&self, text: &str) {
        let begun = Instant::now();
        while !self.log().contains(text) {
            let patience = begun.elapsed() < Duration::from_secs(20);
            assert!(patience, "never said {text:?}:\n{}", self.log());
            std::thread::yield_now();
        }
    }

    /// How many plans were shown.
    pub fn plans(&self) -> usize {
        let lines = self.stdout();
        let lines = lines.lines();
        lines
            .filter(|l| l.starts_with("Plan:") || l.starts_with("Nothing to do"))
            .count()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let url = self.url(path);
        self.http.runtime.block_on(async {
            let answer = self.http.client.get(url).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    /// The value of a metric, its labels included in the name.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, page) = self.get("/metrics");
        let line = page
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {page}"))
            .parse()
            .unwrap()
    }

    pub fn options(&self, path: &str) -> u16 {
        let request = self
            .http
            .client
            .request(reqwest::Method::OPTIONS, self.url(path));
        let sent = self.http.runtime.block_on(request.send());
        sent.unwrap().status().as_u16()
    }

    pub fn deliver(&self, delivery: Delivery) -> u16 {
        let mut request = self.http.client.post(self.url("/webhooks/heygen"));
        for (name, value) in delivery.headers {
            request = request.header(name, value);
        }
        let sent = self
            .http
            .runtime
            .block_on(request.body(delivery.body).send());
        sent.unwrap().status().as_u16()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let done = Command::new("kill").args([name, &pid]).status();
        assert!(done.unwrap().success());
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Told to stop; its exit code.
    pub fn stop(mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            let patience = begun.elapsed() < Duration::from_secs(20);
            assert!(patience, "never ends: {}", self.log());
            std::thread::yield_now();
        }
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Http {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        Self {
            runtime: tokio::runtime::Runtime::new().unwrap(),
            client: client.build().unwrap(),
        }
    }
}

impl Delivery {
    /// As HeyGen tells that a session ended.
    pub fn ended(hash: &str, session_id: &str) -> Self {
        let body = json!({
            "event_id": format!("evt_{session_id}"), "event_type": "video_agent.success",
            "event_data": {"session_id": session_id, "video_id": null, "callback_id": hash},
        });
        Self::signed(&body, SECRET)
    }

    pub fn signed(body: &Value, secret: &str) -> Self {
        let body = body.to_string().into_bytes();
        let headers = vec![
            ("Heygen-Signature", sign(&body, secret)),
            ("Heygen-Timestamp", now().to_string()),
        ];
        Self { body, headers }
    }
}

pub fn sign(body: &[u8], secret: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hex::encode(mac.chain_update(body).finalize().into_bytes())
}

#[expect(clippy::disallowed_methods, reason = "a test has no edge")]
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn address(log: &str) -> String {
    let line = log.lines().find(|line| line.contains("listening for"));
    let text = line.and_then(|line| line.split("addr=").nth(1));
    let json = line.and_then(|line| serde_json::from_str::<Value>(line).ok());
    let json = json.as_ref().and_then(|line| line["addr"].as_str());
    text.or(json)
        .map_or_else(String::new, |addr| addr.trim().to_owned())
}
