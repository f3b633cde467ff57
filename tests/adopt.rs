//! Videos that exist already become manifests' own, without paying.

mod support;

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use reconcile::sandbox::Config;
use serde_json::{Value, json};
use support::{Heygen, KEY, Project, Ran, until};

const APPLY: [&str; 2] = ["apply", "--auto-approve"];

/// Somebody made a video by other means.
fn made(heygen: &Heygen, prompt: &str) -> String {
    let body = json!({"prompt": prompt, "callback_id": "theirs"});
    let (status, answer) = heygen.send("POST", "/v3/video-agents", Some("any"), Some(body));
    assert_eq!(status, 200, "{answer}");
    answer["data"]["session_id"].as_str().unwrap().to_owned()
}

fn session(heygen: &Heygen, id: &str) -> Value {
    let path = format!("/v3/video-agents/{id}");
    heygen.send("GET", &path, Some("any"), None).1["data"].clone()
}

/// The id of its video, once it ended.
fn ended(heygen: &Heygen, id: &str) -> String {
    until("it ends", || session(heygen, id)["status"] == "completed");
    session(heygen, id)["video_id"].as_str().unwrap().to_owned()
}

fn adopt(project: &Project, code: i32, arguments: &[&str]) -> Ran {
    let start = ["state", "adopt", "--auto-approve"];
    project.expect(code, &[&start[..], arguments].concat())
}

fn posts(heygen: &Heygen) -> usize {
    heygen.count("POST", "/v3/video-agents")
}

/// Renders for as long as a test runs.
fn slow() -> Heygen {
    Heygen::start(Config {
        render_time: Duration::from_secs(60),
        render_jitter: 0.0,
        ..Config::default()
    })
}

#[test]
fn a_session_becomes_the_manifests_video_and_nothing_is_paid() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "Show it.");
    let id = made(&heygen, " Show\n it. ");
    let video = ended(&heygen, &id);
    // HeyGen says to wait, and it is waited for.
    heygen.faults(json!([
        {"kind": "rate_limit", "method": "GET", "path_prefix": "/v3/video-agents/"},
        {"kind": "rate_limit", "method": "GET", "path_prefix": "/v3/videos/"},
    ]));
    let ran = adopt(
        &project,
        0,
        &["videos/a.yaml", "--session", &id, "--format", "json"],
    );
    let adopted: Value = serde_json::from_str(&ran.stdout).unwrap();
    let adopted = &adopted["adopted"][0];
    for (field, value) in [
        ("name", json!("a")),
        ("phase", json!("completed")),
        ("attempt", json!(1)),
        ("session_id", json!(id)),
        ("video_id", json!(video)),
        ("adopted_by", json!("person")),
        ("prompt", json!("same")),
    ] {
        assert_eq!(adopted[field], value, "{adopted}");
    }
    assert!(adopted["duration_s"].as_f64().unwrap() > 0.0);
    assert_eq!(project.actions(), [""; 0]);
    let status = &project.status()[0];
    assert_eq!(status["video_page_url"], adopted["video_page_url"]);
    assert!(status["video_page_url"].is_string() && status["submitted_at"].is_string());
    let shown = project.expect(0, &["state", "show", "a"]).stdout;
    assert!(
        shown.contains("adopted by a person") && shown.contains("Show it."),
        "{shown}"
    );
    project.expect(0, &APPLY);
    assert_eq!(posts(&heygen), 1, "only the one made by other means");
    assert!(!format!("{ran:?}").contains(KEY));
}

#[test]
fn another_prompt_is_shown_as_a_diff_and_what_can_not_be_compared_is_said() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "Show the new one.");
    let id = made(&heygen, "Show the old\u{1b}[2J one.");
    ended(&heygen, &id);
    project.expect(64, &["state", "adopt", "a", "--session", &id]);
    let ran = adopt(&project, 0, &["a", "--session", &id]);
    for text in [
        "ITS PROMPT IS ANOTHER",
        "-Show the old\\u{1b}[2J one.",
        "+Show the new one.",
        "Avatar, voice, style",
        "1 video was adopted",
    ] {
        assert!(ran.stderr.contains(text), "{text}: {ran:#?}");
    }
    assert!(!ran.stderr.contains('\u{1b}'));
    assert_eq!(project.actions(), [""; 0]);
}

