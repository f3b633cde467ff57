//! Killed, interrupted, two at once: nothing is paid twice and nothing is forgotten.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};

use reconcile::sandbox::Config;
use serde_json::{Value, json};
use support::{Heygen, Project, Ran, until};

const WAIT: [&str; 5] = ["apply", "--auto-approve", "--wait", "--format", "json"];
const VIDEOS: usize = 20;

fn slow() -> Heygen {
    Heygen::start(Config {
        render_time: Duration::from_millis(80),
        ..Config::default()
    })
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Everything the server made, by hash: more than one is a video paid for twice.
fn sessions_by_hash(heygen: &Heygen) -> BTreeMap<String, usize> {
    let mut by_hash = BTreeMap::new();
    for hash in heygen.callback_ids() {
        *by_hash.entry(hash).or_default() += 1;
    }
    by_hash
}

/// After a crash and another run: no hash twice, and every session is a recorded one or that of an
/// attempt that says it is unknown.
fn check(heygen: &Heygen, project: &Project, seed: u64) {
    let by_hash = sessions_by_hash(heygen);
    let twice: Vec<_> = by_hash.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "seed {seed}: paid twice: {twice:?}");
    let videos = project.status();
    assert_eq!(videos.len(), VIDEOS, "seed {seed}");
    let known: BTreeSet<_> = videos
        .iter()
        .map(|v| v["session_id"].clone().to_string())
        .collect();
    for session in heygen.sessions() {
        let hash = &session["request"]["callback_id"];
        let video = videos.iter().find(|v| v["hash"] == *hash).unwrap();
        let explained =
            known.contains(&session["session_id"].to_string()) || video["phase"] == "unknown";
        assert!(explained, "seed {seed}: forgotten: {session} {video}");
    }
    for video in &videos {
        let phase = video["phase"].as_str();
        assert!(
            matches!(phase, Some("completed" | "unknown")),
            "seed {seed}: {video}"
        );
    }
}

fn kill_after(project: &Project, delay: Duration) {
    let mut child = project.spawn(&WAIT);
    let begun = Instant::now();
    while begun.elapsed() < delay && child.try_wait().unwrap().is_none() {
        std::hint::spin_loop();
    }
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn a_kill_at_any_moment_pays_for_nothing_twice_and_forgets_nothing() {
    for seed in 0..24_u64 {
        let heygen = slow();
        let project = Project::new(Some(&heygen));
        project.wishes(VIDEOS);
        // Two kills at different depths, the second one while a killed state is being taken up.
        kill_after(&project, Duration::from_millis(8 + seed * 17));
        kill_after(&project, Duration::from_millis(30 + (seed * 37) % 200));
        let ran = project.run(&WAIT);
        assert!(matches!(ran.code, Some(0 | 1)), "seed {seed}: {ran:#?}");
        check(&heygen, &project, seed);
    }
}

#[test]
fn kills_and_faults_together_are_survived_too() {
    let faults = [
        json!("drop_before"),
        json!("drop_after"),
        json!({"drop_late_effect": {"delay_ms": 40}}),
        json!({"status_after": {"status": 500}}),
        json!("not_json"),
        json!({"rate_limit": {"retry_after": 0}}),
    ];
    for seed in 0..12_u64 {
        let heygen = Heygen::start(Config {
            render_time: Duration::from_millis(80),
            seed,
            ..Config::default()
        });
        let project = Project::new(Some(&heygen));
        project.wishes(VIDEOS);
        let rules: Vec<Value> = faults
            .iter()
            .map(|kind| json!({"kind": kind, "times": 2, "probability": 0.1}))
            .collect();
        heygen.faults(Value::Array(rules));
        kill_after(&project, Duration::from_millis(20 + seed * 23));
        project.run(&WAIT);
        heygen.faults(json!([]));
        let ran = project.run(&WAIT);
        assert!(matches!(ran.code, Some(0 | 1)), "seed {seed}: {ran:#?}");
        check(&heygen, &project, seed);
    }
}

#[test]
fn an_interrupt_finishes_what_is_under_way_and_says_so() {
    for name in ["-INT", "-TERM"] {
        let heygen = slow();
        let project = Project::new(Some(&heygen));
        project.wishes(VIDEOS);
        heygen.faults(json!([{"kind": {"silence": {"ms": 600}}, "times": 10}]));
        let child = project.spawn(&WAIT);
        until("requests are under way", || {
            heygen.count("POST", "/v3/video-agents") + heygen.sessions().len() >= 10
        });
        signal(child.id(), name);
        let ran = Ran::finish(child);
        assert_eq!(ran.code, Some(130), "{ran:#?}");
        assert_eq!(ran.summary()["submitted"], 10, "{ran:#?}");
        assert_eq!(ran.summary()["not_started"], 10);
        assert!(ran.stderr.contains("stopping: waiting for 10"), "{ran:#?}");
        project.expect(0, &WAIT);
        assert_eq!(heygen.sessions().len(), VIDEOS);
    }
}

#[test]
fn an_interrupt_before_the_first_submission_sends_nothing() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.wishes(3);
    let list = json!({"kind": {"slow": {"ms": 1_500}}, "method": "GET", "path_prefix": "/v3/video-agents", "times": null});
    heygen.faults(json!([list]));
    let child = project.spawn(&WAIT);
    until("the sessions are asked for", || {
        heygen.count("GET", "/v3/video-agents") == 1
    });
    signal(child.id(), "-INT");
    let ran = Ran::finish(child);
    assert_eq!(ran.code, Some(130), "{ran:#?}");
    assert_eq!(heygen.count("POST", "/v3/video-agents"), 0);
    heygen.faults(json!([]));
    project.expect(0, &WAIT);
    assert_eq!(heygen.sessions().len(), 3);
}

