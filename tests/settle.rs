//! What becomes of an attempt whose outcome was not learned.

mod support;

use reconcile::sandbox::Config;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Heygen, Project, Ran, until};

const WAIT: [&str; 5] = ["apply", "--auto-approve", "--wait", "--format", "json"];
const APPLY: [&str; 4] = ["apply", "--auto-approve", "--format", "json"];

/// Takes long enough that nothing ends, and no event is delivered, before it is looked for.
fn slow() -> Heygen {
    Heygen::start(Config {
        render_time: Duration::from_secs(4),
        ..Config::default()
    })
}

fn posts(heygen: &Heygen) -> usize {
    heygen.count("POST", "/v3/video-agents")
}

fn ours(heygen: &Heygen) -> Vec<Value> {
    let mut sessions = heygen.sessions();
    sessions.retain(|s| s["foreign"] == false);
    sessions
}

fn settled(ran: &Ran) -> Vec<Value> {
    let mut lines = ran.lines();
    lines.retain(|line| line["type"] == "settled");
    lines
}

#[test]
fn a_lost_answer_is_found_and_what_never_arrived_is_sent_again_with_the_same_key() {
    for (fault, took_effect) in [
        (json!({"status_after": {"status": 500}}), true),
        (json!("drop_after"), true),
        (json!({"drop_late_effect": {"delay_ms": 50}}), true),
        (json!("reset_mid_answer"), true),
        (json!("not_json"), true),
        (json!({"silence": {"ms": 3_000}}), true),
        (json!({"status_before": {"status": 502}}), false),
        (json!({"status_before": {"status": 409}}), false),
        (json!({"status_before": {"status": 307}}), false),
        (json!("drop_before"), false),
        (json!("error_in_200"), false),
    ] {
        let heygen = slow();
        let project = Project::new(Some(&heygen));
        project.wishes(2);
        heygen.faults(json!([{"kind": fault}]));
        let ran = project.expect(0, &APPLY);
        let settled = settled(&ran);
        assert_eq!(settled.len(), 1, "{fault}: {ran:#?}");
        let (phase, by) = (&settled[0]["phase"], &settled[0]["adopted_by"]);
        let (sent, expected) = match took_effect {
            true => (2, (json!("submitted"), json!("prompt"))),
            false => (3, (json!("not_sent"), Value::Null)),
        };
        assert_eq!((phase, by), (&expected.0, &expected.1), "{fault}");
        assert_eq!(posts(&heygen), sent, "{fault}");
        assert_eq!(heygen.sessions().len(), 2, "{fault}");
        let keys: std::collections::BTreeSet<_> = heygen
            .requests()
            .iter()
            .filter_map(|r| r["idempotency_key"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(keys.len(), 2, "{fault}");
        assert_eq!(project.actions(), [""; 0], "{fault}");
        assert!(project.status().iter().all(|v| v["attempt"] == 1));
    }
}

#[test]
fn after_the_video_ended_an_event_proves_whose_it_is() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    heygen.faults(json!([{"kind": "drop_after"}, {"kind": "foreign_session"}]));
    let ran = project.expect(0, &WAIT);
    let settled = settled(&ran);
    assert_eq!(settled[0]["adopted_by"], "event", "{ran:#?}");
    assert_eq!(settled[0]["session_id"], ours(&heygen)[0]["session_id"]);
    assert_eq!(posts(&heygen), 1);
}

#[test]
fn several_candidates_are_left_to_a_person_who_is_told_how_to_decide() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    heygen.faults(json!([{"kind": "drop_after"}, {"kind": "foreign_session"}]));
    let ran = project.expect(1, &APPLY);
    assert_eq!(ran.summary()["unknown"], 1, "{ran:#?}");
    let unknown = ran.lines().into_iter().find(|l| l["type"] == "unknown");
    let candidates = unknown.unwrap()["candidates"].clone();
    assert_eq!(candidates.as_array().unwrap().len(), 2);
    let text = project.run(&["plan"]).stdout;
    assert!(
        text.contains("`reconcile state settle video-00` shows"),
        "{text}"
    );
    assert_eq!(posts(&heygen), 1);
}

