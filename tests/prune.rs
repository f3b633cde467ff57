//! Deleting what no manifest wishes for any more: only on request, and never what somebody shows.

mod support;

use reconcile::sandbox::Config;
use serde_json::json;
use std::time::Duration;
use support::{Heygen, Project};

const WAIT: [&str; 3] = ["apply", "--auto-approve", "--wait"];
const PRUNE: [&str; 6] = [
    "apply",
    "--auto-approve",
    "--wait",
    "--prune",
    "--format",
    "json",
];

fn deletes(heygen: &Heygen) -> usize {
    heygen.count("DELETE", "/v3/videos/")
}

fn remove(project: &Project, name: &str) {
    std::fs::remove_file(project.path(&format!("videos/{name}.yaml"))).unwrap();
}

fn planned(project: &Project) -> Vec<String> {
    let ran = project.run(&["plan", "--prune", "--format", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let actions = plan["actions"].as_array().unwrap().iter();
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    actions
        .map(|a| {
            format!(
                "{} {} {}",
                text(&a["name"]),
                text(&a["action"]),
                text(&a["reason"]["code"])
            )
        })
        .collect()
}

#[test]
fn what_has_no_manifest_is_deleted_on_request_only_and_its_history_stays() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(3);
    project.expect(0, &WAIT);
    remove(&project, "video-01");
    project.expect(0, &WAIT);
    assert_eq!(deletes(&heygen), 0);
    assert_eq!(planned(&project), ["video-01 delete pruned"]);
    let ran = project.expect(0, &PRUNE);
    assert_eq!(
        (ran.summary()["deleted"].clone(), deletes(&heygen)),
        (json!(1), 1),
        "{ran:#?}"
    );
    assert_eq!(planned(&project), [""; 0]);
    assert_eq!(project.status().len(), 2);
    let named = project.expect(0, &["status", "video-01", "--format", "json"]);
    assert!(named.stdout.contains(r#""phase":"deleted""#), "{named:#?}");
    project.expect(0, &PRUNE);
    assert_eq!(deletes(&heygen), 1);
    project.wish("video-01", "Show the number 1.");
    assert_eq!(project.actions(), ["video-01 update deleted"]);
    project.expect(0, &WAIT);
    assert_eq!(
        project.status()[1]["attempt"],
        2,
        "numbers are never used again"
    );
}

#[test]
fn an_empty_project_is_not_pruned_by_accident() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    project.expect(0, &WAIT);
    remove(&project, "video-00");
    remove(&project, "video-01");
    for command in [&["plan", "--prune"][..], &PRUNE] {
        let ran = project.expect(1, command);
        assert!(ran.stderr.contains("--allow-empty"), "{ran:#?}");
    }
    assert_eq!(deletes(&heygen), 0);
    project.expect(0, &[&PRUNE[..], &["--allow-empty"]].concat());
    assert_eq!(deletes(&heygen), 2);
    project.expect(64, &["plan", "--allow-empty"]);
}

#[test]
fn a_label_protects_also_when_it_came_after_the_video() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    project.expect(0, &WAIT);
    let text = "prompt: \"Show the number 0.\"\nlabels:\n  prune: never\n";
    project.write("videos/video-00.yaml", text);
    assert_eq!(project.actions(), [""; 0], "a label costs nothing");
    project.expect(0, &WAIT);
    remove(&project, "video-00");
    assert_eq!(planned(&project), ["video-00 orphan protected"]);
    project.expect(0, &PRUNE);
    assert_eq!(deletes(&heygen), 0);
    project.write("videos/moved.yaml", text);
    project.expect(0, &WAIT);
    remove(&project, "moved");
    assert_eq!(planned(&project), ["moved orphan protected"]);
    assert_eq!(heygen.sessions().len(), 2);
}

#[test]
fn what_another_name_shows_or_a_broken_manifest_may_wish_for_stays() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "Shared.");
    project.wish("b", "Shared.");
    project.wish("c", "Alone.");
    project.wish("c2", "Alone.");
    project.wish("d", "Else.");
    project.expect(0, &WAIT);
    for name in ["a", "c", "c2"] {
        remove(&project, name);
    }
    project.write("videos/broken.yaml", "prompt: [");
    let kept = [
        "a orphan kept_while_broken",
        "c orphan kept_while_broken",
        "c2 orphan kept_while_broken",
    ];
    assert_eq!(planned(&project), kept);
    remove(&project, "broken");
    let expected = [
        "a orphan shown_elsewhere",
        "c delete pruned",
        "c2 orphan deleted_in_plan",
    ];
    assert_eq!(planned(&project), expected);
    project.expect(0, &PRUNE);
    assert_eq!(deletes(&heygen), 1);
    assert_eq!(planned(&project), ["a orphan shown_elsewhere"]);
}

#[test]
fn a_video_stays_while_its_successor_is_not_completed() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_millis(1_500),
        ..Config::default()
    });
    let project = Project::new(Some(&heygen));
    project.wish("a", "Old.");
    project.wish("b", "Old.");
    project.expect(0, &WAIT);
    let old = project.status()[0]["video_id"].clone();
    remove(&project, "b");
    project.wish("a", "New.");
    let ran = project.expect(0, &["apply", "--auto-approve", "--prune"]);
    assert!(!ran.stdout.contains("deleted"), "{ran:#?}");
    let a = &project.status()[0];
    assert_eq!(
        (a["phase"].clone(), a["finished"]["video_id"].clone()),
        (json!("submitted"), old),
        "{a}"
    );
    let text = project.run(&["status"]).stdout;
    assert!(text.contains("until then the video of"), "{text}");
    assert_eq!(planned(&project), ["b orphan shown_elsewhere"]);
    project.expect(0, &WAIT);
    assert_eq!(project.status()[0]["finished"], serde_json::Value::Null);
    assert_eq!(planned(&project), ["b delete pruned"]);
}

#[test]
fn deletions_wait_for_the_submissions_of_their_plan() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    project.expect(0, &WAIT);
    remove(&project, "video-00");
    project.wish("new", "New.");
    let ran = project.expect(0, &["apply", "--auto-approve", "--prune"]);
    assert!(ran.stderr.contains("nothing was deleted"), "{ran:#?}");
    assert_eq!(deletes(&heygen), 0);
    project.wish("newer", "Newer.");
    project.expect(0, &PRUNE);
    assert_eq!(deletes(&heygen), 1);
}

#[test]
fn what_is_gone_already_is_no_error_and_what_fails_is_told() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(3);
    project.expect(0, &WAIT);
    let video = project.status()[0]["video_id"].as_str().unwrap().to_owned();
    heygen.send("DELETE", &format!("/v3/videos/{video}"), Some("k"), None);
    remove(&project, "video-00");
    remove(&project, "video-01");
    let fails = json!([{"kind": {"status_before": {"status": 500}}, "method": "DELETE", "skip": 1, "times": null}]);
    heygen.faults(fails);
    let ran = project.expect(1, &PRUNE);
    assert_eq!(ran.summary()["deleted"], 1, "{ran:#?}");
    assert!(ran.stdout.contains("not_deleted"), "{ran:#?}");
    assert_eq!(planned(&project), ["video-01 delete pruned"]);
    heygen.faults(json!([]));
    project.expect(0, &PRUNE);
    assert_eq!(planned(&project), [""; 0]);
}
