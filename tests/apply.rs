//! Applying through the front door: the real binary, a real state, a server over HTTP.

mod support;

use serde_json::json;
use support::{Heygen, KEY, Project};

const APPLY: [&str; 2] = ["apply", "--auto-approve"];
const WAIT: [&str; 5] = ["apply", "--auto-approve", "--wait", "--format", "json"];

#[test]
fn wishes_become_videos_and_a_second_run_does_nothing() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(12);
    let first = project.expect(0, &WAIT);
    assert_eq!(
        first.lines()[0],
        json!({"type": "start", "format_version": "1.0"})
    );
    assert_eq!(first.summary()["submitted"], 12);
    assert_eq!(first.summary()["completed"], 12);
    assert!(
        project
            .phases()
            .iter()
            .all(|(_, phase)| phase == "completed")
    );
    let again = project.expect(0, &WAIT);
    assert_eq!(again.summary()["submitted"], 0);
    assert_eq!(heygen.sessions().len(), 12);
    project.expect(0, &["plan", "--detailed-exitcode"]);
}

#[test]
fn an_edit_shows_a_diff_a_price_and_makes_one_submission() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(3);
    project.expect(0, &WAIT);
    project.wish("video-01", "Show the number one, in red.");
    let plan = project.expect(2, &["plan", "--detailed-exitcode"]);
    assert_eq!(
        plan.stdout,
        "~ update video-01  about $2.00\n    prompt changed\n    @@ -1 +1 @@\n    \
         -prompt: Show the number 1.\n    +prompt: Show the number one, in red.\n\n\
         Plan: 1 to update; 2 unchanged.\n\
         1 submission, about $2.00 (60 s a video at $0.0333 per second).\n"
    );
    let applied = project.expect(0, &WAIT);
    assert_eq!(applied.summary()["submitted"], 1);
    assert_eq!(heygen.sessions().len(), 4);
}

#[test]
fn a_rename_a_revert_and_a_copy_submit_nothing_and_the_plan_says_why() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "The first text.");
    project.wish("b", "Another text.");
    project.expect(0, &WAIT);
    project.wish("a", "The second text.");
    project.expect(0, &WAIT);
    project.wish("a", "The first text.");
    project.wish("copy", "The second text.");
    std::fs::rename(project.path("videos/b.yaml"), project.path("videos/c.yaml")).unwrap();
    assert_eq!(
        project.actions(),
        [
            "a reuse reverted",
            "c move renamed",
            "copy reuse same_content"
        ]
    );
    let applied = project.expect(0, &WAIT);
    assert_eq!(applied.summary()["submitted"], 0);
    assert_eq!(applied.summary()["reused"], 2);
    assert_eq!(applied.summary()["moved"], 1);
    assert_eq!(project.actions(), [""; 0]);
    assert_eq!(heygen.sessions().len(), 3);
}

#[test]
fn several_names_with_one_new_content_pay_once() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    for name in ["a", "b", "c"] {
        project.wish(name, "The same for all.");
    }
    let applied = project.expect(0, &WAIT);
    assert_eq!(applied.summary()["submitted"], 1);
    assert_eq!(applied.summary()["reused"], 2);
    assert_eq!(heygen.sessions().len(), 1);
}

#[test]
fn unknown_attempts_never_hold_the_last_slot() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("max_jobs: 1\n");
    project.wishes(3);
    heygen.faults(json!([{"kind": "drop_after"}]));
    let ran = project.expect(0, &WAIT);
    let types: Vec<_> = ran.lines().iter().map(|l| l["type"].clone()).collect();
    let settled = types.iter().position(|t| t == "settled").unwrap();
    let completed = types.iter().position(|t| t == "completed").unwrap();
    assert!(completed < settled, "{types:?}");
}

#[test]
fn a_rate_limit_is_waited_for_and_counts_no_attempt() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    heygen.faults(json!([{"kind": {"rate_limit": {"retry_after": 1}}}]));
    let ran = project.expect(0, &WAIT);
    assert_eq!(ran.summary()["submitted"], 2);
    assert!(ran.stderr.contains("HeyGen asks to wait"), "{ran:#?}");
    assert!(project.status().iter().all(|v| v["attempt"] == 1));
}

