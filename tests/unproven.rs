//! A state that can't vouch for the past pays for nothing before HeyGen was asked.

mod support;

use serde_json::json;
use support::{Heygen, Project, until};

const WAIT: [&str; 3] = ["apply", "--auto-approve", "--wait"];

fn with(flag: &'static str) -> Vec<&'static str> {
    [&WAIT[..], &[flag]].concat()
}

/// A project whose videos were paid for, and whose state was lost.
fn bereft(heygen: &Heygen) -> Project {
    let project = Project::new(Some(heygen));
    project.wishes(3);
    project.expect(0, &WAIT);
    std::fs::remove_dir_all(project.path(".reconcile")).unwrap();
    project
}

fn posts(heygen: &Heygen) -> usize {
    heygen.count("POST", "/v3/video-agents")
}

#[test]
fn a_lost_state_stops_and_takes_over_what_was_paid_for() {
    let heygen = Heygen::quick();
    let project = bereft(&heygen);
    project.wish("new", "Never asked for before.");
    for _ in 0..2 {
        let ran = project.expect(1, &WAIT);
        assert!(ran.stderr.contains("this state is new"), "{ran:#?}");
        assert!(ran.stderr.contains("video-02  session sess_"), "{ran:#?}");
        assert!(ran.stderr.contains("--adopt"), "{ran:#?}");
        assert!(!ran.stderr.contains("new  session"), "{ran:#?}");
    }
    assert_eq!(posts(&heygen), 3);
    let ran = project.expect(0, &with("--adopt"));
    assert!(
        ran.stderr.contains("3 sessions were taken over"),
        "{ran:#?}"
    );
    assert_eq!(posts(&heygen), 4, "only the new one is paid for");
    assert_eq!(project.actions(), [""; 0]);
    assert!(
        project
            .phases()
            .iter()
            .all(|(_, phase)| phase == "completed")
    );
    project.expect(0, &WAIT);
    assert_eq!(posts(&heygen), 4);
}

/// What was taken over is waited for and downloaded like what was submitted.
#[test]
fn what_is_taken_over_while_it_renders_is_waited_for() {
    let heygen = Heygen::start(reconcile::sandbox::Config {
        render_time: std::time::Duration::from_millis(1_500),
        ..Default::default()
    });
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    project.expect(0, &["apply", "--auto-approve"]);
    std::fs::remove_dir_all(project.path(".reconcile")).unwrap();
    project.expect(0, &[&with("--adopt")[..], &["--download"]].concat());
    assert_eq!(posts(&heygen), 2);
    for (name, phase) in project.phases() {
        assert_eq!(phase, "completed", "{name}");
        assert!(project.path(&format!("downloads/{name}.mp4")).exists());
    }
}

#[test]
fn a_new_state_may_pay_again_where_somebody_says_so() {
    let heygen = Heygen::quick();
    let project = bereft(&heygen);
    project.expect(0, &with("--new-state"));
    assert_eq!(posts(&heygen), 6);
    project.wish("video-00", "Changed.");
    project.expect(0, &WAIT);
    assert_eq!(posts(&heygen), 7, "asked once only");
}

#[test]
fn nothing_is_paid_while_the_sessions_can_not_be_compared() {
    let heygen = Heygen::quick();
    let project = bereft(&heygen);
    let sessions = "/v3/video-agents/";
    for rule in [
        json!({"kind": {"status_before": {"status": 500}}, "method": "GET", "path_prefix": "/v3/video-agents", "times": null}),
        json!({"kind": {"late_messages": {"ms": 60_000}}, "method": "GET", "path_prefix": sessions, "times": null}),
    ] {
        heygen.faults(json!([rule]));
        let ran = project.expect(1, &WAIT);
        assert!(ran.stderr.contains("could not be compared"), "{ran:#?}");
        assert_eq!(posts(&heygen), 3);
    }
}

#[test]
fn a_prompt_of_several_wishes_is_taken_over_by_name_only() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "The same.");
    project.expect(0, &WAIT);
    std::fs::remove_dir_all(project.path(".reconcile")).unwrap();
    project.write(
        "videos/b.yaml",
        "prompt: The same.\norientation: portrait\n",
    );
    let ran = project.expect(1, &with("--adopt"));
    assert!(ran.stderr.contains("of a and of b"), "{ran:#?}");
    assert_eq!(posts(&heygen), 1);
    project.expect(0, &["apply", "a", "--auto-approve", "--adopt"]);
    assert_eq!(posts(&heygen), 1);
    project.expect(0, &WAIT);
    assert_eq!(posts(&heygen), 2);
}

#[test]
fn a_name_that_was_not_looked_at_is_not_vouched_for() {
    let heygen = Heygen::quick();
    let project = bereft(&heygen);
    project.expect(0, &["apply", "video-00", "--auto-approve", "--adopt"]);
    let ran = project.expect(1, &WAIT);
    assert!(ran.stderr.contains("video-01  session"), "{ran:#?}");
    assert_eq!(posts(&heygen), 3);
}

#[test]
fn what_this_state_itself_sent_is_settled_and_not_taken_for_forgotten() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "The same words.");
    project.write(
        "videos/b.yaml",
        "prompt: The same words.\norientation: portrait\n",
    );
    heygen.faults(json!([{"kind": "silence", "ms": 5_000}]));
    // One name alone: the state does not vouch for the others yet.
    let mut child = project.spawn(&["apply", "--auto-approve", "a"]);
    until("it took effect", || heygen.sessions().len() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    project.expect(0, &WAIT);
    let ids = heygen.callback_ids();
    assert_eq!(posts(&heygen), 2);
    for video in project.status() {
        assert_eq!(video["phase"], "completed", "{video}");
        assert!(ids.iter().any(|id| video["hash"] == *id), "{video}");
    }
    assert_eq!(project.actions(), [""; 0]);
}
