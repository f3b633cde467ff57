//! Writing manifests: what is said once for all of them, and prompts in files of their own.

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;
use support::{Heygen, Project};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn applied(project: &Project) {
    project.expect(0, &["apply", "--auto-approve", "--wait"]);
}

/// Hash of the only wish of a project that was never applied.
fn hash(settings: &str, manifest: &str) -> String {
    let project = Project::new(None);
    project.write("logo.png", PNG);
    project.write("videos/logo.png", [PNG, b"of the manifest"].concat());
    project.set(settings);
    project.write("videos/deep/a.yaml", manifest);
    project.write("videos/deep/launch.md", "Say hello.\n");
    let plan = project.plan();
    assert_eq!(plan["errors"], Value::Array(vec![]), "{settings}{manifest}");
    plan["actions"][0]["hash"].as_str().unwrap().to_owned()
}

fn errors(project: &Project) -> Vec<Value> {
    let ran = project.run(&["validate", "--format", "json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    said["errors"].as_array().unwrap().clone()
}

/// `path:line code` of everything that is wrong.
fn places(project: &Project) -> Vec<String> {
    let place = |e: &Value| {
        let text = |field: &str| e[field].as_str().unwrap();
        format!("{}:{} {}", text("path"), e["line"], text("code"))
    };
    errors(project).iter().map(place).collect()
}

#[test]
fn the_hash_is_of_the_result() {
    let all = "defaults:\n  avatar_id: av\n  voice_id: vo\n  orientation: portrait\n  \
               incognito_mode: true\n  files: [{path: logo.png}]\n  labels: {a: b}\n";
    for (manifest, same) in [
        (
            "prompt: x\n",
            "prompt: x\navatar_id: av\nvoice_id: vo\norientation: portrait\nincognito_mode: true\n\
             files: [{path: ../../logo.png}]\n",
        ),
        (
            "prompt: x\navatar_id: other\nvoice_id: null\norientation: ~\nincognito_mode: false\nfiles: []\n",
            "prompt: x\navatar_id: other\n",
        ),
        (
            "prompt: x\navatar_id:\nvoice_id:\norientation: landscape\nincognito_mode: null\n\
             files: [{path: ../logo.png}, {asset_id: as}]\nlabels: null\n",
            "prompt: x\norientation: landscape\nfiles: [{path: ../logo.png}, {asset_id: as}]\n",
        ),
        (
            "prompt: x\navatar_id: null\nvoice_id: null\norientation: null\nincognito_mode: null\nfiles: null\n",
            "prompt: x\n",
        ),
    ] {
        assert_eq!(hash(all, manifest), hash("", same), "{manifest}");
    }
    assert_eq!(
        hash("defaults: {voice_id: null}\n", "prompt: x\n"),
        hash("defaults:\n", "prompt: x\n")
    );
}

#[test]
fn a_default_that_says_what_the_manifests_said_costs_nothing() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("videos/a.yaml", "prompt: A.\nvoice_id: vo\n");
    project.write("videos/b.yaml", "prompt: B.\nvoice_id: vo\n");
    applied(&project);
    project.set("defaults: {voice_id: vo}\n");
    project.write("videos/a.yaml", "prompt: A.\n");
    applied(&project);
    assert!(project.actions().is_empty());
    assert_eq!(heygen.sessions().len(), 2);
    project.write("videos/c.yaml", "prompt: C.\n");
    applied(&project);
    let requests = heygen.sessions();
    let voices: Vec<_> = requests.iter().map(|s| &s["request"]["voice_id"]).collect();
    assert_eq!(voices, ["vo", "vo", "vo"]);
}

#[test]
fn labels_and_callback_urls_are_merged_and_a_null_leaves_one_out() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set(
        "callback_url: https://a.example/all\n\
         defaults: {labels: {prune: never, team: web}, callback_url: https://a.example/default}\n",
    );
    project.write("videos/kept.yaml", "prompt: A.\nlabels: {team: other}\n");
    project.write("videos/free.yaml", "prompt: B.\nlabels: {prune: null}\n");
    project.write("videos/bare.yaml", "prompt: C.\nlabels: null\n");
    project.write(
        "videos/own.yaml",
        "prompt: D.\ncallback_url: https://a.example/own\n",
    );
    project.write("videos/none.yaml", "prompt: E.\ncallback_url: null\n");
    applied(&project);
    let mut urls: Vec<_> = heygen.sessions();
    urls.sort_by_key(|s| s["request"]["prompt"].as_str().unwrap().to_owned());
    let urls: Vec<_> = urls.iter().map(|s| &s["request"]["callback_url"]).collect();
    let url = |path: &str| format!("https://a.example/{path}");
    assert_eq!(
        urls,
        ["default", "default", "default", "own", "all"]
            .map(url)
            .each_ref()
    );
    for name in ["kept", "free", "bare"] {
        fs::remove_file(project.path(&format!("videos/{name}.yaml"))).unwrap();
    }
    let plan = project.expect(0, &["plan", "--prune"]).stdout;
    assert!(plan.contains("- delete bare"), "{plan}");
    assert!(plan.contains("- delete free"), "{plan}");
    assert!(plan.contains("o orphan kept"), "{plan}");
}

