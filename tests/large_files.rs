//! Files over 32 MB: by direct upload, once, and never wrong bytes.

mod support;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread::JoinHandle;

use reconcile::sandbox::Config;
use serde_json::{Value, json};
use support::{Heygen, KEY, Project, Ran, until};

const WAIT: [&str; 5] = ["apply", "--auto-approve", "--wait", "--format", "json"];
const SIZE: u64 = 32_000_001;

/// A project with one wish that needs a file of so many bytes, nearly all of them a hole.
fn project(heygen: &Heygen, bytes: u64) -> Project {
    let project = Project::new(Some(heygen));
    film(&project, bytes);
    project.write("videos/a.yaml", "prompt: A.\nfiles: [{path: film.mp4}]\n");
    project
}

fn film(project: &Project, bytes: u64) {
    let mut film = File::create(project.path("videos/film.mp4")).unwrap();
    film.write_all(b"\0\0\0\x20ftypisom").unwrap();
    film.set_len(bytes).unwrap();
}

fn puts(heygen: &Heygen) -> usize {
    heygen.count("PUT", "/uploads/")
}

fn begins(heygen: &Heygen) -> usize {
    heygen.count("POST", "/v3/assets/direct-uploads")
}

/// How often an upload was completed.
fn completions(heygen: &Heygen) -> usize {
    let is_one = |r: &&Value| r["path"].as_str().unwrap().ends_with("/complete");
    heygen.requests().iter().filter(is_one).count()
}

