//! `apply --download` and `watch.download`.

use std::fs;
use std::process::Command;
use std::time::Duration;

use reconcile::sandbox::Config;
use serde_json::json;

use crate::films::whose;
use crate::support::{Heygen, Project, Ran, until};
use crate::{all_whole, files, heygen, json_file, made, of_type};

#[test]
fn apply_fetches_what_it_waited_for() {
    let heygen = heygen();
    let project = Project::new(Some(&heygen));
    project.wishes(3);
    let arguments = [
        "apply",
        "--auto-approve",
        "--wait",
        "--download",
        "--thumbnail",
        "--format",
        "json",
    ];
    let ran = project.expect(0, &arguments);
    let lines = ran.lines();
    assert_eq!(of_type(&lines, "downloaded").len(), 3);
    assert_eq!(lines.last().unwrap()["type"], "summary");
    assert_eq!(ran.summary()["downloaded"], 3);
    let found = files(&project.path("downloads"));
    all_whole(&found);
    assert_eq!(
        found.keys().filter(|path| path.ends_with(".jpg")).count(),
        3
    );
    assert_eq!(project.expect(0, &arguments).summary()["downloaded"], 0);
    // What is to be downloaded is waited for.
    project.wish("late", "Late.");
    project.expect(0, &["apply", "--auto-approve", "--download"]);
    assert!(project.path("downloads/late.mp4").exists());
    heygen.faults(json!([{"kind": "redirect", "to": "http://192.0.2.1/", "times": null}]));
    fs::remove_file(project.path("downloads/video-00.mp4")).unwrap();
    project.expect(1, &arguments);
}

#[test]
fn the_summary_is_the_last_line_also_where_downloading_breaks() {
    let heygen = heygen();
    let project = Project::new(Some(&heygen));
    project.wish("a", "A.");
    project.write("downloads/index.json", "mine");
    for arguments in [
        &["apply", "--auto-approve", "--wait", "--download"][..],
        &["download"],
    ] {
        let ran = project.expect(1, &[arguments, &["--format", "json"]].concat());
        assert!(ran.stderr.contains("move it away"), "{ran:?}");
        assert_eq!(ran.lines().last().unwrap()["type"], "summary", "{ran:?}");
    }
    let before = project.expect(1, &["download", "--format", "json"]);
    assert_eq!(before.summary()["present"], 1);
}

#[test]
fn an_interrupted_download_of_apply_says_so_and_holds_nobody_up_before() {
    let heygen = heygen();
    let project = Project::new(Some(&heygen));
    project.wish("a", "A.");
    heygen.faults(json!([
        {"kind": "slow", "ms": 60_000, "method": "GET", "path_prefix": "/files/", "times": null}
    ]));
    let arguments = ["apply", "--auto-approve", "--wait", "--download"];
    let child = project.spawn(&[&arguments[..], &["--format", "json"]].concat());
    until("it fetches", || heygen.count("GET", "/files/") > 0);
    project.expect(0, &["apply", "--auto-approve", "--lock-timeout", "1s"]);
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let ran = Ran::finish(child);
    assert_eq!(ran.code, Some(130), "{ran:?}");
    let lines = ran.lines();
    assert_eq!(lines.last().unwrap()["type"], "summary", "{ran:?}");
    assert_eq!(ran.summary()["downloaded"], 0);
}

#[test]
fn the_film_before_stays_until_its_successor_is_there() {
    let heygen = Heygen::start(Config {
        render_time: Duration::from_millis(1500),
        ..Config::default()
    });
    let project = Project::new(Some(&heygen));
    project.wish("a", "First.");
    project.expect(
        0,
        &[
            "apply",
            "--auto-approve",
            "--wait",
            "--download",
            "--subtitles",
        ],
    );
    let first = json_file(&project, "downloads/a.json");
    project.wish("a", "Second.");
    project.expect(0, &["apply", "--auto-approve"]);
    let ran = project.expect(3, &["download", "a"]);
    assert!(
        ran.stderr.contains("the film of the take before stays"),
        "{ran:?}"
    );
    assert_eq!(json_file(&project, "downloads/a.json"), first);
    let made = made(&heygen);
    let shows = |prompt: &str| {
        let film = fs::read(project.path("downloads/a.mp4")).unwrap();
        assert_eq!(whose(&film), Some(format!("{}/video.mp4", made[prompt])));
    };
    shows("First.");
    project.expect(0, &["apply", "--auto-approve", "--wait", "--download"]);
    shows("Second.");
    let second = json_file(&project, "downloads/a.json");
    assert_ne!(second["hash"], first["hash"]);
    assert_eq!(
        second["subtitles"], "a.srt",
        "what lay beside it is of the new take"
    );
}

#[test]
fn watch_fetches_films_as_they_finish_and_comes_back_to_what_failed() {
    let heygen = heygen();
    let project = Project::new(Some(&heygen));
    project.set("watch:\n  download: true\n  resync: 500ms\n");
    project.wish("a", "A.");
    let broken =
        json!({"kind": "forbidden", "method": "GET", "path_prefix": "/files/", "times": null});
    heygen.faults(json!([broken]));
    let child = project.spawn(&["watch", "--format", "json"]);
    until("a download failed", || {
        let count = heygen.count("GET", "/files/");
        count > 0
    });
    project.wish("b", "B.");
    until("the loop went on", || heygen.sessions().len() == 2);
    heygen.faults(json!([]));
    let path = |name: &str| project.path(&format!("downloads/{name}.mp4"));
    let begun = std::time::Instant::now();
    while !(path("a").exists() && path("b").exists()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "never fetched");
        std::thread::yield_now();
    }
    until("it is recorded", || {
        project
            .status()
            .iter()
            .all(|video| video["file"].is_object())
    });
    Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    let ran = Ran::finish(child);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    all_whole(&files(&project.path("downloads")));
    assert!(of_type(&ran.lines(), "downloaded").len() == 2, "{ran:#?}");
    assert_eq!(
        project
            .expect(0, &["download", "--format", "json"])
            .summary()["present"],
        2
    );
}

#[test]
fn what_lay_beside_the_film_before_is_not_left_beside_its_successor() {
    let heygen = heygen();
    let project = Project::new(Some(&heygen));
    let take = |prompt: &str| {
        project.wish("a", prompt);
        project.expect(0, &["apply", "--auto-approve", "--wait"]);
    };
    let srt = project.path("downloads/a.srt");
    let put_away = project.path("downloads/.a.srt.reconcile-old");
    take("First.");
    project.expect(0, &["download", "--subtitles"]);
    assert!(srt.exists());

    take("Second.");
    let film_alone =
        json!({"kind": "redirect", "to": "http://192.0.2.1/", "skip": 1, "times": null});
    heygen.faults(json!([film_alone]));
    project.expect(1, &["download"]);
    assert!(!srt.exists() && put_away.exists());
    assert!(json_file(&project, "downloads/a.json")["subtitles"].is_null());
    heygen.faults(json!([]));
    project.expect(0, &["download"]);
    assert!(srt.exists() && !put_away.exists(), "it was still wanted");
    assert_eq!(
        json_file(&project, "downloads/a.json")["subtitles"],
        "a.srt"
    );

    take("Third.");
    heygen.faults(json!([{"kind": "film_only", "times": null}]));
    let ran = project.expect(0, &["download", "--format", "json"]);
    assert_eq!(of_type(&ran.lines(), "lacking")[0]["kind"], "subtitles");
    assert!(!srt.exists() && !put_away.exists());
}
