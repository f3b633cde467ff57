//! `reconcile webhook` through the front door, and what the stand-in delivers.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use support::{Heygen, Project, until};

const URL: &str = "https://videos.example.com/webhooks/heygen";

fn endpoints(heygen: &Heygen) -> Vec<Value> {
    let (_, answer) = heygen.send("GET", "/v3/webhooks/endpoints", Some("any"), None);
    answer["data"].as_array().unwrap().clone()
}

fn secret(project: &Project) -> String {
    let text = fs::read_to_string(project.path(".reconcile/webhook-secret")).unwrap();
    let line = text.lines().find(|l| !l.starts_with('#'));
    line.unwrap().to_owned()
}

#[test]
fn the_secret_is_stored_for_its_owner_alone_and_never_shown() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let ran = project.expect(0, &["webhook", "register", URL, "-vv"]);
    let secret = secret(&project);
    assert!(secret.starts_with("whsec_"));
    assert!(!format!("{ran:?}").contains(&secret), "{ran:#?}");
    let mode = fs::metadata(project.path(".reconcile/webhook-secret"));
    assert_eq!(mode.unwrap().permissions().mode() & 0o777, 0o600);
    let folder = fs::metadata(project.path(".reconcile"));
    assert_eq!(folder.unwrap().permissions().mode() & 0o777, 0o700);
    let left: Vec<_> = fs::read_dir(project.path(".reconcile"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".new") || name.contains(".pending"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(heygen.count("POST", "/v3/video-agents"), 0);
}

#[test]
fn a_secret_that_can_not_be_stored_is_not_asked_for() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("folder/file", "x");
    for place in ["missing/secret", "folder", "folder/file/secret"] {
        let ran = project.run(&[
            "webhook",
            "register",
            URL,
            "--secret-file",
            project.path(place).to_str().unwrap(),
        ]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        assert!(ran.stderr.contains("nothing was registered"), "{ran:#?}");
    }
    assert_eq!(heygen.count("POST", "/v3/webhooks"), 0);
}

#[test]
fn a_link_beside_the_secret_is_not_followed() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("precious", "precious");
    let file = project.path("secret");
    symlink(project.path("precious"), project.path("secret.new")).unwrap();
    project.expect(
        0,
        &[
            "webhook",
            "register",
            URL,
            "--secret-file",
            file.to_str().unwrap(),
        ],
    );
    assert_eq!(
        fs::read_to_string(project.path("precious")).unwrap(),
        "precious"
    );
}

#[test]
fn a_lost_answer_registers_once_and_the_secret_is_had_after_all() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    heygen.faults(json!([{"kind": "drop_after", "method": "POST", "path_prefix": "/v3/webhooks"}]));
    let lost = project.expect(1, &["webhook", "register", URL]);
    assert!(
        lost.stderr.contains("run the same command again"),
        "{lost:#?}"
    );
    project.expect(0, &["webhook", "register", URL]);
    assert_eq!(endpoints(&heygen).len(), 1);
    assert!(secret(&project).starts_with("whsec_"));
}

/// A 500 may have had its effect, as a lost connection may.
#[test]
fn an_error_after_the_effect_registers_once() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    heygen.faults(json!([{
        "kind": {"status_after": {"status": 500}}, "method": "POST", "path_prefix": "/v3/webhooks",
    }]));
    let failed = project.expect(1, &["webhook", "register", URL]);
    assert!(
        failed.stderr.contains("run the same command again"),
        "{failed:#?}"
    );
    project.expect(0, &["webhook", "register", URL]);
    assert_eq!(endpoints(&heygen).len(), 1);
}

