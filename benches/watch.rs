//! `watch` over 10,000 manifests: from a save to its POST, and what it takes while nothing happens.
//!
//! Run with `cargo bench --bench watch [-- SAVES SOAK_SECONDS]` (200 saves, 60 seconds). The server is
//! the sandbox, in this process. Told against the quiet period of the same run.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use reconcile::sandbox::{Config, Sandbox};
use serde_json::{Value, json};

const MANIFESTS: usize = 10_000;
const QUIET_MS: u64 = 300;
const IDLE: Duration = Duration::from_secs(20);
const SECRET: &str = "whsec_bench";
const BAD_WEBHOOKS: usize = 10_000;

struct Bench {
    runtime: tokio::runtime::Runtime,
    sandbox: Option<Sandbox>,
    url: String,
    client: reqwest::Client,
    project: tempfile::TempDir,
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let numbers: Vec<u64> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let saves = numbers.first().copied().unwrap_or(200);
    let soak = Duration::from_secs(numbers.get(1).copied().unwrap_or(60));
    let mut bench = Bench::new();
    bench.apply();
    bench.let_time_pass();
    let watch = bench.watch();
    bench.wait_until_ready();
    bench.idle(&watch);
    bench.latency(saves);
    bench.webhooks(&watch);
    bench.checkout();
    bench.soak(&watch, soak);
    bench.anew(watch);
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("starts");
        let sandbox = start(&runtime, ([127, 0, 0, 1], 0).into());
        let bench = Self {
            url: sandbox.url(),
            runtime,
            sandbox: Some(sandbox),
            client: reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .build()
                .expect("builds"),
            project: tempfile::tempdir().expect("makes a folder"),
        };
        let settings = format!(
            "poll_interval: 1s\nmax_jobs: 1000\nlimits: {{max_submissions: 100000}}\n\
             watch: {{quiet: {QUIET_MS}ms, max_submissions_per_hour: 1000000}}\n"
        );
        fs::write(bench.root().join("reconcile.yaml"), settings).expect("writes");
        fs::write(bench.root().join("secret"), SECRET).expect("writes");
        for n in 0..MANIFESTS {
            bench.save(n, &format!("Show the number {n}."));
        }
        bench
    }

    /// Nobody makes 10,000 videos in a quarter of an hour, which is how far back each submission looks:
    /// a server in the place of the first one has forgotten them.
    fn let_time_pass(&mut self) {
        let addr = self.sandbox.take().expect("runs").addr();
        self.sandbox = Some(start(&self.runtime, addr));
    }

    fn root(&self) -> &Path {
        self.project.path()
    }

    fn save(&self, n: usize, prompt: &str) {
        let folder = self.root().join(format!("videos/f{:03}", n / 100));
        fs::create_dir_all(&folder).expect("makes a folder");
        fs::write(
            folder.join(format!("v{n:05}.yaml")),
            format!("prompt: {prompt:?}\n"),
        )
        .expect("writes");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reconcile"));
        command
            .env_clear()
            .env("HEYGEN_API_BASE", &self.url)
            .env("HEYGEN_API_KEY", "bench")
            .arg("-C")
            .arg(self.root())
            .args(arguments);
        command
    }

    fn apply(&self) {
        let begun = Instant::now();
        let done = self
            .command(&["apply", "--auto-approve", "--wait", "--format", "json"])
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&done.stdout);
        let last = said.lines().last().unwrap_or_default();
        assert!(done.status.success(), "{}: {last}", done.status);
        println!("{MANIFESTS} manifests applied in {:.1?}", begun.elapsed());
    }

    fn watch(&self) -> Child {
        let output =
            |name: &str| Stdio::from(File::create(self.root().join(name)).expect("writes"));
        let secret = self.root().join("secret");
        self.command(&["watch", "--listen", "127.0.0.1:0", "--webhook-secret-file"])
            .arg(secret)
            .stdout(output("out.log"))
            .stderr(output("err.log"))
            .spawn()
            .expect("starts")
    }

    fn address(&self) -> Option<String> {
        let log = fs::read_to_string(self.root().join("err.log")).ok()?;
        let line = log.lines().find(|line| line.contains("listening for"))?;
        Some(line.split("addr=").nth(1)?.trim().to_owned())
    }

    fn get(&self, url: String) -> Option<(u16, String)> {
        self.runtime.block_on(async {
            let answer = self.client.get(url).send().await.ok()?;
            Some((answer.status().as_u16(), answer.text().await.ok()?))
        })
    }

    fn wait_until_ready(&self) {
        let ready = || {
            let url = format!("http://{}/readyz", self.address()?);
            self.get(url).filter(|(status, _)| *status == 200)
        };
        while ready().is_none() {
            std::thread::yield_now();
        }
    }

    fn posts(&self, since: usize) -> (usize, Vec<u64>) {
        let url = format!("{}/_sandbox/requests?since={since}", &self.url);
        let (_, text) = self.get(url).expect("answers");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let all = answer["data"].as_array().expect("a list");
        let posts = all
            .iter()
            .filter(|r| r["method"] == "POST" && r["path"] == "/v3/video-agents");
        (
            all.len(),
            posts.filter_map(|r| r["time_ms"].as_u64()).collect(),
        )
    }

    fn idle(&self, watch: &Child) {
        let before = cpu(watch);
        let begun = Instant::now();
        while begun.elapsed() < IDLE {
            tokio_sleep(&self.runtime, 500);
        }
        let used = cpu(watch) - before;
        println!(
            "idle: {used:.2} s of CPU in {IDLE:.0?} = {:.4} of one core; memory {} MB, at most {} MB",
            used / IDLE.as_secs_f64(),
            status(watch, "VmRSS:") / 1_024,
            status(watch, "VmHWM:") / 1_024
        );
    }

    fn latency(&self, saves: u64) {
        let mut beyond: Vec<u64> = Vec::new();
        let (mut seen, _) = self.posts(0);
        for save in 0..saves {
            let n = usize::try_from(save * 37).expect("fits") % MANIFESTS;
            self.save(n, &format!("Show the number {n}, take {save}."));
            let saved = now_ms();
            loop {
                let (more, posts) = self.posts(seen);
                if let Some(arrived) = posts.first() {
                    seen += more;
                    beyond.push(arrived.saturating_sub(saved + QUIET_MS));
                    break;
                }
                tokio_sleep(&self.runtime, 2);
            }
            tokio_sleep(&self.runtime, 400);
        }
        beyond.sort_unstable();
        let at = |share: usize| beyond[(beyond.len() - 1) * share / 100];
        let ratio = |ms: u64| (QUIET_MS + ms) as f64 / QUIET_MS as f64;
        println!(
            "from a save to its POST ({saves} saves): the quiet period of {QUIET_MS} ms and {} ms at the median ({:.2} ×), {} ms at the 99th percentile ({:.2} ×), {} ms at most",
            at(50),
            ratio(at(50)),
            at(99),
            ratio(at(99)),
            at(100)
        );
    }

    /// Forged, stale, malformed, oversized and repeated ones, as fast as they are taken; meanwhile a
    /// save is to reach the server.
    fn webhooks(&self, watch: &Child) {
        let url = format!(
            "http://{}/webhooks/heygen",
            self.address().expect("listens")
        );
        let before = status(watch, "VmRSS:");
        let begun = Instant::now();
        let (seen, _) = self.posts(0);
        self.save(7, "Show the number 7 in a flood.");
        let saved = now_ms();
        let refused = self.runtime.block_on(async {
            let sends = (0..BAD_WEBHOOKS).map(|n| bad(&self.client, &url, n));
            let mut refused = 0;
            let mut sends =
                futures_util::StreamExt::buffer_unordered(futures_util::stream::iter(sends), 16);
            while let Some(status) = futures_util::StreamExt::next(&mut sends).await {
                refused += usize::from(status >= 400);
            }
            refused
        });
        let took = begun.elapsed();
        let arrived = loop {
            if let Some(arrived) = self.posts(seen).1.first() {
                break *arrived;
            }
        };
        println!(
            "{BAD_WEBHOOKS} webhooks in {took:.1?} = {:.0} a second: {refused} refused, the rest a valid one repeated; memory {:+} KB; a save meanwhile took the quiet period and {} ms",
            BAD_WEBHOOKS as f64 / took.as_secs_f64(),
            status(watch, "VmRSS:") as i64 - before as i64,
            arrived.saturating_sub(saved + QUIET_MS)
        );
    }

    /// What it holds after all that, against one that starts on the same record: the record of what was
    /// paid grows with each submission, nothing else may.
    fn anew(&self, mut watch: Child) {
        let settled = |watch: &Child| {
            self.until_idle(watch);
            status(watch, "VmRSS:") as f64 / 1_024.0
        };
        let end = |watch: &mut Child| {
            watch.kill().expect("ends");
            watch.wait().expect("ends");
        };
        let before = settled(&watch);
        end(&mut watch);
        let mut watch = self.watch();
        self.wait_until_ready();
        let after = settled(&watch);
        end(&mut watch);
        println!(
            "left alone after that: {before:.0} MB, started anew on the same record: {after:.0} MB ({:.2} ×)",
            before / after
        );
    }

    /// Lost answers are settled and failures tried again first. After a long soak some stay open: more
    /// sessions were made in a quarter of an hour than are looked through for one.
    fn until_idle(&self, watch: &Child) {
        for _ in 0..12 {
            let before = cpu(watch);
            tokio_sleep(&self.runtime, 15_000);
            if cpu(watch) - before < 0.1 {
                return;
            }
        }
    }

    /// Half of all manifests change at once.
    fn checkout(&self) {
        let plans = || {
            fs::read_to_string(self.root().join("out.log"))
                .expect("reads")
                .matches("\nPlan: ")
                .count()
        };
        let (seen, _) = self.posts(0);
        tokio_sleep(&self.runtime, 3_000);
        let before = plans();
        let begun = Instant::now();
        for n in 0..MANIFESTS / 2 {
            self.save(n, &format!("Show the number {n}, checked out."));
        }
        let written = begun.elapsed();
        while self.posts(seen).1.len() < MANIFESTS / 2 {
            tokio_sleep(&self.runtime, 200);
        }
        println!(
            "{} manifests written in {written:.1?}: {} plan(s) with submissions, all submitted after {:.1?}",
            MANIFESTS / 2,
            plans() - before,
            begun.elapsed()
        );
        tokio_sleep(&self.runtime, 3_000);
    }

    /// Each of the ways in which a server fails, one after the other.
    fn break_something(&self, nth: usize) {
        let rules = [
            json!({"kind": "drop_after"}),
            json!({"kind": "rate_limit", "retry_after": 1}),
            json!({"kind": {"status_after": {"status": 500}}}),
            json!({"kind": "drop_before", "method": "GET", "path_prefix": "/v3"}),
            json!({"kind": "fail_render"}),
            json!({"kind": "not_json", "method": "GET", "path_prefix": "/v3"}),
            json!({"kind": "drop_before"}),
        ];
        let sent = self
            .client
            .post(format!("{}/_sandbox/faults", self.url))
            .json(&json!([rules[nth % rules.len()]]))
            .send();
        let answer = self.runtime.block_on(sent).expect("answers");
        assert!(answer.status().is_success(), "a rule is refused");
    }

    /// Edits, renames, removals, faults and webhooks without end; what it holds is told at intervals.
    fn soak(&self, watch: &Child, length: Duration) {
        let url = format!(
            "http://{}/webhooks/heygen",
            self.address().expect("listens")
        );
        let begun = Instant::now();
        let mut told = String::new();
        let (mut edits, mut next) = (0_usize, Duration::ZERO);
        while begun.elapsed() < length {
            let n = edits * 13 % MANIFESTS;
            self.save(n, &format!("Show the number {n}, soaked {}.", edits % 500));
            if edits % 5 == 0 {
                let folder = self.root().join("videos/f000");
                let (from, to) = (folder.join("v00001.yaml"), folder.join("moved.yaml"));
                let _ = fs::rename(&from, &to).or_else(|_| fs::rename(&to, &from));
            }
            if edits % 20 == 0 {
                self.break_something(edits / 20);
            }
            self.runtime.block_on(bad(&self.client, &url, edits));
            edits += 1;
            tokio_sleep(&self.runtime, 100);
            if begun.elapsed() >= next {
                next += length / 8;
                let _ = write!(
                    told,
                    "\n  {:>4} s: {} MB, {} descriptors, state {} MB, {edits} edits",
                    begun.elapsed().as_secs(),
                    status(watch, "VmRSS:") / 1_024,
                    descriptors(watch),
                    size(&self.root().join(".reconcile")) >> 20
                );
            }
        }
        println!("soak of {length:.0?}:{told}");
    }
}

