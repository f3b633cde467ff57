//! What is still there after a restart, a kill, or half a line.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reconcile::sandbox::{Config, Sandbox, SandboxError};
use serde_json::json;
use tempfile::tempdir;
use tokio::io::AsyncReadExt as _;

use crate::client::{AGENTS, PNG, Sand, send, slow, text};
use crate::direct::{BEGIN, described, film, put};

fn kept(dir: &Path) -> Config {
    Config {
        data: Some(dir.to_owned()),
        lock_patience: Duration::from_millis(100),
        ..slow()
    }
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let dir = tempdir().unwrap();
    let quick = Config {
        render_time: Duration::ZERO,
        ..kept(dir.path())
    };
    let sand = Sand::start(quick).await;
    sand.faults(json!([{"kind": "fail_render", "skip": 2}]))
        .await;
    let session = sand.session("Kept").await;
    sand.session("Deleted").await;
    sand.session("Failed").await;
    let deleted = text(&sand.told("sessions").await[1]["video_id"]);
    send(sand.request("DELETE", &format!("/v3/videos/{deleted}"))).await;
    let asset = sand.upload(PNG, Some("k")).await.json();
    let hook = json!({"url": "https://example.com/hook"});
    sand.post("/v3/webhooks/endpoints", &hook).await;
    let film = film();
    let begun = sand.post(BEGIN, &described(&film)).await.data();
    send(put(&sand, &begun, &film)).await;
    let before = sand.told("sessions").await;
    drop(sand);

    // Another render time does not revive what has ended.
    let sand = Sand::start(kept(dir.path())).await;
    assert_eq!(sand.told("sessions").await, before);
    let got = sand.get(&format!("{AGENTS}/{session}")).await.data();
    let video = format!("/v3/videos/{}", text(&got["video_id"]));
    let url = text(&sand.get(&video).await.data()["video_url"]);
    assert_eq!(sand.get(&url).await.status, 200);
    assert_eq!(sand.get(&format!("/v3/videos/{deleted}")).await.status, 404);
    assert_eq!(sand.get("/v3/webhooks/endpoints").await.list().len(), 1);
    assert_eq!(sand.get("/v3/webhooks/events").await.list().len(), 3);
    let again = sand.upload(PNG, Some("k")).await;
    assert_eq!(again.data()["asset_id"], asset["data"]["asset_id"]);
    let complete = format!("/v3/assets/{}/complete", text(&begun["asset_id"]));
    assert_eq!(sand.post(&complete, &json!({})).await.status, 200);
    let log = sand.told("requests").await;
    let numbers: Vec<_> = log.iter().map(|r| r["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn half_a_line_is_as_if_it_had_never_been() {
    let dir = tempdir().unwrap();
    let sand = Sand::start(kept(dir.path())).await;
    sand.session("Whole").await;
    drop(sand);
    for name in ["journal.jsonl", "requests.jsonl"] {
        let path = dir.path().join(name);
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"{\"session\": {\"session_id\": \"se")
            .unwrap();
    }
    for count in 1..=2 {
        let sand = Sand::start(kept(dir.path())).await;
        assert_eq!(sand.told("sessions").await.len(), count);
        sand.session("Another").await;
    }
}

#[tokio::test]
async fn a_damaged_line_is_an_error_that_names_it() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("journal.jsonl"), "nonsense\n").unwrap();
    let started = Sandbox::start(([127, 0, 0, 1], 0).into(), kept(dir.path())).await;
    let error = started.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("journal.jsonl is damaged in line 1"),
        "{error}"
    );
}

#[tokio::test]
async fn a_second_sandbox_waits_for_the_first() {
    let dir = tempdir().unwrap();
    let first = Sand::start(kept(dir.path())).await;
    first.session("Of the first").await;
    let start = async |lock_patience| {
        let config = Config {
            lock_patience,
            ..kept(dir.path())
        };
        Sandbox::start(([127, 0, 0, 1], 0).into(), config).await
    };
    let refused = start(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(refused, SandboxError::InUse(_)), "{refused}");
    let ends = async {
        tokio::task::yield_now().await;
        drop(first);
    };
    let (second, ()) = tokio::join!(start(Duration::from_secs(10)), ends);
    let second = Sand::at(&second.as_ref().unwrap().url());
    assert!(second.url.starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn only_this_machine_may_ask() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let started = Sandbox::start(address.parse().unwrap(), slow()).await;
        assert!(
            matches!(started, Err(SandboxError::NotLoopback(_))),
            "{address}"
        );
    }
}

/// The sandbox as a process of its own; killed when dropped.
struct Process(Child);

impl Process {
    fn start(data: &Path) -> (Self, Sand) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_reconcile"))
            .env_clear()
            .args([
                "sandbox",
                "--listen",
                "127.0.0.1:0",
                "--render-time",
                "0s",
                "--data",
            ])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap();
        (Self(child), Sand::at(url))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let dir = tempdir().unwrap();
    let mut answered = Vec::new();
    for _ in 0..3 {
        let (process, sand) = Process::start(dir.path());
        for _ in 0..3 {
            answered.push(sand.session("Kept").await);
        }
        drop(process);
    }
    let (_process, sand) = Process::start(dir.path());
    let there = sand.told("sessions").await;
    let there: Vec<_> = there.iter().map(|s| text(&s["session_id"])).collect();
    assert_eq!(there, answered);
}

/// Nothing but the process itself makes it able to.
#[tokio::test]
async fn a_process_of_its_own_delivers_what_ended() {
    let dir = tempdir().unwrap();
    let (_process, sand) = Process::start(dir.path());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let callback_url = format!("http://{}/told", listener.local_addr().unwrap());
    let wish = json!({"prompt": "Told.", "callback_url": callback_url});
    assert_eq!(sand.post(AGENTS, &wish).await.status, 200);
    let delivered = tokio::time::timeout(Duration::from_secs(10), listener.accept());
    let (mut stream, _) = delivered.await.unwrap().unwrap();
    let mut head = [0; 10];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"POST /told");
}