#[test]
fn what_still_renders_is_followed_to_its_end() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_millis(1_500),
        render_jitter: 0.0,
        ..Config::default()
    });
    let project = Project::new(Some(&heygen));
    project.wish("a", "Show it.");
    let id = made(&heygen, "Show it.");
    adopt(&project, 0, &["a", "--session", &id]);
    assert_eq!(project.phases()[0].1, "submitted");
    project.expect(0, &["apply", "--auto-approve", "--wait"]);
    assert_eq!(project.phases()[0].1, "completed");
    assert_eq!(posts(&heygen), 1);
}

#[test]
fn a_video_finds_its_session_by_the_event_of_its_end() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "Show it.");
    let id = made(&heygen, "Show it.");
    let video = ended(&heygen, &id);
    adopt(&project, 0, &["a", "--video", &video]);
    assert_eq!(project.status()[0]["session_id"], json!(id));
    assert_eq!(project.status()[0]["video_id"], json!(video));
}

/// HeyGen tells nothing of the session: everything goes on by the video alone.
#[test]
fn a_video_without_a_session_is_followed_refreshed_reused_and_pruned() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_secs(3),
        render_jitter: 0.0,
        ..Config::default()
    });
    let project = Project::new(Some(&heygen));
    project.wish("a", "Show it.");
    let id = made(&heygen, "Show it.");
    let has_video = || session(&heygen, &id)["video_id"].is_string();
    until("there is a video", has_video);
    let video = session(&heygen, &id)["video_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let ran = adopt(&project, 0, &["a", "--video", &video]);
    assert!(ran.stderr.contains("does not tell its prompt"), "{ran:#?}");
    let status = &project.status()[0];
    assert_eq!(
        (&status["phase"], &status["session_id"], &status["video_id"]),
        (&json!("rendering"), &Value::Null, &json!(video))
    );
    assert_eq!(project.actions(), [""; 0]);
    project.wish("b", "Show it.");
    assert_eq!(project.actions(), ["b reuse same_content"]);
    project.expect(0, &["apply", "--auto-approve", "--wait"]);
    let completed = |(_, phase): &(String, String)| phase == "completed";
    assert!(
        project.phases().iter().all(completed),
        "{:?}",
        project.phases()
    );
    project.expect(0, &["refresh"]);
    let backup = project.expect(0, &["state", "export"]).stdout;
    let copy = Project::new(Some(&heygen));
    copy.write("backup.jsonl", backup);
    let file = copy.path("backup.jsonl");
    copy.expect(
        0,
        &["state", "import", file.to_str().unwrap(), "--auto-approve"],
    );
    assert_eq!(copy.status()[0]["video_id"], json!(video));
    std::fs::remove_file(project.path("videos/a.yaml")).unwrap();
    std::fs::remove_file(project.path("videos/b.yaml")).unwrap();
    project.expect(0, &["apply", "--auto-approve", "--prune", "--allow-empty"]);
    assert_eq!(heygen.count("DELETE", &format!("/v3/videos/{video}")), 1);
    assert_eq!(posts(&heygen), 1);
}

#[test]
fn what_is_not_there_or_not_whole_is_refused() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("welcome", "Show it.");
    project.write("videos/broken.yaml", "promt: x\n");
    let id = made(&heygen, "Show it.");
    let video = ended(&heygen, &id);
    heygen.faults(json!([{"kind": "fail_render"}]));
    let failed = made(&heygen, "Show it.");
    until("it fails", || {
        session(&heygen, &failed)["status"] == "failed"
    });
    for (code, arguments, text) in [
        (
            1,
            vec!["welcome", "--session", "sess_no"],
            "no session sess_no in this account",
        ),
        (
            1,
            vec!["welcome", "--video", "vid_no"],
            "no video vid_no in this account",
        ),
        (
            1,
            vec!["welcome", "--session", &id, "--video", "vid_no"],
            "not vid_no",
        ),
        (1, vec!["welcome", "--session", &failed], "its video failed"),
        (
            64,
            vec!["welcom", "--session", &id],
            "did you mean `welcome`?",
        ),
        (64, vec!["broken", "--session", &id], "can't be read"),
        (64, vec!["welcome", "--session", "a b"], "no id of HeyGen's"),
        (64, vec!["welcome"], "--session"),
        (64, vec!["welcome", "--from", "-"], "cannot be used with"),
    ] {
        let ran = adopt(&project, code, &arguments);
        assert!(ran.stderr.contains(text), "{arguments:?}: {ran:#?}");
    }
    heygen.send("DELETE", &format!("/v3/videos/{video}"), Some("any"), None);
    let ran = adopt(&project, 1, &["welcome", "--session", &id]);
    assert!(ran.stderr.contains("missing at HeyGen"), "{ran:#?}");
    assert!(
        project
            .expect(0, &["state", "list"])
            .stdout
            .contains("Nothing is recorded")
    );
}

