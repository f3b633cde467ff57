//! What happened at HeyGen while nobody looked.

mod support;

use reconcile::sandbox::Config;
use reconcile::state::{Phase, ReadState, open_reader};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Heygen, Project, until};

const WAIT: [&str; 3] = ["apply", "--auto-approve", "--wait"];

fn drift(project: &Project) -> Vec<String> {
    let ran = project.expect(0, &["refresh", "--format", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let changes = document["drift"].as_array().unwrap().iter();
    changes
        .map(|d| {
            format!(
                "{} {} {}",
                text(&d["name"]),
                text(&d["before"]),
                text(&d["after"])
            )
        })
        .collect()
}

#[test]
fn what_finished_failed_or_went_missing_is_recorded_and_planned_for() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_millis(300),
        ..Config::default()
    });
    let project = Project::new(Some(&heygen));
    project.set("retry: {backoff: 1ms}\n");
    project.wishes(3);
    heygen.faults(json!([{"kind": {"fail_render": {}}, "skip": 2}]));
    project.expect(0, &["apply", "--auto-approve"]);
    let failed = heygen.sessions()[2]["request"]["callback_id"].clone();
    let mut all = Vec::new();
    until("all have ended", || {
        all.extend(
            drift(&project)
                .into_iter()
                .filter(|d| !d.ends_with("rendering")),
        );
        all.len() == 3
    });
    all.sort();
    let ends: Vec<_> = all.iter().map(|d| d.rsplit(' ').next().unwrap()).collect();
    assert_eq!(
        ends.iter().filter(|e| **e == "completed").count(),
        2,
        "{all:?}"
    );
    let status = project.status();
    let of_failed = status.iter().find(|v| v["hash"] == failed).unwrap();
    assert_eq!(of_failed["phase"], "failed");
    assert_eq!(drift(&project), [""; 0]);
    assert_eq!(heygen.sessions().len(), 3);
}

#[test]
fn a_young_video_that_is_missing_is_not_taken_for_gone() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    project.expect(0, &WAIT);
    let video = project.status()[1]["video_id"].as_str().unwrap().to_owned();
    heygen.send("DELETE", &format!("/v3/videos/{video}"), Some("k"), None);
    assert_eq!(project.actions(), [""; 0], "a plan alone is offline");
    // A video that is minutes old may be missing only because reads lag.
    let ran = project.expect(0, &["plan", "--refresh", "--detailed-exitcode"]);
    assert!(ran.stdout.contains("Nothing to do"), "{ran:#?}");
    assert_eq!(heygen.count("POST", "/v3/video-agents"), 2);
}

#[test]
fn hundreds_are_asked_for_in_batches_and_a_status_nobody_listed_means_running() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_millis(1),
        max_jobs: 300,
        ..Config::default()
    });
    let project = Project::new(Some(&heygen));
    project.set("max_jobs: 120\nlimits: {max_submissions: 300}\n");
    project.wishes(120);
    project.expect(0, &WAIT);
    let before = heygen.count("GET", "/v3/videos/statuses");
    project.expect(0, &["refresh"]);
    assert_eq!(heygen.count("GET", "/v3/videos/statuses") - before, 2);
}

#[test]
fn another_account_is_not_asked() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    project.expect(0, &WAIT);
    let mut command = project.command(&["plan", "--refresh"]);
    let ran = support::Ran::from(command.env("HEYGEN_API_KEY", "x@alice").output().unwrap());
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("belongs to the account"), "{ran:#?}");
}

#[test]
fn a_superseded_video_is_stopped_only_on_request() {
    for (flag, stops) in [(None, 0), (Some("--stop-superseded"), 1)] {
        let heygen = Heygen::start(Config {
            render_time: Duration::from_secs(30),
            ..Config::default()
        });
        let project = Project::new(Some(&heygen));
        project.wish("a", "Old.");
        project.wish("b", "Both.");
        project.wish("c", "Both.");
        project.expect(0, &["apply", "--auto-approve"]);
        project.wish("a", "New.");
        project.wish("b", "Newer.");
        let mut arguments = vec!["apply", "--auto-approve"];
        arguments.extend(flag);
        let ran = project.expect(0, &arguments);
        let stopped = heygen
            .requests()
            .into_iter()
            .filter(|r| r["path"].as_str().unwrap().ends_with("/stop"));
        assert_eq!(stopped.count(), stops, "{ran:#?}");
        assert_eq!(ran.stderr.contains("which is superseded"), stops == 1);
    }
}

#[test]
fn what_no_name_has_any_more_is_asked_for_too() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_millis(900),
        ..Config::default()
    });
    let project = Project::new(Some(&heygen));
    project.wish("a", "First.");
    heygen.faults(json!([
        {"kind": "drop_after"},
        {"kind": "foreign_session"},
        {"kind": "list_lag", "ms": 60_000, "method": "POST"},
    ]));
    project.expect(0, &["apply", "--auto-approve"]);
    let ours = heygen
        .sessions()
        .into_iter()
        .find(|s| s["foreign"] == false);
    let ours = ours.unwrap()["session_id"].as_str().unwrap().to_owned();
    project.wish("a", "Second.");
    project.expect(0, &["apply", "--auto-approve"]);
    let attempt = || {
        let reader = open_reader(&project.path(".reconcile")).unwrap();
        let attempts = reader.load().unwrap().attempts.into_values().flatten();
        let mut of_ours = attempts.filter(|a| a.session_id.as_deref() == Some(&ours));
        of_ours.next()
    };
    assert_eq!(attempt(), None, "a stranger's session was adopted");
    until("ours is on record, and finished", || {
        project.expect(0, &["refresh"]);
        attempt().is_some_and(|a| a.phase == Phase::Completed)
    });
}

/// A manifest that is not selected, and not recorded yet, may wish for it all the same.
#[test]
fn what_another_manifest_wishes_is_not_stopped() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_secs(30),
        ..Config::default()
    });
    let project = Project::new(Some(&heygen));
    project.wish("a", "Old.");
    project.expect(0, &["apply", "--auto-approve"]);
    project.wish("a", "New.");
    project.wish("b", "Old.");
    project.expect(0, &["apply", "a", "--auto-approve", "--stop-superseded"]);
    assert_eq!(heygen.count("POST", "/v3/video-agents/"), 0);
    assert_eq!(project.actions(), ["b reuse paid_before"]);
}
