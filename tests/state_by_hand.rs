//! `reconcile state`: looking at the record, changing it by hand, keeping and restoring it.

mod support;

use serde_json::{Value, json};
use support::{Heygen, Project, Ran, until};

const WAIT: [&str; 3] = ["apply", "--auto-approve", "--wait"];

fn state(project: &Project, code: i32, arguments: &[&str]) -> Ran {
    project.expect(code, &[&["state"], arguments].concat())
}

fn changed(project: &Project, arguments: &[&str]) -> Ran {
    state(project, 0, &[arguments, &["--auto-approve"]].concat())
}

/// Without what tells one export from the next.
fn exported(project: &Project) -> Vec<String> {
    let ran = state(project, 0, &["export"]);
    let lines = ran.stdout.lines().skip(1).map(str::to_owned);
    lines
        .filter(|l| !l.contains(r#""vouch""#) && !l.contains(r#""end""#))
        .collect()
}

fn plan(project: &Project) -> String {
    project.expect(0, &["plan", "--format", "json"]).stdout
}

/// Three videos, one of them with a second take and one whose manifest is gone.
fn lived_in() -> (Heygen, Project) {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(3);
    project.expect(0, &WAIT);
    project.expect(0, &[&WAIT[..], &["--replace", "video-00"]].concat());
    std::fs::remove_file(project.path("videos/video-02.yaml")).unwrap();
    project.wish("video-01", "Something else.");
    (heygen, project)
}

fn copy_of(project: &Project, heygen: &Heygen) -> Project {
    let copy = Project::new(Some(heygen));
    support::copy_folder(&project.path("videos"), &copy.path("videos"));
    copy
}

fn import(project: &Project, code: i32, text: &str) -> Ran {
    project.write("backup.jsonl", text);
    let file = project.path("backup.jsonl");
    state(
        project,
        code,
        &["import", file.to_str().unwrap(), "--auto-approve"],
    )
}

#[test]
fn list_and_show_tell_what_is_recorded() {
    let (_heygen, project) = lived_in();
    let list = state(&project, 0, &["list"]).stdout;
    assert!(list.contains("videos/video-02.yaml"), "{list}");
    let json: Value = serde_json::from_str(
        &state(&project, 0, &["list", "video-0[01]", "--format", "json"]).stdout,
    )
    .unwrap();
    assert_eq!(json["records"].as_array().unwrap().len(), 2);
    assert_eq!(json["records"][0]["attempt"], 2);
    let show = state(&project, 0, &["show", "video-00"]).stdout;
    for part in [
        "attempt 1 of",
        "attempt 2 of",
        "submitted as",
        "Show the number 0.",
        "completed",
    ] {
        assert!(show.contains(part), "{part}: {show}");
    }
    let json: Value =
        serde_json::from_str(&state(&project, 0, &["show", "video-00", "--format", "json"]).stdout)
            .unwrap();
    assert_eq!(json["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(json["finished"]["number"], 2);
    let missing = state(&project, 64, &["show", "vidoe-00"]);
    assert!(
        missing.stderr.contains("did you mean `video-0"),
        "{missing:#?}"
    );
    let empty = Project::new(None);
    assert_eq!(state(&empty, 0, &["list"]).stdout, "Nothing is recorded.\n");
}

#[test]
fn show_says_how_an_unknown_attempt_is_decided() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("videos/a.yaml", "prompt: Secret.\nincognito_mode: true\n");
    heygen.faults(json!([{"kind": "drop_before"}]));
    project.expect(1, &WAIT);
    let show = state(&project, 0, &["show", "a"]).stdout;
    assert!(
        show.contains("reconcile state settle a --not-sent"),
        "{show}"
    );
    let refused = state(&project, 1, &["rm", "a", "--auto-approve"]);
    assert!(refused.stderr.contains("settle it first"), "{refused:#?}");
    changed(&project, &["settle", "a", "--not-sent"]);
    project.expect(0, &WAIT);
    assert_eq!(heygen.sessions().len(), 1);
}

#[test]
fn a_record_that_is_moved_or_forgotten_costs_nothing() {
    let (heygen, project) = lived_in();
    project.expect(0, &WAIT);
    let sessions = heygen.sessions().len();
    changed(&project, &["mv", "video-02", "renamed"]);
    project.wish("renamed", "Show the number 2.");
    assert_eq!(project.actions(), [""; 0]);
    let taken = state(
        &project,
        64,
        &["mv", "renamed", "Video-00", "--auto-approve"],
    );
    assert!(taken.stderr.contains("has a record already"), "{taken:#?}");
    state(&project, 64, &["mv", "nobody", "x", "--auto-approve"]);
    state(&project, 64, &["mv", "renamed", "../x", "--auto-approve"]);
    changed(&project, &["rm", "renamed", "video-0*"]);
    assert!(
        project.actions().iter().all(|a| a.contains(" reuse ")),
        "{:?}",
        project.actions()
    );
    project.expect(0, &WAIT);
    assert_eq!(heygen.sessions().len(), sessions);
    assert_eq!(project.actions(), [""; 0]);
}

#[test]
fn what_changes_the_state_asks_and_changes_nothing_when_refused() {
    let (_heygen, project) = lived_in();
    let before = exported(&project);
    for arguments in [
        &["rm", "video-00"][..],
        &["mv", "video-00", "x"],
        &["import", "/dev/null"],
        &["settle", "video-00", "--not-sent"],
        &["rm"],
    ] {
        let ran = project.run(&[&["state"], arguments].concat());
        assert!(matches!(ran.code, Some(1 | 64)), "{arguments:?}: {ran:#?}");
    }
    assert_eq!(exported(&project), before);
}

#[test]
fn an_export_makes_the_same_state_and_the_same_plan() {
    let (heygen, project) = lived_in();
    let copy = copy_of(&project, &heygen);
    let text = state(&project, 0, &["export"]).stdout;
    import(&copy, 0, &text);
    assert_eq!(exported(&copy), exported(&project));
    assert_eq!(plan(&copy), plan(&project));
    let again = import(&copy, 0, &text);
    assert!(again.stderr.contains("Nothing to import"), "{again:#?}");
    let posts = heygen.count("POST", "/v3/video-agents");
    copy.expect(0, &WAIT);
    assert_eq!(heygen.count("POST", "/v3/video-agents"), posts + 1);
}

#[test]
fn what_was_submitted_after_the_export_is_found_before_it_is_paid_for_again() {
    let (heygen, project) = lived_in();
    let text = state(&project, 0, &["export"]).stdout;
    project.expect(0, &WAIT);
    let sessions = heygen.sessions().len();
    let copy = copy_of(&project, &heygen);
    import(&copy, 0, &text);
    let ran = copy.expect(1, &WAIT);
    assert!(ran.stderr.contains("this state was imported"), "{ran:#?}");
    copy.expect(0, &[&WAIT[..], &["--adopt"]].concat());
    assert_eq!(heygen.sessions().len(), sessions);
    assert_eq!(copy.actions(), ["video-02 orphan manifest_gone"]);
}

#[test]
fn an_import_never_lowers_what_is_recorded() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    project.expect(0, &["apply", "--auto-approve"]);
    let young = state(&project, 0, &["export"]).stdout;
    until("both are completed", || {
        project.expect(0, &["refresh"]);
        project
            .phases()
            .iter()
            .all(|(_, phase)| phase == "completed")
    });
    project.wish("video-00", "Newer.");
    project.expect(0, &WAIT);
    let before = exported(&project);
    import(&project, 0, &young);
    assert_eq!(exported(&project), before);
}

#[test]
fn a_file_that_is_not_a_whole_export_of_this_account_is_refused() {
    let (heygen, project) = lived_in();
    let good = state(&project, 0, &["export"]).stdout;
    let lines: Vec<_> = good.lines().collect();
    let without = |at: usize| {
        let mut lines = lines.clone();
        lines.remove(at);
        lines.join("\n")
    };
    let attempt = lines.iter().find(|l| l.contains(r#""attempt""#)).unwrap();
    let mut other: Value = serde_json::from_str(attempt).unwrap();
    other["entry"]["attempt"]["session_id"] = json!("sess_other");
    let cases = [
        (String::new(), "not an export"),
        ("{}\n".into(), "not an export"),
        (
            good.replacen("\"version\":1", "\"version\":7", 1),
            "version 7, this program reads up to 1",
        ),
        (without(lines.len() - 1), "cut off"),
        (without(3), "were written"),
        (
            good.replace("Show the number 1.", "Show the number 8."),
            "not the one of",
        ),
        (
            good.replacen("\"phase\"", "\"phrase\"", 1),
            "unknown field `phrase`",
        ),
        (
            good.replacen("{\"entry\"", "{\"novelty\"", 1),
            "unknown variant `novelty`",
        ),
        (
            good.replacen("\"username\":\"", "\"username\":\"not-", 1),
            "state of the account",
        ),
        (
            good.replace(attempt, &other.to_string()),
            "both may have been paid for",
        ),
        (format!("{good}{{}}\n"), "after the last line"),
        ("\u{0}\u{1b}[31m".into(), "not an export"),
    ];
    let before = exported(&project);
    for (text, says) in cases {
        let ran = import(&project, 1, &text);
        assert!(ran.stderr.contains(says), "{says}: {ran:#?}");
        assert!(!ran.stderr.contains('\u{1b}'), "{ran:#?}");
    }
    assert_eq!(exported(&project), before);
    drop(heygen);
}

#[test]
fn the_state_is_read_beside_a_writer() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(3);
    heygen.faults(json!([{"kind": {"silence": {"ms": 1_000}}, "times": 3}]));
    let writer = project.spawn(&WAIT);
    until("the writer is at work", || heygen.sessions().len() == 3);
    assert_eq!(
        exported(&project)
            .iter()
            .filter(|l| l.contains("submitting"))
            .count(),
        3
    );
    state(&project, 0, &["list"]);
    let refused = project.run(&[
        "state",
        "rm",
        "video-00",
        "--auto-approve",
        "--lock-timeout",
        "50ms",
    ]);
    assert!(refused.stderr.contains("locked by"), "{refused:#?}");
    assert_eq!(Ran::finish(writer).code, Some(0));
}

#[test]
fn a_video_missing_for_long_is_gone_and_planned_anew() {
    let (heygen, project) = lived_in();
    let text = state(&project, 0, &["export"]).stdout;
    let aged: Vec<_> = text
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            if let Some(attempt) = line.pointer_mut("/entry/attempt") {
                attempt["answered_at"] = json!("2026-01-01T00:00:00Z");
                let video = attempt["video_id"].as_str().unwrap().to_owned();
                heygen.send("DELETE", &format!("/v3/videos/{video}"), Some("k"), None);
            }
            line.to_string() + "\n"
        })
        .collect();
    let copy = copy_of(&project, &heygen);
    import(&copy, 0, &aged.concat());
    let ran = copy.expect(2, &["plan", "--refresh", "--detailed-exitcode"]);
    assert!(
        ran.stderr.contains("video-00: completed → gone"),
        "{ran:#?}"
    );
    assert!(
        ran.stdout.contains("its video is missing at HeyGen"),
        "{ran:#?}"
    );
    assert_eq!(copy.actions()[0], "video-00 update gone");
}