#[test]
fn a_refusal_of_everything_stops_the_run_and_marks_nothing_failed() {
    for (fault, says) in [
        ("unauthorized", "does not accept the API key"),
        ("payment_required", "lacks credit"),
        ("forbidden", "does not allow this"),
    ] {
        let heygen = Heygen::quick();
        let project = Project::new(Some(&heygen));
        project.set("max_jobs: 1\n");
        project.wishes(4);
        heygen.faults(json!([{"kind": fault, "skip": 1}]));
        let ran = project.expect(1, &APPLY);
        assert!(ran.stdout.contains(says), "{ran:#?}");
        assert_eq!(heygen.count("POST", "/v3/video-agents"), 2);
        project.expect(0, &WAIT);
        assert!(
            project
                .phases()
                .iter()
                .all(|(_, phase)| phase == "completed")
        );
        assert_eq!(heygen.sessions().len(), 4);
    }
}

#[test]
fn a_rejected_wish_is_blocked_until_its_manifest_changes() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "One.");
    heygen.faults(json!([{"kind": {"reject": {"param": "avatar_id"}}}]));
    let ran = project.expect(1, &WAIT);
    assert_eq!(ran.summary()["rejected"], 1);
    assert_eq!(project.actions(), ["a blocked rejected"]);
    project.expect(1, &WAIT);
    assert_eq!(heygen.count("POST", "/v3/video-agents"), 1);
    project.wish("a", "Two.");
    project.expect(0, &WAIT);
    assert_eq!(heygen.sessions().len(), 1);
}

#[test]
fn a_failed_video_is_tried_again_by_a_later_run_when_its_time_has_come() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write(
        "reconcile.yaml",
        "poll_interval: 20ms\nretry: {backoff: 1h}\n",
    );
    project.wish("a", "One.");
    let fails = json!({"fail_render": {"code": "render_error", "message": "no luck"}});
    heygen.faults(json!([{"kind": fails}]));
    let ran = project.expect(1, &WAIT);
    assert_eq!(ran.summary()["failed"], 1);
    assert_eq!(project.actions(), ["a blocked failed_not_due"]);
    project.expect(1, &WAIT);
    assert_eq!(heygen.sessions().len(), 1);
    let mut retry = WAIT.to_vec();
    retry.push("--retry-failed");
    project.expect(0, &retry);
    let sessions = heygen.sessions();
    let hash = sessions[1]["request"]["callback_id"].as_str().unwrap();
    assert_eq!(sessions[1]["idempotency_key"], format!("{hash}.2"));
}

#[test]
fn a_broken_manifest_stops_apply_unless_told_to_keep_going() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    project.write("videos/broken.yaml", "promt: x\n");
    let refused = project.expect(1, &WAIT);
    assert!(
        refused.stderr.contains("did you mean `prompt`?"),
        "{refused:#?}"
    );
    assert_eq!(heygen.requests().len(), 0);
    let mut keep_going = WAIT.to_vec();
    keep_going.push("--keep-going");
    let ran = project.expect(1, &keep_going);
    assert_eq!(ran.summary()["completed"], 2);
}

#[test]
fn a_plan_over_the_limits_sends_nothing() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(3);
    let ran = project.expect(1, &[&WAIT[..], &["--max-submissions", "2"]].concat());
    assert!(ran.stderr.contains("--max-submissions 3"), "{ran:#?}");
    project.write("reconcile.yaml", "limits: {max_cost_usd: 5}\n");
    let ran = project.expect(1, &WAIT);
    assert!(ran.stderr.contains("about $5.99"), "{ran:#?}");
    assert_eq!(heygen.requests().len(), 0);
}

#[test]
fn without_a_terminal_apply_needs_approval() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(1);
    let ran = project.expect(64, &["apply"]);
    assert!(ran.stderr.contains("--auto-approve"), "{ran:#?}");
    // What would be done can be read all the same.
    assert!(ran.stdout.contains("Plan: 1 to create"), "{ran:#?}");
    assert_eq!(heygen.requests().len(), 0);
}