#[test]
fn a_prompt_that_can_not_be_read_yet_is_looked_at_again() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    heygen.faults(json!([
        {"kind": "drop_after"},
        {"kind": "late_messages", "ms": 600, "method": "POST"},
    ]));
    let ran = project.expect(0, &APPLY);
    assert_eq!(settled(&ran)[0]["adopted_by"], "prompt", "{ran:#?}");
    assert_eq!(posts(&heygen), 1);
}

#[test]
fn a_list_that_fails_proves_nothing() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    let list = "/v3/video-agents";
    heygen.faults(json!([
        {"kind": "drop_before"},
        {"kind": {"status_before": {"status": 500}}, "method": "GET", "path_prefix": list, "skip": 1, "times": null},
    ]));
    let ran = project.expect(1, &APPLY);
    assert_eq!(ran.summary()["unknown"], 1, "{ran:#?}");
    assert!(ran.stdout.contains("list_unreadable"), "{ran:#?}");
    assert_eq!(posts(&heygen), 1);
    heygen.faults(json!([]));
    project.expect(0, &APPLY);
    assert_eq!((posts(&heygen), heygen.sessions().len()), (2, 1));
}

#[test]
fn an_incognito_attempt_is_never_judged_absent() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.write("videos/a.yaml", "prompt: Secret.\nincognito_mode: true\n");
    heygen.faults(json!([{"kind": "drop_before"}]));
    let ran = project.expect(1, &APPLY);
    assert!(ran.stdout.contains("\"incognito\""), "{ran:#?}");
    project.expect(1, &APPLY);
    assert_eq!((posts(&heygen), heygen.sessions().len()), (1, 0));
    heygen.faults(json!([]));
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("videos/a.yaml", "prompt: Secret.\nincognito_mode: true\n");
    heygen.faults(json!([{"kind": "drop_after"}]));
    let ran = project.expect(0, &WAIT);
    assert_eq!(settled(&ran)[0]["adopted_by"], "event", "{ran:#?}");
    assert_eq!(posts(&heygen), 1);
}

#[test]
fn the_same_prompt_waits_for_the_settling_and_goes_on_after_it() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.wish("a", "The same words.");
    project.write(
        "videos/b.yaml",
        "prompt: The   same words.\norientation: portrait\n",
    );
    project.wish("c", "Other words.");
    heygen.faults(json!([{"kind": "drop_after"}]));
    let ran = project.expect(0, &APPLY);
    let order: Vec<_> = ran
        .lines()
        .iter()
        .filter_map(|l| Some(format!("{} {}", l["type"].as_str()?, l["name"].as_str()?)))
        .collect();
    let at = |what: &str| order.iter().position(|l| l == what).unwrap();
    assert!(at("settled a") < at("submitted b"), "{order:?}");
    assert!(at("submitted c") < at("settled a"), "{order:?}");
    assert_eq!((posts(&heygen), heygen.sessions().len()), (3, 3));
}

#[test]
fn another_name_of_the_same_content_reuses_or_pays_in_its_place() {
    for (fault, sent) in [("drop_after", 1), ("drop_before", 2)] {
        let heygen = slow();
        let project = Project::new(Some(&heygen));
        project.wish("a", "Once.");
        heygen.faults(json!([{"kind": fault}]));
        project.run(&[&APPLY[..], &["--timeout", "100ms"]].concat());
        assert_eq!(posts(&heygen), 1, "{fault}");
        std::fs::rename(project.path("videos/a.yaml"), project.path("videos/b.yaml")).unwrap();
        let ran = project.expect(0, &APPLY);
        assert_eq!(
            (posts(&heygen), heygen.sessions().len()),
            (sent, 1),
            "{fault}: {ran:#?}"
        );
        let live = project.phases().into_iter().find(|(name, _)| name == "b");
        assert_eq!(live.unwrap().1, "submitted", "{fault}: {ran:#?}");
        assert!(
            project.actions().iter().all(|a| a.contains(" orphan ")),
            "{fault}"
        );
    }
}

