//! A project in a temporary folder, the real binary, and a sandbox to talk to.
//!
//! Every run has a clean environment, so that no test depends on the machine it runs on.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reconcile::sandbox::{Config, Sandbox};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub const KEY: &str = "hg_test_key_that_must_never_be_seen";

/// Everything as quick as the stand-in can bear.
const SETTINGS: &str = "poll_interval: 20ms\nrequest_timeout: 2s\nsettle_delay: 400ms\n";

/// A stand-in for HeyGen, listening while this lives.
pub struct Heygen {
    runtime: Runtime,
    sandbox: Sandbox,
    client: reqwest::Client,
}

impl Heygen {
    pub fn start(config: Config) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime
            .block_on(Sandbox::start(([127, 0, 0, 1], 0).into(), config))
            .unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        Self {
            runtime,
            sandbox,
            client: client.build().unwrap(),
        }
    }

    /// Renders in an instant.
    pub fn quick() -> Self {
        Self::start(Config {
            render_time: Duration::from_millis(60),
            ..Config::default()
        })
    }

    pub fn url(&self) -> String {
        self.sandbox.url()
    }

    fn get(&self, path: &str) -> Vec<Value> {
        let url = format!("{}{path}", self.url());
        let answer = self.runtime.block_on(async {
            let response = self.client.get(url).send().await.unwrap();
            response.json::<Value>().await.unwrap()
        });
        answer["data"].as_array().unwrap().clone()
    }

    /// The text at another address of this machine; empty if nobody answers.
    pub fn fetch(&self, url: &str) -> String {
        self.runtime.block_on(async {
            match self.client.get(url).send().await {
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            }
        })
    }

    /// Sends one request; returns status and body.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url()));
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json().await.unwrap())
        })
    }

    /// Every session, with the request that made it.
    pub fn sessions(&self) -> Vec<Value> {
        self.get("/_sandbox/sessions")
    }

    pub fn requests(&self) -> Vec<Value> {
        self.get("/_sandbox/requests")
    }

    /// How many requests of a method began with a path.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let matches =
            |r: &&Value| r["method"] == method && r["path"].as_str().unwrap().starts_with(path);
        self.requests().iter().filter(matches).count()
    }

    /// The `callback_id` of every session that is ours.
    pub fn callback_ids(&self) -> Vec<String> {
        let ours = self
            .sessions()
            .into_iter()
            .filter(|s| s["foreign"] == false);
        ours.map(|s| s["request"]["callback_id"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn faults(&self, rules: Value) {
        let url = format!("{}/_sandbox/faults", self.url());
        let status = self.runtime.block_on(async {
            let sent = self.client.post(url).json(&rules).send().await.unwrap();
            sent.status()
        });
        assert!(status.is_success(), "{rules}");
    }
}

/// A project directory.
pub struct Project {
    dir: TempDir,
    base: Option<String>,
}

/// What a run said and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Project {
    pub fn new(heygen: Option<&Heygen>) -> Self {
        let project = Self {
            dir: tempfile::tempdir().unwrap(),
            base: heygen.map(Heygen::url),
        };
        fs::create_dir(project.path("videos")).unwrap();
        project.write("reconcile.yaml", SETTINGS);
        project
    }

    /// Talks to another server from here on.
    pub fn move_to(&mut self, heygen: &Heygen) {
        self.base = Some(heygen.url());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// More lines for the settings; a key that is given twice is refused.
    pub fn set(&self, lines: &str) {
        self.write("reconcile.yaml", format!("{SETTINGS}{lines}"));
    }

    /// A manifest of that name with that prompt.
    pub fn wish(&self, name: &str, prompt: &str) {
        let path = format!("videos/{name}.yaml");
        self.write(&path, format!("prompt: {prompt:?}\n"));
    }

    pub fn wishes(&self, count: usize) {
        for n in 0..count {
            self.wish(&format!("video-{n:02}"), &format!("Show the number {n}."));
        }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reconcile"));
        command
            .env_clear()
            .env("HEYGEN_API_KEY", KEY)
            .arg("-C")
            .arg(self.dir.path())
            .args(arguments)
            .stdin(Stdio::null());
        if let Some(base) = &self.base {
            command.env("HEYGEN_API_BASE", base);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// Runs and expects this exit code.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:#?}");
        ran
    }

    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// The plan as JSON, whatever its exit code.
    pub fn plan(&self) -> Value {
        let ran = self.run(&["plan", "--format", "json"]);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:#?}"))
    }

    /// `name action reason` of each action.
    pub fn actions(&self) -> Vec<String> {
        let plan = self.plan();
        let actions = plan["actions"].as_array().unwrap().iter();
        actions
            .map(|a| {
                let text = |v: &Value| v.as_str().unwrap().to_owned();
                let code = text(&a["reason"]["code"]);
                format!("{} {} {code}", text(&a["name"]), text(&a["action"]))
            })
            .collect()
    }

    /// Phase of each video by name.
    pub fn phases(&self) -> Vec<(String, String)> {
        let videos = self.status();
        let text = |v: &Value| v.as_str().unwrap_or("none").to_owned();
        videos
            .iter()
            .map(|v| (text(&v["name"]), text(&v["phase"])))
            .collect()
    }

    pub fn status(&self) -> Vec<Value> {
        let ran = self.run(&["status", "--format", "json"]);
        let status: Value = serde_json::from_str(&ran.stdout).unwrap();
        status["videos"].as_array().unwrap().clone()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Ran {
    pub fn finish(child: Child) -> Self {
        Self::from(child.wait_with_output().unwrap())
    }

    /// The lines of an apply in JSON.
    pub fn lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines.map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    pub fn summary(&self) -> Value {
        self.lines().pop().unwrap()
    }
}

/// The command as the last arguments of another that executes it.
pub fn within(wrapper: &[&str], command: &Command) -> Command {
    let mut outer = Command::new(wrapper[0]);
    outer
        .args(&wrapper[1..])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            outer.env(name, value);
        }
    }
    outer.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    outer
}

/// Waits until something holds, and fails after ten seconds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never: {what}");
        std::thread::yield_now();
    }
}

/// Reads everything a child has said on stderr so far and then says.
pub fn stderr_of(child: &mut Child) -> impl Read + use<> {
    child.stderr.take().unwrap()
}

/// Copies a folder of the repository.
pub fn copy_from_repository(from: &str, to: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(from);
    copy_folder(&root, to);
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
