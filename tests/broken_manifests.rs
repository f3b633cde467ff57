//! Every kind of broken manifest gets a message that points at the place and says what to do.
//!
//! `tests/fixtures/broken.txt` holds the manifests and what is said of each, as a user sees it.
//! Run with `UPDATE_EXPECTED=1` to write it anew, then read what changed.

#[path = "support/broken.rs"]
mod broken;
mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use broken::kinds;
use support::{Project, Ran};

const EXPECTED: &str = "tests/fixtures/broken.txt";

fn validate(project: &Project) -> Ran {
    let ran = project.run(&["validate"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
    ran
}

#[test]
fn each_kind_gets_its_message() {
    let mut said = String::new();
    for (kind, manifest) in kinds() {
        let project = Project::new(None);
        project.write("videos/m.yaml", manifest);
        let ran = validate(&project);
        assert!(ran.stderr.starts_with("error["), "{kind}: {ran:#?}");
        said.push_str(&format!("==== {kind}\n{}\n", ran.stderr.trim_end()));
    }
    if std::env::vars().any(|(name, _)| name == "UPDATE_EXPECTED") {
        fs::write(EXPECTED, &said).unwrap();
    }
    let expected = fs::read_to_string(EXPECTED).unwrap();
    for (said, expected) in said.split("==== ").zip(expected.split("==== ")) {
        assert_eq!(said, expected);
    }
    assert_eq!(said.len(), expected.len());
}

/// Runs `validate` within 100 MB of memory beyond what its threads reserve, and a minute on a
/// busy machine.
fn bounded(project: &Project) -> Ran {
    let begun = Instant::now();
    let mut child = project.spawn(&["validate"]);
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it hangs");
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("");
        let kilobytes = line.split_whitespace().nth(1).and_then(|n| n.parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0));
    }
    assert!(peak < 100_000, "{peak} KB");
    let ran = Ran::finish(child);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
    ran
}

#[test]
fn hostile_text_is_refused_in_time_and_memory() {
    let megabyte = 1 << 20;
    for (text, code) in [
        ("[".repeat(megabyte - 1), "too_deep"),
        ("{a: ".repeat(megabyte / 4 - 1), "too_deep"),
        ("- ".repeat(megabyte / 2 - 1), "too_deep"),
        ("a: &x [*x]\n".to_owned(), "alias"),
        (
            format!(
                "prompt: &p {}\nlabels: [{}]\n",
                "x".repeat(500_000),
                "*p, ".repeat(2_000)
            ),
            "too_large",
        ),
        ("- a\n".repeat(megabyte / 4 - 1), "too_large"),
        ("a: b\n".repeat(megabyte / 5 - 1), "too_large"),
        ("x".repeat(megabyte + 1), "too_large"),
        (
            format!("prompt: \"{}\"\n", "\\n".repeat(megabyte / 2 - 20)),
            "prompt_length",
        ),
        ("? ".repeat(megabyte / 2 - 1), "too_deep"),
        (format!("{}: x\n", "k".repeat(megabyte - 10)), "syntax"),
    ] {
        let project = Project::new(None);
        project.write("videos/m.yaml", &text);
        let ran = bounded(&project);
        assert!(
            ran.stderr.contains(&format!("error[{code}]")),
            "{}: {ran:#?}",
            &text[..20]
        );
        assert!(
            ran.stderr.len() < 20_000,
            "{} says {} bytes",
            &text[..20],
            ran.stderr.len()
        );
    }
}

#[test]
fn bytes_that_are_not_text_are_named() {
    let project = Project::new(None);
    project.write("videos/m.yaml", b"prompt: ok\navatar_id: \xff\xfe\n");
    let ran = validate(&project);
    assert!(
        ran.stderr
            .contains("error[not_utf8]: the byte 0xFF is not UTF-8"),
        "{ran:#?}"
    );
    assert!(ran.stderr.contains("videos/m.yaml:2:12"), "{ran:#?}");
}

#[test]
fn what_is_no_regular_file_is_refused_and_never_waited_for() {
    let project = Project::new(None);
    project.wish("good", "Fine.");
    let fifo = project.path("videos/pipe.yaml");
    assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
    fs::create_dir(project.path("videos/folder.yaml")).unwrap();
    symlink("/etc/passwd", project.path("videos/out.yaml")).unwrap();
    symlink("/etc", project.path("videos/etc")).unwrap();
    symlink("nowhere", project.path("videos/dangling.yaml")).unwrap();
    symlink("..", project.path("videos/loop")).unwrap();
    let ran = bounded(&project);
    for code in ["not_a_file", "link_outside", "unreadable", "link_loop"] {
        assert!(
            ran.stderr.contains(&format!("error[{code}]")),
            "{code}: {ran:#?}"
        );
    }
    assert!(
        ran.stdout.starts_with("1 valid video, 6 errors"),
        "{ran:#?}"
    );
}