#[test]
fn nothing_that_was_paid_for_is_hidden_and_nothing_is_taken_twice() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "Show it.");
    project.expect(0, &["apply", "--auto-approve", "--wait"]);
    let ours = project.status()[0]["session_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let id = made(&heygen, "Show it.");
    ended(&heygen, &id);
    let ran = adopt(&project, 1, &["a", "--session", &id]);
    assert!(
        ran.stderr.contains("nothing is left to do for a"),
        "{ran:#?}"
    );
    project.wish("b", "Show it.");
    let ran = adopt(&project, 1, &["b", "--session", &id]);
    assert!(
        ran.stderr
            .contains("run `reconcile apply`: it takes it for b again at no cost"),
        "{ran:#?}"
    );
    project.wish("c", "Show something else.");
    for wanted in [
        ["--session", &ours],
        ["--video", project.status()[0]["video_id"].as_str().unwrap()],
    ] {
        let ran = adopt(&project, 1, &[&["c"][..], &wanted].concat());
        assert!(
            ran.stderr
                .contains(&format!("session {ours} is that of a, attempt 1")),
            "{ran:#?}"
        );
    }
    project.write("videos/a.yaml", "prompt: Show it.\nrevision: 2\n");
    adopt(&project, 0, &["a", "--session", &id]);
    assert_eq!(project.actions(), ["b reuse paid_before", "c create new"]);
}

#[test]
fn a_lost_answer_is_settled_and_not_adopted() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.set("");
    project.wish("a", "Show it.");
    heygen.faults(json!([
        {"kind": "drop_after"},
        {"kind": {"late_messages": {"ms": 60_000}}, "method": "GET", "times": null},
    ]));
    project.run(&["apply", "--auto-approve", "--timeout", "300ms"]);
    assert_eq!(project.phases()[0].1, "unknown");
    heygen.faults(json!([]));
    let lost = heygen.sessions()[0]["session_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let ran = adopt(&project, 1, &["a", "--session", &lost]);
    assert!(
        ran.stderr.contains("reconcile state settle a --adopt"),
        "{ran:#?}"
    );
    project.wish("b", "Another.");
    let ran = adopt(&project, 1, &["b", "--session", &lost]);
    assert!(
        ran.stderr.contains("may be the lost answer of a"),
        "{ran:#?}"
    );
}

#[test]
fn a_new_state_is_not_vouched_for_and_another_account_is_refused() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "Show it.");
    project.wish("b", "Paid for and forgotten.");
    let id = made(&heygen, "Show it.");
    let forgotten = made(&heygen, "Paid for and forgotten.");
    ended(&heygen, &forgotten);
    adopt(&project, 0, &["a", "--session", &id]);
    let ran = project.expect(1, &APPLY);
    assert!(ran.stderr.contains("this state is new"), "{ran:#?}");
    assert!(
        ran.stderr.contains(&forgotten) && !ran.stderr.contains(&id),
        "{ran:#?}"
    );
    let arguments = [
        "state",
        "adopt",
        "b",
        "--session",
        &forgotten,
        "--auto-approve",
    ];
    let mut command = project.command(&arguments);
    let ran = Ran::from(command.env("HEYGEN_API_KEY", "k@other").output().unwrap());
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(
        ran.stderr.contains("this state belongs to the account"),
        "{ran:#?}"
    );
    adopt(&project, 0, &["b", "--session", &forgotten]);
    project.expect(0, &APPLY);
    assert_eq!(posts(&heygen), 2);
}

/// A project of so many wishes, and a finished session for each.
fn many(heygen: &Heygen, count: usize) -> (Project, Vec<String>) {
    let project = Project::new(Some(heygen));
    project.wishes(count);
    let ids: Vec<_> = (0..count)
        .map(|n| made(heygen, &format!("Show the number {n}.")))
        .collect();
    ids.iter().for_each(|id| drop(ended(heygen, id)));
    (project, ids)
}

