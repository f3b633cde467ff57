//! A person decides what an attempt of unknown outcome came to, by what reconcile tells.

mod support;

use reconcile::sandbox::Config;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Heygen, Project, Ran};

const APPLY: [&str; 4] = ["apply", "--auto-approve", "--format", "json"];

fn posts(heygen: &Heygen) -> usize {
    heygen.count("POST", "/v3/video-agents")
}

/// The session that reconcile made, and the one that somebody else made.
fn both(heygen: &Heygen) -> (String, String) {
    let sessions = heygen.sessions();
    let id = |foreign: bool| {
        let session = sessions.iter().find(|s| s["foreign"] == foreign);
        session.unwrap()["session_id"].as_str().unwrap().to_owned()
    };
    (id(false), id(true))
}

/// Takes long enough that no event tells whose a session is.
fn slow() -> Heygen {
    Heygen::start(Config {
        render_time: Duration::from_secs(4),
        max_jobs: 100,
        ..Config::default()
    })
}

/// An attempt that stays undecided between a session of ours and somebody else's.
fn undecided() -> (Heygen, Project) {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    heygen.faults(json!([{"kind": "drop_after"}, {"kind": "foreign_session"}]));
    project.expect(1, &APPLY);
    (heygen, project)
}

fn decide(project: &Project, arguments: &[&str]) -> Ran {
    let command = [
        "state",
        "settle",
        "video-00",
        "--auto-approve",
        "--format",
        "json",
    ];
    project.run(&[&command[..], arguments].concat())
}

