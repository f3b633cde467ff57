//! What an export and an import may not do: lose a session, shorten a doubt, or say too little.

mod support;

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Heygen, Project, Ran};

const WAIT: [&str; 3] = ["apply", "--auto-approve", "--wait"];

fn export(project: &Project) -> String {
    project.expect(0, &["state", "export"]).stdout
}

fn import(project: &Project, code: i32, text: &str) -> Ran {
    project.write("backup.jsonl", text);
    let file = project.path("backup.jsonl");
    let file = file.to_str().unwrap();
    project.expect(code, &["state", "import", file, "--auto-approve"])
}

/// One finished video, and the project it is in.
fn one_video() -> (Heygen, Project) {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    project.expect(0, &WAIT);
    (heygen, project)
}

/// Every line as JSON, changed by hand; the last line counts anew.
fn edited(text: &str, edit: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    edit(&mut lines);
    let count = lines.len() - 2;
    *lines.last_mut().unwrap() = json!({"end": {"lines": count}});
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn attempt_at(lines: &[Value]) -> usize {
    let is_attempt = |line: &Value| line.pointer("/entry/attempt").is_some();
    lines.iter().position(is_attempt).unwrap()
}

#[test]
fn a_file_that_contradicts_itself_about_a_session_is_refused() {
    let (_heygen, project) = one_video();
    let twice = edited(&export(&project), |lines| {
        let at = attempt_at(lines);
        let mut other = lines[at].clone();
        other["entry"]["attempt"]["session_id"] = json!("sess_other");
        lines.insert(at + 1, other);
    });
    let fresh = Project::new(None);
    let ran = import(&fresh, 1, &twice);
    assert!(ran.stderr.contains("sess_other"), "{ran:#?}");
    assert!(ran.stderr.contains("line "), "{ran:#?}");
    assert!(ran.stderr.contains("hint:"), "{ran:#?}");
    assert!(!export(&fresh).contains("sess_"), "nothing was taken in");
}

#[test]
fn a_later_line_of_a_file_lowers_no_earlier_one() {
    let (_heygen, project) = one_video();
    let lowered = edited(&export(&project), |lines| {
        let at = attempt_at(lines);
        let mut young = lines[at].clone();
        young["entry"]["attempt"]["phase"] = json!("submitted");
        lines.insert(at + 1, young);
    });
    let fresh = Project::new(None);
    import(&fresh, 0, &lowered);
    assert!(export(&fresh).contains(r#""phase":"completed""#));
}

#[test]
fn two_tries_that_are_both_not_settled_are_not_taken_for_one() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    heygen.faults(json!([{"kind": "drop_before"}]));
    project.write("reconcile.yaml", "request_timeout: 2s\nsettle_delay: 60s\n");
    project.run(&["apply", "--auto-approve", "--timeout", "100ms"]);
    let other = edited(&export(&project), |lines| {
        let at = attempt_at(lines);
        assert_eq!(lines[at]["entry"]["attempt"]["phase"], "unknown");
        lines[at]["entry"]["attempt"]["intent_at"] = json!("2026-01-01T00:00:00Z");
    });
    let before = export(&project);
    let ran = import(&project, 1, &other);
    assert!(ran.stderr.contains("settle the one here first"), "{ran:#?}");
    let rest = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(rest(&export(&project)), rest(&before));
}

#[test]
fn a_clock_that_was_ahead_does_not_shorten_what_is_doubted() {
    let (heygen, project) = one_video();
    let ahead = edited(&export(&project), |lines| {
        lines[0]["exported_at"] = json!("2199-01-01T00:00:00Z");
    });
    project.wish("video-00", "Submitted after the export.");
    project.expect(0, &WAIT);
    let sessions = heygen.sessions().len();
    let copy = Project::new(Some(&heygen));
    support::copy_folder(&project.path("videos"), &copy.path("videos"));
    import(&copy, 0, &ahead);
    copy.expect(1, &WAIT);
    assert_eq!(heygen.sessions().len(), sessions, "it was paid for already");
}

#[test]
fn a_lost_text_comes_back() {
    let (_heygen, project) = one_video();
    let text = export(&project);
    std::fs::remove_dir_all(project.path(".reconcile/objects")).unwrap();
    assert!(!export(&project).contains(r#"{"spec""#));
    import(&project, 0, &text);
    let spec = |t: &str| {
        t.lines()
            .find(|l| l.contains(r#"{"spec""#))
            .map(str::to_owned)
    };
    assert_eq!(spec(&export(&project)), spec(&text));
}

#[test]
fn stdin_is_read_and_a_reader_that_goes_away_is_no_error() {
    let (_heygen, project) = one_video();
    let text = export(&project);
    let fresh = Project::new(None);
    let mut child = fresh
        .command(&["state", "import", "-", "--auto-approve"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let ran = Ran::finish(child);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = fresh.command(&["state", "export"]);
    let ran = Ran::from(child.stdout(writer).output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_copied_directory_exports_its_doubt() {
    let (_heygen, project) = one_video();
    let copy = Project::new(None);
    support::copy_folder(&project.path(".reconcile"), &copy.path(".reconcile"));
    assert!(export(&copy).contains(r#""cause":"restored""#));
}

#[test]
fn what_changes_the_state_answers_in_json() {
    let (_heygen, project) = one_video();
    let text = export(&project);
    project.write("backup.jsonl", &text);
    let file = project.path("backup.jsonl");
    let json = |project: &Project, arguments: &[&str]| -> Value {
        let all = [
            &["state"],
            arguments,
            &["--auto-approve", "--format", "json"],
        ]
        .concat();
        serde_json::from_str(&project.expect(0, &all).stdout).unwrap()
    };
    let moved = json(&project, &["mv", "video-00", "other"]);
    assert_eq!(
        moved,
        json!({"format_version": "1.0", "moved": {"name": "other", "from": "video-00"}})
    );
    let forgotten = json(&project, &["rm", "other"]);
    assert_eq!(
        forgotten,
        json!({"format_version": "1.0", "forgotten": ["other"]})
    );
    let fresh = Project::new(None);
    let imported = json(&fresh, &["import", file.to_str().unwrap()]);
    assert_eq!(imported["imported"]["records"], 1, "{imported}");
    assert_eq!(imported["imported"]["attempts"], 1, "{imported}");
    let again = json(&fresh, &["import", file.to_str().unwrap()]);
    assert_eq!(again["imported"]["attempts"], 0, "{again}");
}

#[test]
fn moving_says_so_only_where_a_manifest_still_has_the_old_name() {
    let (_heygen, project) = one_video();
    let arguments = ["state", "mv", "video-00", "other", "--auto-approve"];
    let ran = project.expect(0, &arguments);
    assert!(ran.stderr.contains("videos/video-00.yaml"), "{ran:#?}");
    std::fs::remove_file(project.path("videos/video-00.yaml")).unwrap();
    let ran = project.expect(0, &["state", "mv", "other", "third", "--auto-approve"]);
    assert!(!ran.stderr.contains("still"), "{ran:#?}");
}

#[test]
fn hostile_texts_do_not_reach_the_terminal() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write(
        "videos/\u{1b}[2J\u{202e}x.yaml",
        "name: plain\nprompt: \"a\\u001b[31mred\\u202e\"\n",
    );
    project.expect(0, &WAIT);
    for arguments in [&["state", "list"][..], &["state", "show", "plain"]] {
        let out = project.expect(0, arguments).stdout;
        assert!(out.contains("\\u{1b}"), "{out}");
        assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out}");
    }
}