fn from(project: &Project, code: i32, text: &str) -> Ran {
    project.write("videos.txt", text);
    let file = project.path("videos.txt");
    adopt(project, code, &["--from", file.to_str().unwrap()])
}

#[test]
fn many_are_adopted_from_csv_from_json_lines_and_from_stdin() {
    let heygen = Heygen::quick();
    let (project, ids) = many(&heygen, 5);
    let video = ended(&heygen, &ids[1]);
    let csv = format!(
        "\u{feff}name, session_id, video\r\nvideo-00,{},\r\n\"video-01\",,{video}\r\n",
        ids[0]
    );
    let ran = from(&project, 0, &csv);
    assert!(ran.stderr.contains("2 videos were adopted"), "{ran:#?}");
    let again = from(&project, 0, &csv);
    assert!(again.stderr.contains("recorded already"), "{again:#?}");
    let lines = format!(
        "{}\n\n{}\n",
        json!({"name": "video-02", "session": ids[2]}),
        json!({"name": "video-03", "session_id": ids[3], "video": null})
    );
    from(&project, 0, &lines);
    let mut child = project
        .command(&["state", "adopt", "--from", "-", "--auto-approve"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let csv = format!("name,session\nvideo-04,{}\n", ids[4]);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(csv.as_bytes())
        .unwrap();
    assert_eq!(Ran::finish(child).code, Some(0));
    assert_eq!(project.actions(), [""; 0]);
    assert_eq!(posts(&heygen), 5);
}

#[test]
fn every_line_that_is_wrong_is_told_and_then_nothing_is_recorded() {
    let heygen = Heygen::quick();
    let (project, ids) = many(&heygen, 3);
    let csv = format!(
        "name,session,video\nvideo-00,{0},\nvideo-0,{1},\nvideo-01,sess_no,\nvideo-02,,\nvideo-02\n\
         video-01,{0},\nvideo-00,{2},\n",
        ids[0], ids[1], ids[2]
    );
    let ran = from(&project, 1, &csv);
    let told: Vec<_> = ran
        .stderr
        .lines()
        .filter(|l| l.starts_with("error: line"))
        .collect();
    let expected = [
        "line 3: no video is called `video-0`",
        "line 4: HeyGen has no session sess_no",
        "line 5: neither a session nor a video",
        "line 6: it has 1 of the 3 columns",
        "line 7: video-01: session",
        "line 8: video-00: what the manifest wishes has session",
    ];
    assert_eq!(told.len(), expected.len(), "{ran:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.contains(expected), "{told}\n{expected}");
    }
    assert!(
        ran.stderr
            .contains("6 lines of 7 can't be adopted; nothing was recorded"),
        "{ran:#?}"
    );
    let lines = "{\"name\": \"video-00\", \"sesion\": \"x\"}\n{\n";
    let ran = from(&project, 1, lines);
    assert!(
        ran.stderr.contains("line 1: unknown field `sesion`"),
        "{ran:#?}"
    );
    assert!(ran.stderr.contains("line 2: "), "{ran:#?}");
    for (text, why) in [
        ("", "names no video"),
        ("name,sesion\na,b\n", "line 1: it does not name the columns"),
        ("session\nb\n", "line 1: it does not name the columns"),
        ("name,session\na,\u{1b}[2J\n", "is no id of HeyGen's"),
    ] {
        let ran = from(&project, 1, text);
        assert!(
            ran.stderr.contains(why) && !ran.stderr.contains('\u{1b}'),
            "{ran:#?}"
        );
    }
    assert!(
        project
            .expect(0, &["state", "list"])
            .stdout
            .contains("Nothing is recorded")
    );
}

#[test]
fn a_rehearsal_adopts_what_was_rehearsed() {
    let project = Project::new(None);
    project.wish("a", "Show it.");
    project.expect(0, &["apply", "--auto-approve", "--sandbox"]);
    let list = project.expect(0, &["state", "show", "a", "--sandbox", "--format", "json"]);
    let shown: Value = serde_json::from_str(&list.stdout).unwrap();
    let id = shown["attempts"][0]["session_id"].as_str().unwrap();
    let ran = adopt(&project, 0, &["a", "--session", id, "--sandbox"]);
    assert!(ran.stderr.contains("recorded already"), "{ran:#?}");
}