#[test]
fn errors_in_defaults_are_told_once_at_their_line() {
    let project = Project::new(None);
    project.wishes(3);
    let lines = "defaults:\n  voice_id: 7\n  oriention: portrait\n  prompt: x\n  revision: 2\n  \
                 callback_id: x\n  labels: [a]\n  files: [{url: http://a.b}]\n";
    project.write("reconcile.yaml", lines);
    let mut found = places(&project);
    found.sort();
    assert_eq!(
        found,
        [
            "reconcile.yaml:2 number_for_string",
            "reconcile.yaml:3 unknown_field",
            "reconcile.yaml:4 no_default",
            "reconcile.yaml:5 no_default",
            "reconcile.yaml:6 callback_id",
            "reconcile.yaml:7 wrong_type",
            "reconcile.yaml:8 file_url",
        ]
    );
    let github = project.expect(1, &["validate", "--format", "github"]);
    let line = "::error file=reconcile.yaml,line=3,col=3,title=unknown_field::";
    assert!(github.stdout.contains(line), "{github:#?}");
    let plan = project.expect(1, &["plan"]);
    assert!(plan.stderr.contains("did you mean `orientation`?"));
    assert!(plan.stderr.contains("the settings can't be used"));
}

#[test]
fn a_file_of_the_defaults_that_is_missing_holds_only_who_leaves_files_to_them() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("brand/logo.png", PNG);
    project.set("defaults:\n  files:\n    - path: brand/logo.png\n");
    project.write("videos/deep/a.yaml", "prompt: A.\n");
    applied(&project);
    fs::remove_file(project.path("brand/logo.png")).unwrap();
    project.write("videos/b.yaml", "prompt: B.\nfiles: []\n");
    project.write("videos/c.yaml", "prompt: C.\n");
    fs::rename(
        project.path("videos/deep/a.yaml"),
        project.path("videos/moved.yaml"),
    )
    .unwrap();
    assert_eq!(places(&project), ["reconcile.yaml:6 file_missing"]);
    assert_eq!(
        project.actions(),
        ["b create new", "deep/a orphan manifest_gone"]
    );
    project.expect(1, &["apply", "--auto-approve"]);
    assert_eq!(heygen.sessions().len(), 1);
    // A link out of the project is no way in.
    symlink("/etc/hostname", project.path("brand/logo.png")).unwrap();
    assert_eq!(places(&project), ["reconcile.yaml:6 file_outside"]);
    fs::remove_file(project.path("brand/logo.png")).unwrap();
    project.write("brand/logo.png", PNG);
    let actions = project.actions();
    assert!(
        actions.contains(&"moved move renamed".to_owned()),
        "{actions:?}"
    );
}

#[test]
fn the_plan_tells_what_the_defaults_change_and_for_how_much() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("defaults: {voice_id: one, orientation: landscape}\n");
    for name in ["a", "b", "c"] {
        project.wish(name, name);
    }
    project.write(
        "videos/own.yaml",
        "prompt: own\norientation: portrait\nvoice_id: own\n",
    );
    applied(&project);
    project.set("defaults: {voice_id: two}\n");
    project.wish("c", "another c");
    let text = project.expect(0, &["plan"]).stdout;
    let reason = "voice_id changed (from defaults in reconcile.yaml); orientation removed (neither the \
                  manifest nor defaults in reconcile.yaml say it)";
    assert!(
        text.contains(&format!("~ update a  about $2.00\n    {reason}\n")),
        "{text}"
    );
    let mixed = format!("    prompt changed; {reason}\n");
    assert!(text.contains(&mixed), "{text}");
    let last = "2 of these submissions are made only because of defaults in reconcile.yaml: about \
                $4.00.\n";
    assert!(text.ends_with(last), "{text}");
    let plan = project.plan();
    assert_eq!(plan["from_defaults"]["submissions"], 2);
    assert_eq!(plan["from_defaults"]["estimate_usd"], 3.996);
    assert_eq!(plan["summary"]["update"], 3);
    let sources = |action: usize| {
        let changes = plan["actions"][action]["changes"]
            .as_array()
            .unwrap()
            .iter();
        let told = |c: &Value| format!("{} {}", c["field"].as_str().unwrap(), c["source"]);
        changes.map(told).collect::<Vec<_>>()
    };
    assert_eq!(sources(0), ["voice_id \"defaults\"", "orientation null"]);
    assert_eq!(
        sources(2),
        [
            "prompt \"manifest\"",
            "voice_id \"defaults\"",
            "orientation null"
        ]
    );
}