fn start(runtime: &tokio::runtime::Runtime, addr: std::net::SocketAddr) -> Sandbox {
    let config = || Config {
        render_time: Duration::from_millis(50),
        max_jobs: 1_000,
        balance_usd: 1e9,
        ..Config::default()
    };
    loop {
        // The one before may only just be letting go of the address.
        if let Ok(sandbox) = runtime.block_on(Sandbox::start(addr, config())) {
            return sandbox;
        }
    }
}

async fn bad(client: &reqwest::Client, url: &str, n: usize) -> u16 {
    let body = json!({"event_type": "video_agent.success", "event_data": {}}).to_string();
    let (body, signature, time) = match n % 5 {
        0 => (body.clone(), "00".repeat(32), now_ms() / 1_000),
        1 => (body.clone(), sign(&body), 1_000),
        2 => ("{".repeat(50), sign(&"{".repeat(50)), now_ms() / 1_000),
        3 => (" ".repeat(70_000), sign(&body), now_ms() / 1_000),
        _ => (body.clone(), sign(&body), now_ms() / 1_000),
    };
    let request = client
        .post(url)
        .header("Heygen-Signature", signature)
        .header("Heygen-Timestamp", time.to_string());
    let sent = request.body(body).send().await;
    sent.map_or(499, |answer| answer.status().as_u16())
}

fn sign(body: &str) -> String {
    let mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    hex::encode(mac.chain_update(body).finalize().into_bytes())
}

fn tokio_sleep(runtime: &tokio::runtime::Runtime, ms: u64) {
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(ms)).await });
}

#[expect(clippy::disallowed_methods, reason = "a benchmark has no edge")]
fn now_ms() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    u64::try_from(now.as_millis()).expect("fits")
}

/// Seconds of CPU a process used; `/proc` counts hundredths.
fn cpu(child: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("lives");
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .expect("fields")
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11..13]
        .iter()
        .map(|n| n.parse::<f64>().expect("a number"))
        .sum();
    ticks / 100.0
}

/// Kilobytes.
fn status(child: &Child, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("lives");
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix(field))
        .expect("is there");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

fn descriptors(child: &Child) -> usize {
    fs::read_dir(format!("/proc/{}/fd", child.id()))
        .expect("lives")
        .count()
}

fn size(path: &Path) -> u64 {
    let Ok(metadata) = path.symlink_metadata() else {
        return 0;
    };
    match fs::read_dir(path) {
        Ok(entries) if metadata.is_dir() => entries.flatten().map(|e| size(&e.path())).sum(),
        _ => metadata.len(),
    }
}
