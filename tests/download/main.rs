//! Downloads through the real binary: every film whole or absent, none outside the folder.

#[path = "../support/films.rs"]
mod films;
#[path = "../support/small.rs"]
mod small;
#[path = "../support/mod.rs"]
mod support;

mod chaos;
mod disk;
mod links;
mod places;
mod theirs;
mod ways;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::time::Duration;

use films::{files, film, is_hidden, not_whole, whose};
use reconcile::sandbox::Config;
use serde_json::{Value, json};
use support::{Heygen, Project};

fn heygen() -> Heygen {
    Heygen::start(Config {
        render_time: Duration::from_millis(60),
        max_jobs: 500,
        ..Config::default()
    })
}

/// What the wish of that number asks for.
fn prompt(n: usize, name: &str) -> String {
    format!("Show {name} as number {n}.")
}

/// A project whose videos of these names are finished.
fn finished(heygen: &Heygen, names: &[&str]) -> Project {
    let project = Project::new(Some(heygen));
    project.set("max_jobs: 500\n");
    for (n, name) in names.iter().enumerate() {
        let text = format!("name: {name:?}\nprompt: {}\n", prompt(n, name));
        project.write(&format!("videos/film-{n}.yaml"), text);
    }
    apply(&project);
    project
}

fn apply(project: &Project) {
    let all = ["--max-submissions", "1000"];
    let arguments = ["apply", "--auto-approve", "--wait"];
    project.expect(0, &[arguments.as_slice(), all.as_slice()].concat());
}

/// The video that each prompt became; of several the last.
fn made(heygen: &Heygen) -> HashMap<String, String> {
    let sessions = heygen.sessions().into_iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    sessions
        .map(|s| (text(&s["request"]["prompt"]), text(&s["video_id"])))
        .collect()
}

/// No file that can be seen is anything but whole.
fn all_whole(files: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(not_whole(files), [""; 0]);
}

fn hidden(files: &BTreeMap<String, Vec<u8>>) -> Vec<&str> {
    let paths = files.keys().map(String::as_str);
    paths.filter(|path| is_hidden(path)).collect()
}

fn json_file(project: &Project, path: &str) -> Value {
    serde_json::from_slice(&fs::read(project.path(path)).unwrap()).unwrap()
}

/// The lines of a type.
fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

fn file_requests(heygen: &Heygen) -> Vec<Value> {
    let mut requests = heygen.requests();
    requests.retain(|r| r["path"].as_str().unwrap().starts_with("/files/"));
    requests
}

