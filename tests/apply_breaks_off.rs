//! An apply that its state breaks off: nothing more is sent, every answer that is still to come is
//! recorded or told, and the summary says what is on record.
//!
//! A full disk needs the right to mount; it is skipped without, unless `RECONCILE_TEST_REQUIRE_ALL`
//! is set.

#[path = "support/small.rs"]
mod small;
mod support;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use reconcile::sandbox::Config;
use serde_json::{Value, json};
use small::Small;
use support::{Heygen, KEY, Project, Ran, until};

const APPLY: [&str; 2] = ["apply", "--auto-approve"];
const JSON: [&str; 4] = ["apply", "--auto-approve", "--format", "json"];

#[test]
fn a_disk_that_fills_stops_sending_and_loses_no_answer() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_millis(60),
        ..Config::default()
    });
    for size in ["160k", "200k", "240k", "280k", "360k", "440k"] {
        let project = Project::new(Some(&heygen));
        for n in 0..12 {
            project.wish(&format!("v{n:02}"), &format!("On {size}, number {n}."));
        }
        let state = project.path(".reconcile");
        fs::create_dir(&state).unwrap();
        let Some(_small) = Small::mount(&state, size) else {
            return;
        };
        let before = heygen.sessions().len();
        let ran = project.run(&JSON);
        assert!(!ran.stdout.contains("unrecorded"), "{size}: {ran:#?}");
        assert!(!ran.stderr.contains("panicked"), "{size}: {ran:#?}");
        let made = heygen.sessions().len() - before;
        let recorded = project.status();
        let known = recorded
            .iter()
            .filter(|v| v["session_id"].is_string())
            .count();
        assert_eq!(known, made, "{size}: {ran:#?}");
        let summary = ran.summary();
        assert_eq!(summary["type"], "summary", "{size}: {ran:#?}");
        assert_eq!(summary["submitted"], made, "{size}: {ran:#?}");
        assert_eq!(summary["unknown"], 0, "{size}: {ran:#?}");
        assert_eq!(summary["not_started"], 12 - made, "{size}: {ran:#?}");
        if made < 12 {
            assert_eq!(ran.code, Some(1), "{size}: {ran:#?}");
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(said.contains("No space left"), "{size}: {ran:#?}");
        }
    }
}

/// Six wishes, four at a time; the answers to the third and the fourth come when the journal was
/// written to by something else. The journal is put right again in the end.
fn broken_off(heygen: &Heygen, arguments: &[&str]) -> (Project, Ran) {
    let project = Project::new(Some(heygen));
    project.write("reconcile.yaml", "max_jobs: 4\npoll_interval: 20ms\n");
    for n in 0..6 {
        project.wish(&format!("v{n}"), &format!("Number {n}, {arguments:?}."));
    }
    let before = heygen.sessions().len();
    heygen.faults(json!([{"kind": "silence", "ms": 5000, "skip": 2, "times": 2}]));
    let child = project.spawn(arguments);
    until("two answers are recorded", || {
        let known = |video: &Value| video["session_id"].is_string();
        let all_sent = heygen.sessions().len() - before == 4;
        all_sent && project.status().iter().filter(|v| known(v)).count() == 2
    });
    let journal = project.path(".reconcile/journal");
    let length = fs::metadata(&journal).unwrap().len();
    let file = OpenOptions::new().append(true).open(&journal);
    file.unwrap().write_all(b"not ours\n").unwrap();
    let ran = Ran::finish(child);
    let file = OpenOptions::new().write(true).open(&journal).unwrap();
    file.set_len(length).unwrap();
    (project, ran)
}

fn phases(project: &Project) -> Vec<String> {
    let phases = project.phases().into_iter().map(|(_, phase)| phase);
    phases.collect()
}

#[test]
fn the_summary_of_what_broke_off_is_what_is_on_record() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_secs(3600),
        ..Config::default()
    });
    let (project, ran) = broken_off(&heygen, &JSON);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stderr.contains("something else has written to it"));
    let counts = json!({
        "type": "summary", "submitted": 2, "unknown": 2, "not_started": 2, "reused": 0,
        "moved": 0, "settled": 0, "completed": 0, "failed": 0, "rejected": 0, "deleted": 0,
    });
    let mut summary = ran.summary();
    summary
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !counts[key].is_null());
    assert_eq!(summary, counts, "{ran:#?}");
    let mut phases = phases(&project);
    phases.sort();
    let recorded = [
        "none",
        "none",
        "submitted",
        "submitted",
        "submitting",
        "submitting",
    ];
    assert_eq!(phases, recorded);
    let lines = ran.lines();
    let told = lines
        .iter()
        .filter(|line| line["failure"]["code"] == "unrecorded");
    let told: Vec<_> = told
        .map(|line| line["failure"]["message"].to_string())
        .collect();
    for session in &heygen.sessions()[2..] {
        let id = session["session_id"].as_str().unwrap();
        assert!(told.iter().any(|text| text.contains(id)), "{id}: {told:?}");
    }
    assert_eq!(told.len(), 2);
}

#[test]
fn people_get_the_summary_of_what_broke_off_too() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_secs(3600),
        ..Config::default()
    });
    let (_, ran) = broken_off(&heygen, &APPLY);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let last = ran.stdout.lines().last();
    assert_eq!(
        last,
        Some("Applied: 2 submitted, 2 unknown, 2 not started."),
        "{ran:#?}"
    );
}

#[test]
fn what_ends_before_anything_is_sent_has_a_summary() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "A.");
    project.wish("b", "B.");
    project.expect(0, &APPLY);
    project.wish("a", "Another.");
    fs::remove_file(project.path("videos/b.yaml")).unwrap();
    for (name, prompt) in [("new", "C."), ("moved", "B."), ("reused", "A.")] {
        project.wish(name, prompt);
    }
    let kinds = project.plan()["summary"].clone();
    assert_eq!((&kinds["move"], &kinds["reuse"]), (&json!(1), &json!(1)));
    let mut command = project.command(&JSON);
    let ran = Ran::from(
        command
            .env("HEYGEN_API_KEY", format!("{KEY}@other"))
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stderr.contains("belongs to the account"), "{ran:#?}");
    let summary = ran.summary();
    let counts = [
        &summary["type"],
        &summary["submitted"],
        &summary["not_started"],
    ];
    assert_eq!(
        counts,
        [&json!("summary"), &json!(0), &json!(4)],
        "{ran:#?}"
    );
}