#[test]
fn what_is_not_wished_any_more_is_settled_and_not_sent_again() {
    for (change, actions) in [
        ("edit", vec!["a update changed"]),
        ("remove", vec!["a orphan manifest_gone"]),
    ] {
        let heygen = slow();
        let project = Project::new(Some(&heygen));
        project.wish("a", "First.");
        heygen.faults(json!([{"kind": "drop_before"}]));
        project.run(&[&APPLY[..], &["--timeout", "100ms"]].concat());
        match change {
            "edit" => project.wish("a", "Second."),
            _ => std::fs::remove_file(project.path("videos/a.yaml")).unwrap(),
        }
        let ran = project.expect(0, &APPLY);
        assert_eq!(settled(&ran)[0]["phase"], "not_sent", "{ran:#?}");
        assert_eq!(
            (posts(&heygen), heygen.sessions().len()),
            (1, 0),
            "{change}"
        );
        assert_eq!(project.actions(), actions, "{change}");
    }
}

#[test]
fn an_attempt_killed_in_flight_is_settled_by_the_next_apply() {
    for fault in ["drop_before", "drop_after"] {
        let heygen = slow();
        let project = Project::new(Some(&heygen));
        project.wishes(1);
        heygen.faults(json!([{"kind": {"slow": {"ms": 150}}}, {"kind": fault}]));
        let mut child = project.spawn(&APPLY);
        until("the request is under way", || posts(&heygen) == 1);
        child.kill().unwrap();
        child.wait().unwrap();
        let phase = project.status()[0]["phase"].clone();
        assert_eq!(phase, "submitting");
        let ran = project.expect(0, &APPLY);
        assert_eq!(settled(&ran).len(), 1, "{fault}: {ran:#?}");
        assert_eq!(heygen.sessions().len(), 1, "{fault}");
    }
}

#[test]
fn after_three_unknown_outcomes_a_read_and_one_trial_come_first() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("max_jobs: 3\n");
    project.wishes(6);
    heygen.faults(json!([{"kind": "drop_after", "times": 3}]));
    let ran = project.expect(0, &WAIT);
    assert!(ran.stderr.contains("were not learned"), "{ran:#?}");
    assert_eq!((posts(&heygen), heygen.sessions().len()), (6, 6));
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("max_jobs: 3\n");
    project.wishes(9);
    heygen.faults(json!([{"kind": "drop_after", "times": null}]));
    let ran = project.run(&WAIT);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stdout.contains("too_many_unknown"), "{ran:#?}");
    assert_eq!(posts(&heygen), 6, "three, and three trials");
    heygen.faults(json!([]));
    project.expect(0, &WAIT);
    assert_eq!((posts(&heygen), heygen.sessions().len()), (9, 9));
}

#[test]
fn out_of_time_leaves_it_unknown_for_the_next_run() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    heygen.faults(json!([{"kind": "drop_after"}]));
    let ran = project.expect(1, &[&APPLY[..], &["--timeout", "150ms"]].concat());
    assert_eq!(ran.summary()["unknown"], 1);
    assert_eq!(project.actions(), ["video-00 settle unsettled"]);
    project.expect(0, &APPLY);
    assert_eq!(posts(&heygen), 1);
}

#[test]
fn an_event_overrules_an_adoption_by_prompt() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_millis(900),
        ..Config::default()
    });
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    heygen.faults(json!([
        {"kind": "drop_after"},
        {"kind": "foreign_session"},
        {"kind": "list_lag", "ms": 60_000, "method": "POST"},
    ]));
    let ran = project.expect(0, &APPLY);
    assert_eq!(settled(&ran)[0]["adopted_by"], "prompt", "{ran:#?}");
    let ours = ours(&heygen)[0]["session_id"].clone();
    assert_ne!(settled(&ran)[0]["session_id"], ours);
    until("the event is taken notice of", || {
        project.expect(0, &["refresh"]);
        project.status()[0]["session_id"] == ours
    });
    project.expect(0, &WAIT);
    assert_eq!(project.status()[0]["phase"], "completed");
    assert_eq!(project.status()[0]["session_id"], ours);
    assert_eq!(posts(&heygen), 1);
}
