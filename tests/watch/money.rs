//! It never spends by accident.

use serde_json::json;

use crate::support::{Heygen, Project, until};
use crate::watcher::Watcher;

#[test]
fn a_dry_run_shows_the_plan_and_needs_no_key() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    let watcher = Watcher::start(&project, &["--dry-run"]);
    until("it shows a plan", || {
        watcher.stdout().contains("Plan: 2 to create")
    });
    project.wish("video-03", "Another.");
    until("it shows the next", || {
        watcher.stdout().contains("Plan: 3 to create")
    });
    assert_eq!(heygen.requests().len(), 0);
    assert!(!project.path(".reconcile/journal").exists());
}

#[test]
fn an_hours_limit_stops_spending_and_a_restart_does_not_reset_it() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 50ms, max_submissions_per_hour: 3}\n");
    project.wishes(5);
    let watcher = Watcher::start(&project, &[]);
    watcher.says("watch.max_submissions_per_hour is 3");
    until("three are submitted", || heygen.sessions().len() == 3);
    until("two wait", || {
        watcher.metric("reconcile_waiting_submissions") == 2.0
    });
    watcher.kill();
    let watcher = Watcher::start(&project, &[]);
    watcher.says("watch.max_submissions_per_hour is 3");
    project.wish("video-00", "Changed.");
    until("three wait", || {
        watcher.metric("reconcile_waiting_submissions") == 3.0
    });
    assert_eq!(heygen.count("POST", "/v3/video-agents"), 3);
    until("a metric tells", || {
        watcher.metric("reconcile_paused{reason=\"hourly_limit\"}") == 1.0
    });
    assert_eq!(watcher.stop("-TERM"), Some(0));
}

#[test]
fn a_broken_manifest_keeps_its_last_video_and_holds_up_nobody() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 50ms}\n");
    project.wish("good", "Good.");
    project.wish("bad", "Bad.");
    let watcher = Watcher::start(&project, &[]);
    until("both are submitted", || heygen.sessions().len() == 2);
    project.write("videos/bad.yaml", "prompt: [\n");
    project.wish("good", "Better.");
    until("the good one is submitted", || heygen.sessions().len() == 3);
    watcher.says("videos/bad.yaml");
    until("a metric tells", || {
        watcher.metric("reconcile_manifest_problems") == 1.0
    });
    let bad = project.run(&["state", "show", "bad"]).stdout;
    assert!(bad.contains("sess_"), "{bad}");
}

/// After 401, 402 or 403 nothing is sent until `GET /v3/users/me` works again.
#[test]
fn a_refusal_pauses_until_heygen_answers_a_question_that_costs_nothing() {
    for fault in ["unauthorized", "payment_required", "forbidden"] {
        let heygen = Heygen::quick();
        let project = Project::new(Some(&heygen));
        project.set("max_jobs: 1\nwatch: {quiet: 50ms}\n");
        project.wish("first", "First.");
        let watcher = Watcher::start(&project, &[]);
        watcher.says("submitted name=first");
        let me =
            json!({"kind": fault, "method": "GET", "path_prefix": "/v3/users/me", "times": 1000});
        heygen.faults(json!([{"kind": fault, "times": 1000}, me]));
        project.wishes(2);
        watcher.says("submissions pause");
        let name = "reconcile_paused{reason=\"refused\"}";
        until("the metric says so", || watcher.metric(name) == 1.0);
        assert_eq!(watcher.get("/readyz").0, 200);
        let refused = heygen.count("POST", "/v3/video-agents");
        let asked = heygen.count("GET", "/v3/users/me");
        project.wish("another", "Another.");
        until("it asks", || heygen.count("GET", "/v3/users/me") > asked);
        assert_eq!(heygen.count("POST", "/v3/video-agents"), refused);
        heygen.faults(json!([]));
        // It asks again by itself, with backoff; a person who mended it need not wait.
        watcher.signal("-HUP");
        watcher.says("submissions go on");
        until("all are submitted", || heygen.sessions().len() == 4);
        let sent = heygen.count("POST", "/v3/video-agents");
        assert_eq!(sent, refused + 3, "{fault}");
    }
}

#[test]
fn lost_answers_are_settled_and_failures_tried_again_as_their_time_comes() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("retry: {max_attempts: 3, backoff: 300ms}\nwatch: {quiet: 50ms}\n");
    heygen.faults(json!([
        {"kind": "drop_after", "method": "POST", "times": 1},
        {"kind": "drop_before", "method": "POST", "times": 1},
        {"kind": {"fail_render": {}}, "method": "POST", "times": 1},
    ]));
    project.wishes(3);
    let watcher = Watcher::start(&project, &[]);
    let completed = "reconcile_attempts{phase=\"completed\"}";
    until("all are completed", || watcher.metric(completed) == 3.0);
    until("a metric tells", || {
        watcher.metric("reconcile_oldest_unknown_seconds") == 0.0
    });
    until("a metric tells", || {
        watcher.metric("reconcile_settled_total{result=\"adopted\"}") == 1.0
    });
    until("a metric tells", || {
        watcher.metric("reconcile_settled_total{result=\"not_sent\"}") == 1.0
    });
    // Two that took effect, one sent again after it was proven not to have, one retry.
    assert_eq!(heygen.sessions().len(), 4);
}

#[test]
fn killed_at_any_moment_it_loses_nothing_and_pays_once() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 50ms, max_submissions_per_hour: 1000}\n");
    for round in 0..12_u64 {
        let watcher = Watcher::start(&project, &[]);
        project.wish(&format!("video-{round}"), &format!("Round {round}."));
        let sent = heygen.requests().len();
        let wanted = usize::try_from(round % 6).unwrap();
        until("it is at work", || heygen.requests().len() >= sent + wanted);
        watcher.kill();
    }
    let watcher = Watcher::start(&project, &[]);
    let completed = "reconcile_attempts{phase=\"completed\"}";
    until("all are completed", || watcher.metric(completed) == 12.0);
    let mut hashes = heygen.callback_ids();
    hashes.sort();
    hashes.dedup();
    assert_eq!((hashes.len(), heygen.sessions().len()), (12, 12));
}

/// A broken moment must not let go what was held back.
#[test]
fn a_state_without_a_past_stays_held_back_when_a_manifest_breaks_and_is_mended() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 30ms}\n");
    project.wish("a", "Paid for.");
    project.expect(0, &["apply", "--auto-approve", "--wait"]);
    std::fs::remove_dir_all(project.path(".reconcile")).unwrap();
    let watcher = Watcher::start(&project, &[]);
    watcher.says("can't vouch for what was submitted");
    project.write("videos/a.yaml", "prompt: [\n");
    until("it is broken", || {
        watcher.metric("reconcile_manifest_problems") > 0.0
    });
    project.wish("a", "Paid for.");
    until("it is mended", || {
        watcher.metric("reconcile_manifest_problems") == 0.0
    });
    until("it is held back again", || {
        watcher.metric("reconcile_paused{reason=\"unproven\"}") == 1.0
    });
    assert_eq!(heygen.count("POST", "/v3/video-agents"), 1);
}