#[test]
fn a_person_says_which_session_it_is() {
    let (heygen, project) = undecided();
    let text = project.run(&["apply", "--auto-approve"]).stdout;
    let (ours, _) = both(&heygen);
    let printed = format!("reconcile state settle video-00 --adopt {ours}");
    assert!(text.contains(&printed), "{text}");
    let ran = decide(&project, &["--adopt", &ours]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains(r#""adopted_by":"person""#), "{ran:#?}");
    assert_eq!(project.actions(), [""; 0]);
    assert_eq!(project.status()[0]["session_id"], json!(ours));
    assert_eq!(posts(&heygen), 1);
    let again = decide(&project, &["--not-sent"]);
    assert_eq!(again.code, Some(64), "{again:#?}");
}

#[test]
fn a_person_says_that_it_was_never_sent() {
    let (heygen, project) = undecided();
    let ran = decide(&project, &["--not-sent"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stderr.contains("it is paid for twice"), "{ran:#?}");
    project.expect(0, &APPLY);
    assert_eq!(
        (posts(&heygen), project.status()[0]["attempt"].clone()),
        (2, json!(1))
    );
}

#[test]
fn a_wrong_decision_is_refused_and_changes_nothing() {
    let (heygen, project) = undecided();
    project.wish("other", "Other words.");
    heygen.faults(json!([]));
    project.expect(1, &APPLY);
    let other = project.status()[0]["session_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, made) = heygen.send(
        "POST",
        "/v3/video-agents",
        Some("k"),
        Some(json!({"prompt": "Mine."})),
    );
    let foreign = made["data"]["session_id"].as_str().unwrap();
    for (arguments, says) in [
        (&["--adopt", &other][..], "is that of other"),
        (&["--adopt", "sess_nobody"], "has no session"),
        (&["--adopt", foreign], "PROMPT IS ANOTHER"),
        (&["--adopt", "a b"], "no id of a session"),
        (&["--adopt", "x", "--not-sent"], "cannot be used with"),
    ] {
        let ran = decide(&project, arguments);
        assert!(matches!(ran.code, Some(1 | 64)), "{ran:#?}");
        assert!(ran.stderr.contains(says), "{says}: {ran:#?}");
    }
    let unknown = project.run(&["state", "settle", "nobody", "--not-sent", "--auto-approve"]);
    assert!(
        unknown.stderr.contains("these are: video-00"),
        "{unknown:#?}"
    );
    assert_eq!(project.status()[1]["phase"], "unknown");
}

#[test]
fn what_it_could_be_is_shown_with_what_each_choice_means_and_changes_nothing() {
    let (heygen, project) = undecided();
    let (ours, foreign) = both(&heygen);
    let told = project.expect(0, &["status"]).stdout;
    assert!(told.contains("reconcile state settle video-00"), "{told}");
    let shown = project.expect(0, &["state", "settle", "video-00"]).stdout;
    for says in [
        "nothing is sent or paid meanwhile",
        "At most one of the 2 sessions is reconcile's",
        &format!("reconcile state settle video-00 --adopt {ours}"),
        &format!("reconcile state settle video-00 --adopt {foreign}"),
        "costs nothing",
        "the same command with the other session puts it right",
        "pays about $2.00: a second time, if one of these is ours",
    ] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    let shown = project.expect(0, &["state", "settle", "video-00", "--format", "json"]);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    let candidates = shown["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 2, "{shown}");
    for candidate in candidates {
        assert_eq!(candidate["has_prompt"], true);
        assert!(candidate["created_at"].is_string() && candidate["status"].is_string());
    }
    assert_eq!(project.status()[0]["phase"], "unknown");
    assert_eq!(posts(&heygen), 1);
}

#[test]
fn a_wrong_adoption_is_put_right_by_the_same_command() {
    let (heygen, project) = undecided();
    let (ours, foreign) = both(&heygen);
    assert_eq!(decide(&project, &["--adopt", &foreign]).code, Some(0));
    assert_eq!(project.status()[0]["session_id"], json!(foreign));
    let ran = decide(&project, &["--adopt", &ours]);
    assert!(
        ran.stderr.contains(&format!("in place of {foreign}")),
        "{ran:#?}"
    );
    assert_eq!(project.status()[0]["session_id"], json!(ours));
    project.expect(0, &["apply", "--auto-approve", "--wait"]);
    assert_eq!((posts(&heygen), project.actions()), (1, vec![]));
}

/// Where nobody can be asked, what would be done can be read all the same.
#[test]
fn without_a_terminal_it_is_told_what_would_be_done_and_nothing_is() {
    let (heygen, project) = undecided();
    let (ours, _) = both(&heygen);
    for (arguments, says) in [
        (&["--not-sent"][..], "it is paid for twice"),
        (&["--adopt", &ours], "it has the prompt of this attempt"),
    ] {
        let command = [&["state", "settle", "video-00"][..], arguments].concat();
        let ran = project.expect(64, &command);
        assert!(ran.stderr.contains(says), "{ran:#?}");
        assert!(ran.stderr.contains("add --auto-approve"), "{ran:#?}");
    }
    assert_eq!(project.status()[0]["phase"], "unknown");
}

/// Asking is free, so a limit of no submission does not keep from it.
#[test]
fn a_limit_of_no_submission_settles_and_sends_nothing() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    heygen.faults(json!([{"kind": "drop_before"}]));
    let ended = ["apply", "--auto-approve", "--timeout", "100ms"];
    project.expect(1, &ended);
    let plan = project.expect(0, &["plan"]).stdout;
    assert!(plan.contains("$0.00, at most about $2.00"), "{plan}");
    assert!(
        plan.contains("No submission for certain; at most 1"),
        "{plan}"
    );
    let none = ["apply", "--auto-approve", "--max-submissions", "0"];
    let ran = project.expect(1, &none);
    assert!(ran.stdout.contains("HeyGen never took it"), "{ran:#?}");
    assert!(
        ran.stderr.contains("not sent again in this run"),
        "{ran:#?}"
    );
    assert_eq!((posts(&heygen), heygen.sessions().len()), (1, 0));
    let over = project.expect(1, &none);
    assert!(
        over.stderr
            .contains("the plan makes 1 submission, the limit"),
        "{over:#?}"
    );
    project.expect(0, &["apply", "--auto-approve"]);
    assert_eq!((posts(&heygen), heygen.sessions().len()), (2, 1));
}

/// However many have the prompt, the likeliest stands first, and nobody believes to see all of them.
#[test]
fn of_many_sessions_the_nearest_are_shown_and_the_others_counted() {
    let (heygen, project) = undecided();
    let (ours, _) = both(&heygen);
    for _ in 0..25 {
        let body = json!({"prompt": "Show the number 0."});
        heygen.send("POST", "/v3/video-agents", Some("k"), Some(body));
    }
    let shown = project.expect(0, &["state", "settle", "video-00"]).stdout;
    assert!(shown.contains(&ours), "{shown}");
    assert!(shown.contains("more, made less near to it"), "{shown}");
    assert!(shown.contains("At most one of the 27 sessions"), "{shown}");
}

/// It has the prompt, and can't be it: it was there before.
#[test]
fn a_session_of_another_time_is_not_adopted_without_a_question() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.write("videos/a.yaml", "prompt: Hidden.\nincognito_mode: true\n");
    let body = json!({"prompt": "Hidden."});
    let (_, made) = heygen.send("POST", "/v3/video-agents", Some("k"), Some(body));
    let before = made["data"]["session_id"].as_str().unwrap();
    project.wish("first", "So that the state vouches for the past.");
    project.expect(0, &["apply", "first", "--auto-approve", "--new-state"]);
    heygen.faults(json!([{"kind": "drop_after"}]));
    project.expect(1, &["apply", "a", "--auto-approve", "--new-state"]);
    let settle = ["state", "settle", "a", "--adopt", before, "--auto-approve"];
    let ran = project.expect(1, &settle);
    assert!(ran.stderr.contains("AT ANOTHER TIME"), "{ran:#?}");
    assert_eq!(project.status()[0]["phase"], "unknown");
}

/// As many dollars as are allowed are allowed.
#[test]
fn a_plan_that_costs_the_limit_is_within_it() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("limits: {max_cost_usd: 23.976}\n");
    project.wishes(12);
    project.expect(0, &["apply", "--auto-approve"]);
    assert_eq!(posts(&heygen), 12);
}