#[test]
fn without_defaults_nothing_is_said_of_them() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("videos/a.yaml", "prompt: A.\nvoice_id: vo\n");
    applied(&project);
    project.write("videos/a.yaml", "prompt: A.\n");
    let text = project.expect(0, &["plan"]).stdout;
    assert!(text.contains("    voice_id changed\n"), "{text}");
    assert!(!text.contains("defaults"), "{text}");
    assert_eq!(project.plan()["from_defaults"]["submissions"], 0);
}

#[test]
fn moving_a_prompt_into_a_file_costs_nothing() {
    let inline = hash("", "prompt: |\n  Say hello.\n\n  Twice.\n");
    let project = Project::new(None);
    project.write("videos/a.yaml", "prompt: null\nprompt_file: launch.md\n");
    for text in [
        "Say hello.\n\nTwice.\n",
        "\u{feff}Say hello.\r\n\r\nTwice.",
        "\n\n Say hello.\r\rTwice.\u{3000}\n",
    ] {
        project.write("videos/launch.md", text);
        assert_eq!(
            project.plan()["actions"][0]["hash"],
            inline.as_str(),
            "{text:?}"
        );
    }
    let elsewhere = "prompt_file: ../texts/welcome.txt\nprompt: ~\n";
    project.write("videos/a.yaml", elsewhere);
    project.write("texts/welcome.txt", "Say hello.\n\nTwice.\n");
    assert_eq!(project.plan()["actions"][0]["hash"], inline.as_str());
    assert_eq!(project.plan()["actions"].as_array().unwrap().len(), 1);
}

#[test]
fn an_edited_prompt_file_is_shown_as_a_diff_of_its_text_and_submitted() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("videos/a.yaml", "prompt_file: a.md\n");
    project.write("videos/b.yaml", "prompt_file: a.md\nrevision: 2\n");
    project.write("videos/a.md", "One.\nTwo.\nThree.\n");
    applied(&project);
    project.write("videos/a.md", "One.\nTwo, and a half.\nThree.\n");
    let text = project.expect(0, &["plan"]).stdout;
    assert!(text.contains("prompt changed"), "{text}");
    assert!(
        text.contains("    -  Two.\n    +  Two, and a half.\n       Three.\n"),
        "{text}"
    );
    applied(&project);
    assert_eq!(heygen.sessions().len(), 4);
    assert!(project.actions().is_empty());
}

#[test]
fn what_is_wrong_with_a_prompt_file_is_told_where_it_is() {
    let project = Project::new(None);
    project.write(
        "videos/a.yaml",
        "orientation: portrait\nprompt_file: a.md\n",
    );
    project.write("videos/again.yaml", "prompt_file: a.md\n");
    let long = "é".repeat(10_001);
    for (text, at_manifests, code) in [
        (long.as_bytes(), true, "prompt_length"),
        (" \r\n\u{2003}".as_bytes(), true, "prompt_length"),
        (b"", true, "prompt_length"),
        (
            "one\r\ntwo\u{2028}".as_bytes(),
            false,
            "ambiguous_character",
        ),
        ("one\rtwo\u{85}".as_bytes(), false, "ambiguous_character"),
        (
            "\u{feff}one\n\u{feff}two".as_bytes(),
            false,
            "ambiguous_character",
        ),
        (b"one\n\x1b[2J", false, "control_character"),
        (b"one\ntwo \xff", false, "not_utf8"),
        (&[b'x'; (1 << 20) + 1], true, "file_too_large"),
    ] {
        project.write("videos/a.md", text);
        let expected = match at_manifests {
            true => vec![
                format!("videos/a.yaml:2 {code}"),
                format!("videos/again.yaml:1 {code}"),
            ],
            false => vec![format!("videos/a.md:2 {code}")],
        };
        assert_eq!(
            places(&project),
            expected,
            "{:?}",
            String::from_utf8_lossy(text)
        );
    }
    project.write("videos/a.md", "one\ntwo\u{2029}");
    let said = project.expect(1, &["validate"]).stderr;
    let way_out = "remove it, or move the prompt into the manifest and write \\u2029 in a double-quoted \
                   string";
    assert!(said.contains(way_out), "{said}");
}