#[test]
fn a_second_interrupt_stops_at_once_and_leaves_the_outcome_unknown() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.wishes(3);
    heygen.faults(json!([{"kind": {"silence": {"ms": 20_000}}, "times": 3}]));
    let mut child = project.spawn(&WAIT);
    let mut stderr = support::stderr_of(&mut child);
    until("requests are under way", || heygen.sessions().len() == 3);
    signal(child.id(), "-INT");
    let mut said = [0; 8];
    std::io::Read::read_exact(&mut stderr, &mut said).unwrap();
    assert_eq!(&said, b"stopping");
    signal(child.id(), "-INT");
    let begun = Instant::now();
    let ran = Ran::finish(child);
    assert_eq!(ran.code, Some(130), "{ran:#?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    let settle: Vec<_> = project.actions();
    assert!(
        settle.iter().all(|a| a.ends_with("settle unsettled")),
        "{settle:?}"
    );
    assert_eq!(settle.len(), 3);
    project.run(&WAIT);
    assert_eq!(heygen.sessions().len(), 3);
}

#[test]
fn a_second_apply_waits_and_says_for_whom_and_readers_do_not() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.wishes(3);
    heygen.faults(json!([{"kind": {"silence": {"ms": 1_000}}, "times": 3}]));
    let first = project.spawn(&WAIT);
    until("the first holds the lock", || heygen.sessions().len() == 3);
    let refused = project.expect(1, &[&WAIT[..], &["--lock-timeout", "50ms"]].concat());
    assert!(
        refused.stderr.contains("`reconcile apply` (pid "),
        "{refused:#?}"
    );
    assert!(
        project
            .actions()
            .iter()
            .all(|a| a.ends_with("settle unsettled"))
    );
    let second = project.expect(0, &WAIT);
    assert!(
        second.stderr.contains("waiting for the state"),
        "{second:#?}"
    );
    assert_eq!(second.summary()["submitted"], 0);
    let first = Ran::finish(first);
    assert_eq!(first.summary()["completed"], 3);
    assert_eq!(heygen.sessions().len(), 3);
}

#[test]
fn a_dead_server_sends_nothing_and_costs_nothing() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    drop(heygen);
    let ran = project.expect(1, &WAIT);
    assert!(ran.stderr.contains("cannot connect"), "{ran:#?}");
    assert_eq!(
        project.actions(),
        ["video-00 create new", "video-01 create new"]
    );
}