#[test]
fn a_link_inside_the_project_is_followed() {
    let project = Project::new(None);
    project.write("library/a.yaml", "prompt: A.\n");
    symlink("../library", project.path("videos/linked")).unwrap();
    let ran = project.expect(0, &["plan"]);
    assert!(ran.stdout.contains("+ create linked/a"), "{ran:#?}");
}

#[test]
fn file_names_that_make_no_name_are_refused_or_named_by_the_document() {
    use std::os::unix::ffi::OsStrExt;
    let project = Project::new(None);
    project.write("videos/two words.yaml", "prompt: x\n");
    project.write("videos/drei wörter.yaml", "name: three\nprompt: y\n");
    project.write("videos/\u{1b}[31m.yaml", "prompt: z\n");
    let raw = std::ffi::OsStr::from_bytes(b"raw-\xff.yaml");
    fs::write(project.path("videos").join(raw), "prompt: w\n").unwrap();
    let ran = validate(&project);
    assert!(
        ran.stdout.starts_with("1 valid video, 3 errors"),
        "{ran:#?}"
    );
    assert!(!ran.stderr.contains('\u{1b}'), "{ran:#?}");
    assert!(
        ran.stderr.contains("rename the file, or add `name: …`"),
        "{ran:#?}"
    );
}

#[test]
fn one_name_in_two_places_names_both() {
    let project = Project::new(None);
    project.write("videos/a.yaml", "prompt: x\n");
    project.write("videos/a.yml", "prompt: y\n");
    project.write("videos/Intro.yaml", "prompt: x\n");
    project.write("videos/sub/b.yaml", "name: intro\nprompt: y\n");
    let ran = validate(&project);
    assert!(
        ran.stderr
            .contains("the name `a` is taken by videos/a.yaml:1"),
        "{ran:#?}"
    );
    assert!(
        ran.stderr
            .contains("the name `intro` differs only in case from `Intro` in videos/Intro.yaml:1"),
        "{ran:#?}"
    );
}

#[test]
fn one_broken_manifest_hides_no_other() {
    let project = Project::new(None);
    project.wishes(3);
    project.write("videos/broken.yaml", "promt: x\n");
    project.write(
        "videos/mixed.yaml",
        "name: good\nprompt: x\n---\nname: bad\nprompt: 7\n",
    );
    let ran = project.expect(1, &["plan"]);
    for name in ["video-00", "video-01", "video-02", "good"] {
        assert!(ran.stdout.contains(&format!("+ create {name}")), "{ran:#?}");
    }
    assert!(ran.stderr.contains("did you mean `prompt`?"), "{ran:#?}");
    assert!(ran.stderr.contains("quote it: prompt: \"7\""), "{ran:#?}");
}

#[test]
fn skipped_files_are_no_manifests() {
    let project = Project::new(None);
    for name in [
        ".hidden.yaml",
        "_draft.yaml",
        "_lib/x.yaml",
        ".git/x.yaml",
        "a.yaml~",
        "#a.yaml#",
        ".a.yaml.swp",
        "notes.md",
    ] {
        project.write(&format!("videos/{name}"), "promt: x\n");
    }
    project.wish("real", "Real.");
    project.expect(0, &["validate"]);
}

#[test]
fn settings_are_checked_like_manifests() {
    for (settings, says) in [
        ("max_job: 3\n", "did you mean `max_jobs`?"),
        ("poll_interval: 5\n", "write it like 300ms, 5s or 10m"),
        (
            "manifests: ../elsewhere\n",
            "must lie inside the project directory",
        ),
        (
            "state: /var/lib/x\n",
            "must lie inside the project directory",
        ),
        (
            "state: postgres://user:hunter2@db/x\n",
            "never write a password here",
        ),
        (
            "limits: {max_cost_usd: cheap}\n",
            "is an amount of US dollars",
        ),
        ("retry: {max_attempts: 0}\n", "a whole number from 1 to 100"),
    ] {
        let project = Project::new(None);
        project.wish("a", "A.");
        project.write("reconcile.yaml", settings);
        let ran = validate(&project);
        assert!(ran.stderr.contains(says), "{settings}: {ran:#?}");
    }
}

#[test]
fn annotations_for_github_and_json_name_the_place() {
    let project = Project::new(None);
    project.write("videos/m.yaml", "prompt: x\navatr_id: a\n");
    let github = project.expect(1, &["validate", "--format", "github"]);
    assert_eq!(
        github.stdout,
        "::error file=videos/m.yaml,line=2,col=1,title=unknown_field::\
         a manifest has no field `avatr_id`%0Adid you mean `avatar_id`?\n"
    );
    let json = project.expect(1, &["validate", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["errors"][0]["line"], 2);
    assert_eq!(document["errors"][0]["code"], "unknown_field");
}