#[test]
fn no_secret_of_the_project_is_told_as_a_prompt() {
    let project = Project::new(None);
    project.set("state: kept\n");
    project.write(".env", "HEYGEN_API_KEY=hunter2\n");
    project.write("kept/webhook-secret", "whsec_hunter2\n");
    symlink("../.env", project.path("videos/innocent.md")).unwrap();
    for (given, code) in [
        ("../.env", "prompt_file"),
        ("innocent.md", "prompt_file"),
        ("../kept/webhook-secret", "file_private"),
    ] {
        project.write("videos/a.yaml", format!("prompt_file: {given}\n"));
        assert_eq!(places(&project), [format!("videos/a.yaml:1 {code}")]);
        let plan = project.run(&["plan", "--format", "json"]);
        assert!(!format!("{plan:?}").contains("hunter2"), "{plan:#?}");
    }
}

#[test]
fn a_prompt_file_is_a_regular_file_inside_the_project_and_no_manifest() {
    let project = Project::new(None);
    project.wish("good", "Good.");
    project.write("videos/a.yaml", "prompt_file: a.md\n");
    symlink("/etc/hostname", project.path("videos/a.md")).unwrap();
    assert_eq!(places(&project), ["videos/a.yaml:1 file_outside"]);
    fs::remove_file(project.path("videos/a.md")).unwrap();
    let fifo = project.path("videos/a.md");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(places(&project), ["videos/a.yaml:1 file_unreadable"]);
    fs::remove_file(&fifo).unwrap();
    project.write("texts/a.txt", "Inside.");
    symlink("../texts/a.txt", &fifo).unwrap();
    assert!(places(&project).is_empty());
    project.write("videos/a.yaml", "prompt: x\nprompt_file: a.md\n");
    let both = errors(&project);
    assert_eq!(both.len(), 1);
    let message = both[0]["message"].as_str().unwrap();
    assert!(message.contains("`prompt`") && message.contains("`prompt_file`"));
    project.write("videos/a.yaml", "prompt_file: text.yml\n");
    project.write("videos/text.yml", "Say hello.\n");
    assert_eq!(
        places(&project),
        [
            "videos/a.yaml:1 prompt_file",
            "videos/text.yml:1 wrong_type"
        ]
    );
}

/// Errors quote the line they are about, and what CI prints is read by everybody.
#[test]
fn no_secret_is_quoted_from_a_manifest_that_is_a_link() {
    let project = Project::new(None);
    project.write(".env", "HEYGEN_API_KEY=hunter2\n");
    project.write(".reconcile/webhook-secret", "whsec_hunter2\n");
    symlink("../.env", project.path("videos/x.yaml")).unwrap();
    symlink(
        "../.reconcile/webhook-secret",
        project.path("videos/y.yaml"),
    )
    .unwrap();
    let ran = project.expect(1, &["validate"]);
    assert_eq!(ran.stderr.matches("link_private").count(), 2, "{ran:#?}");
    assert!(!format!("{ran:?}").contains("hunter2"), "{ran:#?}");
}

/// The environment may put state and key anywhere, also into the project.
#[test]
fn what_the_environment_names_as_secret_is_no_prompt() {
    let project = Project::new(None);
    project.write("var/webhook-secret", "whsec_hunter2\n");
    project.write("secrets/heygen.key", "hunter2\n");
    project.write("videos/a.yaml", "prompt_file: ../var/webhook-secret\n");
    project.write("videos/b.yaml", "prompt_file: ../secrets/heygen.key\n");
    for command in ["plan", "validate"] {
        let ran = project
            .command(&[command])
            .env("RECONCILE_STATE", "var")
            .env("HEYGEN_API_KEY_FILE", project.path("secrets/heygen.key"))
            .output()
            .unwrap();
        let ran = support::Ran::from(ran);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        assert_eq!(ran.stderr.matches("file_private").count(), 2, "{ran:#?}");
        assert!(!format!("{ran:?}").contains("hunter2"), "{ran:#?}");
    }
}