#[test]
fn another_registration_keeps_the_secret_before_it() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.expect(0, &["webhook", "register", URL]);
    let first = secret(&project);
    project.expect(0, &["webhook", "register", URL]);
    let both = fs::read_to_string(project.path(".reconcile/webhook-secret")).unwrap();
    let secrets: Vec<_> = both.lines().filter(|l| !l.starts_with('#')).collect();
    assert_eq!(secrets.len(), 2);
    assert_ne!(secrets[0], first);
    assert_eq!(secrets[1], first);
    assert_eq!(endpoints(&heygen).len(), 2);
}

#[test]
fn only_what_heygen_can_reach_is_registered() {
    let project = Project::new(None);
    for url in [
        "http://videos.example.com/",
        "videos",
        "https://me:pw@videos.example.com/",
    ] {
        let ran = project.expect(64, &["webhook", "register", url]);
        assert!(
            ran.stderr
                .contains("https://videos.example.com/webhooks/heygen"),
            "{ran:#?}"
        );
    }
}

#[test]
fn endpoints_are_listed_and_deleted() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let none = project.expect(0, &["webhook", "list"]);
    assert_eq!(none.stdout, "No endpoint is registered.\n");
    project.expect(0, &["webhook", "register", URL]);
    let listed = project.expect(0, &["webhook", "list", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let endpoint = &listed["endpoints"][0];
    assert_eq!(endpoint["url"], URL);
    assert_eq!(
        endpoint["events"],
        json!(["video_agent.success", "video_agent.fail"])
    );
    assert!(endpoint.get("secret").is_none());
    let id = endpoint["endpoint_id"].as_str().unwrap();
    project.expect(64, &["webhook", "delete", id]);
    project.expect(0, &["webhook", "delete", id, "--auto-approve"]);
    assert!(endpoints(&heygen).is_empty());
    let gone = project.expect(1, &["webhook", "delete", id, "--auto-approve"]);
    assert!(gone.stderr.contains("webhook list"), "{gone:#?}");
}

#[test]
fn what_heygen_calls_an_endpoint_can_not_drive_the_terminal() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let evil = json!({"url": "https://evil.example/\u{1b}[2J", "events": ["a\u{7}b"]});
    heygen.send("POST", "/v3/webhooks/endpoints", Some("any"), Some(evil));
    let listed = project.expect(0, &["webhook", "list"]);
    assert!(!listed.stdout.contains(['\u{1b}', '\u{7}']), "{listed:#?}");
}

/// The stand-in delivers as HeyGen does; the signature is computed here on its own.
#[test]
fn the_stand_in_delivers_signed_events_and_again_until_they_are_taken() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    project.expect(0, &["webhook", "register", &url]);
    project.wishes(1);
    project.expect(0, &["apply", "--auto-approve"]);
    let first = receive(&listener, "503 Service Unavailable");
    let (head, body) = receive(&listener, "200 OK");
    assert_eq!(first.1, body);
    let header = |name: &str| {
        let line = head
            .iter()
            .find(|l| l.to_lowercase().starts_with(&format!("{name}:")));
        line.unwrap().split_once(':').unwrap().1.trim().to_owned()
    };
    let mac = Hmac::<Sha256>::new_from_slice(secret(&project).as_bytes()).unwrap();
    let signature = hex::encode(mac.chain_update(&body).finalize().into_bytes());
    assert_eq!(header("heygen-signature"), signature);
    assert!(header("heygen-timestamp").parse::<u64>().is_ok());
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        header("heygen-event-id"),
        event["event_id"].as_str().unwrap()
    );
    assert_eq!(event["event_type"], "video_agent.success");
    assert_eq!(
        event["event_data"]["callback_id"],
        heygen.sessions()[0]["callback_id"]
    );
}

fn receive(listener: &TcpListener, answer: &str) -> (Vec<String>, Vec<u8>) {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    until("it is delivered", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (mut stream, _) = accepted.unwrap();
    stream.set_nonblocking(false).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let length = head.iter().find_map(|l| {
        l.to_lowercase()
            .strip_prefix("content-length:")
            .map(|n| n.trim().parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    write!(
        stream,
        "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    (head, body)
}