#[test]
fn a_local_file_is_uploaded_once_for_each_content() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let png = b"\x89PNG\r\n\x1a\n and some bytes";
    project.write("videos/one.png", png);
    project.write("videos/two.png", png);
    project.write("videos/a.yaml", "prompt: A.\nfiles: [{path: one.png}]\n");
    project.write("videos/b.yaml", "prompt: B.\nfiles: [{path: two.png}]\n");
    project.expect(0, &WAIT);
    assert_eq!(heygen.count("POST", "/v3/assets"), 1);
    project.write("videos/c.yaml", "prompt: C.\nfiles: [{path: one.png}]\n");
    project.expect(0, &WAIT);
    assert_eq!(heygen.count("POST", "/v3/assets"), 1);
    assert_eq!(heygen.sessions().len(), 3);
}

#[test]
fn a_refused_asset_is_forgotten_and_uploaded_again_once() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("videos/one.png", b"\x89PNG\r\n\x1a\n");
    project.write("videos/a.yaml", "prompt: A.\nfiles: [{path: one.png}]\n");
    heygen.faults(json!([{"kind": {"reject": {"param": "files.0"}}}]));
    let ran = project.expect(0, &WAIT);
    assert_eq!(ran.summary()["completed"], 1);
    assert_eq!(heygen.count("POST", "/v3/assets"), 2);
    assert_eq!(project.status()[0]["attempt"], 2);
}

#[test]
fn out_of_time_is_its_own_exit_code_and_the_next_run_goes_on() {
    let heygen = Heygen::start(reconcile::sandbox::Config {
        render_time: std::time::Duration::from_millis(1_500),
        ..Default::default()
    });
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    let ran = project.expect(3, &[&WAIT[..], &["--timeout", "300ms"]].concat());
    assert_eq!(ran.summary()["submitted"], 2);
    let ran = project.expect(0, &WAIT);
    assert_eq!(ran.summary()["completed"], 2);
    assert_eq!(heygen.sessions().len(), 2);
}

#[test]
fn refresh_records_what_happened_while_nobody_looked() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    project.expect(0, &APPLY);
    support::until("both are finished", || {
        heygen.sessions().iter().all(|s| s["status"] == "completed")
    });
    let ran = project.expect(0, &["refresh"]);
    assert!(
        ran.stdout.contains("video-00: submitted → completed"),
        "{ran:#?}"
    );
    assert_eq!(heygen.count("POST", "/v3/video-agents"), 2);
    assert_eq!(
        project.expect(0, &["refresh"]).stdout,
        "Nothing changed at HeyGen.\n"
    );
}

#[test]
fn the_key_is_nowhere_but_at_heygen() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wishes(2);
    heygen.faults(json!([{"kind": "drop_after"}]));
    let ran = project.expect(0, &[&WAIT[..], &["-vv"]].concat());
    assert!(
        !ran.stdout.contains(KEY) && !ran.stderr.contains(KEY),
        "{ran:#?}"
    );
    let mut folders = vec![project.path(".reconcile")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                assert!(
                    !bytes.windows(KEY.len()).any(|w| w == KEY.as_bytes()),
                    "{path:?}"
                );
            }
        }
    }
}

#[test]
fn another_base_is_refused_before_anything_is_sent() {
    let heygen = Heygen::quick();
    let other = Heygen::quick();
    let mut project = Project::new(Some(&heygen));
    project.wishes(1);
    project.expect(0, &WAIT);
    project.wishes(2);
    project.move_to(&other);
    let ran = project.expect(1, &WAIT);
    assert!(ran.stderr.contains("this state belongs to"), "{ran:#?}");
    assert_eq!(other.sessions().len(), 0);
    assert_eq!(heygen.sessions().len(), 1);
}

#[test]
fn no_more_videos_than_slots_are_unfinished_and_none_is_refused_for_it() {
    let heygen = Heygen::start(reconcile::sandbox::Config {
        render_time: std::time::Duration::from_millis(100),
        max_jobs: 3,
        ..Default::default()
    });
    let project = Project::new(Some(&heygen));
    project.write("reconcile.yaml", "poll_interval: 10ms\nmax_jobs: 3\n");
    project.wishes(15);
    project.expect(0, &WAIT);
    let refused = heygen
        .requests()
        .iter()
        .filter(|r| r["status"] == 429)
        .count();
    assert_eq!(refused, 0);
    assert_eq!(heygen.sessions().len(), 15);
}