/// Why the one video was not started.
fn refusal(ran: &Ran) -> String {
    let error = ran.lines().into_iter().find(|l| l["type"] == "error");
    let error = error.unwrap_or_else(|| panic!("{ran:?}"));
    assert_eq!(error["name"], "a");
    error["failure"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_large_file_goes_to_the_storage_once_and_the_key_does_not() {
    let heygen = Heygen::quick();
    let project = project(&heygen, SIZE);
    project.write("videos/b.yaml", "prompt: B.\nfiles: [{path: film.mp4}]\n");
    let ran = project.expect(0, &WAIT);
    assert_eq!(ran.summary()["completed"], 2);
    assert_eq!(
        (begins(&heygen), puts(&heygen), completions(&heygen)),
        (1, 1, 1)
    );
    let requests = heygen.requests();
    let put = requests.iter().find(|r| r["method"] == "PUT").unwrap();
    assert_eq!(put["bytes"], SIZE);
    assert_eq!(put["headers"]["content-type"], "video/mp4");
    for absent in ["x-api-key", "transfer-encoding", "idempotency-key"] {
        assert_eq!(put["headers"][absent], Value::Null);
    }
    assert!(!json!(requests).to_string().contains(KEY));
    for session in heygen.sessions() {
        assert_eq!(session["request"]["files"][0]["type"], "asset_id");
    }
}

#[test]
fn up_to_32_megabytes_pass_through_the_api() {
    let heygen = Heygen::quick();
    let project = project(&heygen, SIZE - 1);
    project.expect(0, &WAIT);
    assert_eq!((heygen.count("POST", "/v3/assets"), puts(&heygen)), (1, 0));
}

#[test]
fn a_cut_upload_and_a_busy_storage_are_tried_again() {
    let heygen = Heygen::quick();
    let project = project(&heygen, SIZE);
    heygen.faults(json!([
        {"kind": "cut_body", "bytes": 5_000_000},
        {"kind": "status_before", "status": 503, "path_prefix": "/uploads/"},
        {"kind": "drop_after", "path_prefix": "/v3/assets/asset"},
    ]));
    let ran = project.expect(0, &WAIT);
    assert_eq!(ran.summary()["completed"], 1);
    assert_eq!(
        (begins(&heygen), puts(&heygen), completions(&heygen)),
        (1, 3, 2)
    );
}

#[test]
fn an_expired_url_is_asked_for_again() {
    let heygen = Heygen::quick();
    let project = project(&heygen, SIZE);
    heygen.faults(json!([{"kind": "expired_url"}]));
    project.expect(0, &WAIT);
    assert_eq!(
        (begins(&heygen), puts(&heygen), completions(&heygen)),
        (2, 2, 1)
    );
}

#[test]
fn what_heygen_does_not_take_is_told_with_its_words_and_nothing_is_sent() {
    let heygen = Heygen::quick();
    let project = project(&heygen, SIZE);
    project.wish("b", "Without a file.");
    heygen.faults(json!([{"kind": "max_bytes", "bytes": 32_000_000, "times": null}]));
    let ran = project.expect(1, &WAIT);
    let refusal = refusal(&ran);
    assert!(refusal.contains("at most 32000000 bytes"), "{refusal}");
    assert_eq!(ran.summary()["completed"], 1);
    assert_eq!(ran.summary()["not_started"], 1);
    assert_eq!((puts(&heygen), heygen.sessions().len()), (0, 1));
}

#[test]
fn a_refused_asset_is_forgotten_and_made_anew_once() {
    for bytes in [8 << 20, SIZE] {
        let heygen = Heygen::quick();
        let project = project(&heygen, bytes);
        heygen.faults(json!([{"kind": {"reject": {"param": "files.0"}}}]));
        project.expect(0, &WAIT);
        let [refused, accepted] = files_sent(&heygen).try_into().unwrap();
        assert_ne!(refused, accepted);
        assert_eq!(heygen.sessions().len(), 1);
    }
}

/// `files` of every submission.
fn files_sent(heygen: &Heygen) -> Vec<Value> {
    let used = |r: &&Value| r["path"] == "/v3/video-agents" && r["method"] == "POST";
    let requests = heygen.requests();
    let bodies = requests.iter().filter(used).map(|r| {
        let body: Value = serde_json::from_str(r["body"].as_str().unwrap()).unwrap();
        body["files"].clone()
    });
    bodies.collect()
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_never_completed() {
    let heygen = Heygen::quick();
    let project = project(&heygen, SIZE);
    heygen.faults(json!([{"kind": "slow", "ms": 1_000, "path_prefix": "/v3/assets/direct"}]));
    let child = project.spawn(&WAIT);
    until("the upload has begun", || begins(&heygen) == 1);
    let path = project.path("videos/film.mp4");
    let mut film = OpenOptions::new().write(true).open(path).unwrap();
    film.seek(SeekFrom::Start(SIZE - 1)).unwrap();
    film.write_all(b"!").unwrap();
    let ran = Ran::finish(child);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(refusal(&ran).contains("changed since it was planned"));
    assert_eq!((completions(&heygen), heygen.sessions().len()), (0, 0));
    // The next plan is about the new bytes.
    project.expect(0, &WAIT);
    assert_eq!((completions(&heygen), heygen.sessions().len()), (1, 1));
}

#[test]
fn neither_an_interrupt_nor_a_timeout_waits_for_a_long_upload() {
    let heygen = Heygen::quick();
    let project = project(&heygen, SIZE);
    heygen.faults(json!([
        {"kind": "slow", "ms": 3_600_000, "path_prefix": "/uploads/", "times": null},
    ]));
    let child = project.spawn(&WAIT);
    until("the bytes are there", || puts(&heygen) == 1);
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    let ran = Ran::finish(child);
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert_eq!((completions(&heygen), heygen.sessions().len()), (0, 0));
    let ran = project.expect(3, &[&WAIT[..], &["--timeout", "1s"]].concat());
    assert_eq!(ran.summary()["not_started"], 1);
    heygen.faults(json!([]));
    project.expect(0, &WAIT);
    assert_eq!((completions(&heygen), heygen.sessions().len()), (1, 1));
}

#[test]
fn an_upload_is_recorded_before_the_next_one_begins() {
    let heygen = Heygen::quick();
    let project = project(&heygen, SIZE);
    project.write("videos/one.png", b"\x89PNG\r\n\x1a\n");
    project.write(
        "videos/a.yaml",
        "prompt: A.\nfiles: [{path: film.mp4}, {path: one.png}]\n",
    );
    let simple = json!({"kind": "slow", "ms": 3_600_000, "path_prefix": "/v3/assets", "skip": 2});
    heygen.faults(json!([simple]));
    let mut child = project.spawn(&WAIT);
    until("the second file is sent", || {
        heygen.count("POST", "/v3/assets") == 3
    });
    child.kill().unwrap();
    Ran::finish(child);
    heygen.faults(json!([]));
    project.write("videos/one.png", b"\x89PNG\r\n\x1a\nother");
    project.expect(0, &WAIT);
    assert_eq!((puts(&heygen), heygen.sessions().len()), (1, 1));
}

#[test]
fn no_file_is_larger_than_one_put_and_the_line_says_so() {
    let heygen = Heygen::quick();
    let project = project(&heygen, (5 << 30) + 1);
    let ran = project.expect(1, &["validate"]);
    assert!(ran.stderr.contains("error[file_too_large]"), "{ran:?}");
    assert!(ran.stderr.contains("videos/a.yaml:2:16"), "{ran:?}");
}

/// Answers each connection with the next of these answers, and tells what it was asked.
fn strange(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap();
            asked.push(String::from_utf8_lossy(&head[..read]).into_owned());
            let length = answer.len();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            stream.write_all((head + &answer).as_bytes()).unwrap();
        }
        asked
    });
    (url, asked)
}

#[test]
fn bytes_are_not_sent_where_others_can_read_them() {
    let me = json!({"data": {"username": "u"}}).to_string();
    let none = json!({"data": [], "has_more": false}).to_string();
    let begun = json!({"data": {
        "asset_id": "asset_1", "upload_url": "http://storage.example/put", "upload_headers": {},
        "expires_in_seconds": 60, "max_bytes": 1_u64 << 40, "status": "pending_upload",
    }});
    let (url, asked) = strange(vec![me, none.clone(), none, begun.to_string()]);
    let heygen = Heygen::start(Config::default());
    let project = project(&heygen, SIZE);
    let mut command = project.command(&WAIT);
    let ran = Ran::from(command.env("HEYGEN_API_BASE", url).output().unwrap());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(refusal(&ran).contains("not https"), "{ran:?}");
    let asked = asked.join().unwrap();
    assert!(
        asked[3].starts_with("POST /v3/assets/direct-uploads"),
        "{asked:?}"
    );
}
