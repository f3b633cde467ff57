//! 300 submissions through 10 slots, told as a ratio against the ideal: every slot always busy.
//!
//! Run with `cargo bench --bench throughput`. The server is the sandbox, in this process, with
//! 0.2 s from accepted to finished.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use reconcile::sandbox::{Config, Sandbox};
use serde_json::Value;

const VIDEOS: u32 = 300;
const SLOTS: u32 = 10;
const RENDER: Duration = Duration::from_millis(200);

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().expect("starts");
    let config = Config {
        render_time: RENDER,
        render_jitter: 0.0,
        max_jobs: SLOTS as usize,
        ..Config::default()
    };
    let listen = ([127, 0, 0, 1], 0).into();
    let sandbox = runtime
        .block_on(Sandbox::start(listen, config))
        .expect("listens");
    let project = tempfile::tempdir().expect("makes a folder");
    let root = project.path();
    fs::create_dir(root.join("videos")).expect("makes a folder");
    fs::write(root.join("reconcile.yaml"), "poll_interval: 15ms\n").expect("writes");
    for n in 0..VIDEOS {
        let text = format!("prompt: Show the number {n}.\n");
        fs::write(root.join(format!("videos/v{n:03}.yaml")), text).expect("writes");
    }
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_reconcile"))
        .env_clear()
        .env("HEYGEN_API_BASE", sandbox.url())
        .env("HEYGEN_API_KEY", "bench")
        .arg("-C")
        .arg(root)
        .args(["apply", "--auto-approve", "--wait", "--format", "json"])
        .args(["--max-submissions", "300"])
        .output()
        .expect("runs");
    let took = begun.elapsed();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let requests = requests(&runtime, &sandbox.url());
    let ideal = RENDER * (VIDEOS / SLOTS);
    let refused = requests.iter().filter(|r| r["status"] == 429).count();
    println!(
        "{VIDEOS} submissions: {took:.2?} = {:.3} × ideal ({ideal:.2?}), {:.2} requests a video, {refused} refused with 429",
        took.as_secs_f64() / ideal.as_secs_f64(),
        f64::from(u32::try_from(requests.len()).unwrap_or(u32::MAX)) / f64::from(VIDEOS),
    );
}

fn requests(runtime: &tokio::runtime::Runtime, url: &str) -> Vec<Value> {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    let client = client.build().expect("builds");
    let answer: Value = runtime.block_on(async {
        let response = client.get(format!("{url}/_sandbox/requests")).send().await;
        response.expect("answers").json().await.expect("is JSON")
    });
    answer["data"].as_array().cloned().unwrap_or_default()
}