#[test]
fn finished_films_are_fetched_once_and_told_of() {
    let heygen = heygen();
    let project = finished(&heygen, &["a", "deep/er/b"]);
    project.write(
        "videos/film-0.yaml",
        "name: a\nprompt: Show a as number 0.\nlabels: {team: x}\n",
    );
    let arguments = ["download", "--format", "json", "--subtitles"];
    let ran = project.expect(0, &arguments);
    let lines = ran.lines();
    assert_eq!(lines[0], json!({"type": "start", "format_version": "1.0"}));
    let downloaded = of_type(&lines, "downloaded");
    assert_eq!(downloaded.len(), 2);
    let a = downloaded.iter().find(|line| line["name"] == "a").unwrap();
    let length = film("", "").len();
    assert_eq!(
        (&a["path"], &a["bytes"]),
        (&json!("downloads/a.mp4"), &json!(length))
    );
    assert!(a["hash"].is_string() && a["session_id"].is_string() && a["video_id"].is_string());
    assert_eq!(ran.summary()["downloaded"], 2);
    let found = files(&project.path("downloads"));
    let paths = [
        "a.json",
        "a.mp4",
        "a.srt",
        "deep/er/b.json",
        "deep/er/b.mp4",
        "deep/er/b.srt",
        "index.json",
    ];
    assert_eq!(found.keys().collect::<Vec<_>>(), paths);
    all_whole(&found);
    let made = made(&heygen);
    for (n, name) in ["a", "deep/er/b"].into_iter().enumerate() {
        let video_id = &made[&prompt(n, name)];
        let film = &found[&format!("{name}.mp4")];
        assert_eq!(whose(film), Some(format!("{video_id}/video.mp4")));
        let subtitles = String::from_utf8_lossy(&found[&format!("{name}.srt")]);
        assert!(subtitles.contains(video_id), "{name}: {subtitles}");
    }

    let about = json_file(&project, "downloads/a.json");
    assert_eq!(about["labels"], json!({"team": "x"}));
    assert_eq!(
        (&about["subtitles"], &about["thumbnail"]),
        (&json!("a.srt"), &Value::Null)
    );
    assert_eq!(about["sha256"], a["sha256"]);
    let index = json_file(&project, "downloads/index.json");
    let names = index["films"]
        .as_array()
        .unwrap()
        .iter()
        .map(|film| &film["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["a", "deep/er/b"]);
    let file = json!({"path": "downloads/a.mp4", "sha256": a["sha256"], "bytes": length});
    assert_eq!(project.status()[0]["file"], file);

    let before = (
        file_requests(&heygen).len(),
        heygen.count("GET", "/v3/videos/vid"),
    );
    let again = project.expect(0, &arguments);
    assert_eq!(again.summary()["present"], 2);
    assert_eq!(
        before,
        (
            file_requests(&heygen).len(),
            heygen.count("GET", "/v3/videos/vid")
        )
    );
    assert!(
        file_requests(&heygen)
            .iter()
            .all(|request| request["key_present"] == false)
    );
}

#[test]
fn what_is_not_finished_is_told_and_decides_the_exit_code_of_who_names_it() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_secs(3600),
        ..Config::default()
    });
    let project = Project::new(Some(&heygen));
    project.wish("a", "A.");
    project.wish("b", "B.");
    project.expect(1, &["download", "a"]);
    project.expect(0, &["apply", "--auto-approve"]);
    let ran = project.expect(0, &["download"]);
    assert!(
        ran.stderr.contains("a: no finished video (submitted)"),
        "{ran:?}"
    );
    let named = project.expect(3, &["download", "a", "--format", "json"]);
    assert_eq!(of_type(&named.lines(), "waiting")[0]["name"], "a");
    assert_eq!(named.summary()["waiting"], 1);
    project.expect(64, &["download", "nothing"]);
}

#[test]
fn what_heygen_does_not_have_beside_a_film_is_told_and_is_no_failure() {
    let heygen = heygen();
    let project = finished(&heygen, &["a"]);
    heygen.faults(json!([{"kind": "film_only", "times": null}]));
    let arguments = [
        "download",
        "--subtitles",
        "--captioned",
        "--thumbnail",
        "--format",
        "json",
    ];
    let ran = project.expect(0, &arguments);
    let lines = ran.lines();
    let kinds = of_type(&lines, "lacking")
        .into_iter()
        .map(|line| line["kind"].clone());
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        ["subtitles", "captioned", "thumbnail"]
    );
    let found = files(&project.path("downloads"));
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        ["a.json", "a.mp4", "index.json"]
    );
    heygen.faults(json!([]));
    project.expect(0, &arguments);
    assert_eq!(files(&project.path("downloads")).len(), 6);
    assert_eq!(
        json_file(&project, "downloads/a.json")["captioned"],
        "a.captioned.mp4"
    );
}

#[test]
fn an_export_carries_what_was_downloaded() {
    let heygen = heygen();
    let project = finished(&heygen, &["a"]);
    project.expect(0, &["download"]);
    let file = project.status()[0]["file"].clone();
    let export = project.expect(0, &["state", "export"]).stdout;
    project.write("backup.jsonl", export);
    fs::remove_dir_all(project.path(".reconcile")).unwrap();
    assert_eq!(project.status()[0]["file"], Value::Null);
    let backup = project.path("backup.jsonl");
    let import = [
        "state",
        "import",
        backup.to_str().unwrap(),
        "--auto-approve",
    ];
    project.expect(0, &import);
    assert_eq!(project.status()[0]["file"], file);
    let fetched = file_requests(&heygen).len();
    assert_eq!(
        project
            .expect(0, &["download", "--format", "json"])
            .summary()["present"],
        1
    );
    assert_eq!(file_requests(&heygen).len(), fetched);
}
