//! Connections that break, links that expire or lead astray.

use std::fs;

use serde_json::{Value, json};

use crate::films::{film, whose};
use crate::support::Ran;
use crate::{all_whole, file_requests, files, finished, heygen, hidden, made, of_type, prompt};

fn ranges(requests: &[Value]) -> Vec<Option<&str>> {
    requests
        .iter()
        .map(|r| r["headers"]["range"].as_str())
        .collect()
}

fn code(ran: &Ran) -> String {
    let lines = ran.lines();
    of_type(&lines, "error")[0]["failure"]["code"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_cut_connection_goes_on_where_it_broke() {
    let heygen = heygen();
    let project = finished(&heygen, &["a"]);
    heygen.faults(json!([{"kind": "cut_file", "at": 9_000}]));
    project.expect(0, &["download"]);
    let requests = file_requests(&heygen);
    assert_eq!(ranges(&requests), [None, Some("bytes=9000-")]);
    assert!(requests[1]["headers"]["if-range"].is_string());
    assert_eq!(
        heygen.count("GET", "/v3/videos/vid"),
        2,
        "one for the end, one for the link"
    );
    let mark = format!("{}/video.mp4", made(&heygen)[&prompt(0, "a")]);
    let found = files(&project.path("downloads"));
    assert_eq!(whose(&found["a.mp4"]), Some(mark));
}

#[test]
fn an_expired_link_is_replaced_in_the_middle() {
    let heygen = heygen();
    let project = finished(&heygen, &["a"]);
    let expired = json!({"kind": "forbidden", "method": "GET", "path_prefix": "/files/"});
    heygen.faults(json!([{"kind": "cut_file", "at": 5_000}, expired]));
    project.expect(0, &["download"]);
    let requests = file_requests(&heygen);
    assert_eq!(
        ranges(&requests),
        [None, Some("bytes=5000-"), Some("bytes=5000-")]
    );
    assert_eq!(heygen.count("GET", "/v3/videos/vid"), 3);
    all_whole(&files(&project.path("downloads")));
}

#[test]
fn a_server_without_ranges_gives_it_whole_again() {
    let heygen = heygen();
    let project = finished(&heygen, &["a"]);
    heygen.faults(json!([
        {"kind": "cut_file", "at": 9_000},
        {"kind": "no_ranges", "times": null}
    ]));
    project.expect(0, &["download"]);
    all_whole(&files(&project.path("downloads")));
}

#[test]
fn the_next_process_goes_on_and_a_strange_part_is_begun_again() {
    let heygen = heygen();
    let project = finished(&heygen, &["a", "b"]);
    let gone =
        json!({"kind": "drop_before", "method": "GET", "path_prefix": "/files/", "times": null});
    heygen.faults(json!([{"kind": "cut_file", "at": 7_000}, gone]));
    let ran = project.expect(1, &["download", "a", "--format", "json"]);
    assert_eq!(code(&ran), "network");
    let found = files(&project.path("downloads"));
    assert!(!found.contains_key("a.mp4"));
    let made = made(&heygen);
    let of = |n, name| film(&made[&prompt(n, name)], "video.mp4");
    let (of_a, of_b) = (of(0, "a"), of(1, "b"));
    let part_of_a = found[".a.mp4.reconcile-part"].clone();
    assert!(part_of_a == of_a[..7_000]);
    let note_of_a = &found[".a.mp4.reconcile-note"];
    let mut note_of_a: Value = serde_json::from_slice(note_of_a).unwrap();
    // As of a server without tags: nothing else tells one film from another of its length.
    note_of_a["etag"] = Value::Null;
    let note_of_a = note_of_a.to_string();
    heygen.faults(json!([]));
    let before = file_requests(&heygen).len();
    project.expect(0, &["download", "a"]);
    assert_eq!(
        ranges(&file_requests(&heygen)[before..]),
        [Some("bytes=7000-")]
    );
    assert!(files(&project.path("downloads"))["a.mp4"] == of_a);

    let other = r#"{"of": "another film", "etag": null, "length": 30000, "synced": 30000}"#;
    for (part, note) in [
        (part_of_a, note_of_a.as_str()),
        (vec![7; 30_000], other),
        (vec![7; of_b.len()], "half a no"),
        (Vec::new(), ""),
    ] {
        let _ = fs::remove_file(project.path("downloads/b.mp4"));
        project.write("downloads/.b.mp4.reconcile-part", part);
        project.write("downloads/.b.mp4.reconcile-note", note);
        project.expect(0, &["download", "b"]);
        let found = files(&project.path("downloads"));
        assert!(
            found["b.mp4"] == of_b && hidden(&found).is_empty(),
            "{note}"
        );
    }
}

#[test]
fn a_link_that_leads_astray_is_not_followed() {
    let heygen = heygen();
    let project = finished(&heygen, &["a"]);
    for to in [
        "http://192.0.2.1/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "https://",
    ] {
        heygen.faults(json!([{"kind": "redirect", "to": to}]));
        let ran = project.expect(1, &["download", "--format", "json"]);
        assert_eq!(code(&ran), "link_refused", "{to}");
    }
    let before = file_requests(&heygen).len();
    heygen.faults(json!([{"kind": "redirect", "to": "/files/round/and-round", "times": null}]));
    assert_eq!(
        code(&project.expect(1, &["download", "--format", "json"])),
        "link_refused"
    );
    assert_eq!(file_requests(&heygen).len() - before, 6);
    let found = files(&project.path("downloads"));
    assert!(hidden(&found).is_empty() && !found.contains_key("a.mp4"));
}

#[test]
fn a_length_that_stays_wrong_never_makes_a_film() {
    let heygen = heygen();
    let project = finished(&heygen, &["a"]);
    heygen.faults(json!([{"kind": "wrong_length", "more": 100, "times": null}]));
    let ran = project.expect(1, &["download", "-q"]);
    assert!(ran.stderr.contains("failed a"), "{ran:?}");
    assert!(!files(&project.path("downloads")).contains_key("a.mp4"));
    heygen.faults(json!([]));
    project.expect(0, &["download"]);
    all_whole(&files(&project.path("downloads")));
}

#[test]
fn another_account_is_refused_before_anything_is_fetched() {
    let heygen = heygen();
    let project = finished(&heygen, &["a"]);
    let mut command = project.command(&["download"]);
    let ran = Ran::from(command.env("HEYGEN_API_KEY", "key@other").output().unwrap());
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("belongs to the account"), "{ran:?}");
    assert_eq!(file_requests(&heygen).len(), 0);
}
