//! What a person put into the downloads folder stays.

use std::fs;

use reconcile::state::{Holder, Lock};
use serde_json::json;

use crate::films::{film, whose};
use crate::support::{Heygen, Project, Ran, until};
use crate::{
    all_whole, apply, file_requests, files, finished, heygen, hidden, json_file, made, of_type,
    prompt,
};

fn write(project: &Project, name: &str, text: &[u8]) {
    fs::create_dir_all(project.path("downloads")).unwrap();
    fs::write(project.path("downloads").join(name), text).unwrap();
}

#[test]
fn a_persons_own_files_are_not_replaced() {
    let heygen = heygen();
    let project = finished(&heygen, &["cut", "same", "told", "under", "fine"]);
    let mut edited = film(&made(&heygen)[&prompt(1, "same")], "video.mp4");
    edited[100] ^= 1;
    let theirs: [(&str, &[u8]); 5] = [
        ("cut.mp4", b"mine"),
        ("same.mp4", &edited),
        ("told.json", b"{\"name\": \"mine\"}"),
        ("under.srt", b"mine"),
        ("index.json", b"[]"),
    ];
    for (name, text) in theirs {
        write(&project, name, text);
    }
    let ran = project.expect(1, &["download", "--subtitles", "--format", "json"]);
    for (name, text) in theirs {
        assert_eq!(
            fs::read(project.path("downloads").join(name)).unwrap(),
            text
        );
        let told = format!("{name} is not a download of reconcile; move it away");
        assert!(
            format!("{}{}", ran.stdout, ran.stderr).contains(&told),
            "{name}: {ran:?}"
        );
        fs::remove_file(project.path("downloads").join(name)).unwrap();
    }
    assert_eq!(of_type(&ran.lines(), "error").len(), 4, "{ran:?}");
    project.expect(0, &["download", "--subtitles"]);
    let found = files(&project.path("downloads"));
    all_whole(&found);
    assert_eq!(found.len(), 16);
}

/// A kill may come between the placing and the record.
#[test]
fn a_film_of_ours_that_nothing_records_is_taken_for_ours() {
    let heygen = heygen();
    let project = finished(&heygen, &["film"]);
    let video_id = &made(&heygen)[&prompt(0, "film")];
    write(&project, "film.mp4", &film(video_id, "video.mp4"));
    project.expect(0, &["download"]);
    assert_eq!(json_file(&project, "downloads/film.json")["name"], "film");
}

#[test]
fn what_was_downloaded_into_another_folder_explains_nothing_here() {
    let heygen = heygen();
    let project = finished(&heygen, &["film"]);
    project.expect(0, &["download"]);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("film.mp4"), "mine").unwrap();
    let mut command = project.command(&["download"]);
    let output = command
        .env("RECONCILE_DOWNLOADS", elsewhere.path())
        .output();
    let ran = Ran::from(output.unwrap());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(
        fs::read(elsewhere.path().join("film.mp4")).unwrap(),
        b"mine"
    );
}

#[test]
fn films_do_not_go_where_something_else_lives() {
    let heygen = heygen();
    let project = finished(&heygen, &["film"]);
    let fetched = file_requests(&heygen).len();
    project.write("deep/videos/other.yaml", "prompt: Other.\n");
    for (settings, what) in [
        ("downloads: .\n", "project"),
        ("downloads: videos\n", "manifests' folder"),
        (
            "downloads: deep\nmanifests: deep/videos\n",
            "manifests' folder",
        ),
        ("downloads: ./.reconcile/\n", "state"),
    ] {
        project.set(settings);
        for arguments in [
            &["download"][..],
            &["apply", "--auto-approve", "--wait", "--download"],
        ] {
            let ran = project.expect(1, arguments);
            assert!(
                ran.stderr.contains(&format!("the {what} lies there")),
                "{ran:?}"
            );
        }
    }
    assert_eq!(heygen.sessions().len(), 1, "nothing was submitted");
    assert_eq!(file_requests(&heygen).len(), fetched);
}

#[test]
fn no_manifest_sends_what_a_film_would_replace() {
    let heygen = heygen();
    let project = finished(&heygen, &["film"]);
    let sends = |path: &str| {
        let text = format!("prompt: Show this.\nfiles:\n  - path: {path}\n");
        project.write("videos/film-1.yaml", text);
        let ran = project.run(&["validate", "--format", "json"]);
        (ran.code, format!("{}{}", ran.stdout, ran.stderr))
    };
    let intro = film("intro", "video.mp4");
    write(&project, "intro.mp4", &intro);
    project.write("given/intro.mp4", intro);
    assert_eq!(sends("../given/intro.mp4").0, Some(0));
    std::os::unix::fs::symlink("../downloads", project.path("given/link")).unwrap();
    for path in ["../downloads/intro.mp4", "../given/link/intro.mp4"] {
        let (code, told) = sends(path);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("file_in_downloads"), "{told}");
    }
    project.set("downloads: given\n");
    assert_eq!(sends("../downloads/intro.mp4").0, Some(0));
    assert_eq!(
        sends("../given/intro.mp4").0,
        Some(1),
        "known by the index or not"
    );
}

#[test]
fn a_film_that_can_not_be_told_of_is_recorded_all_the_same() {
    let heygen = heygen();
    let project = finished(&heygen, &["film", "fine"]);
    fs::create_dir_all(project.path("downloads/film.json")).unwrap();
    let ran = project.expect(1, &["download", "--format", "json"]);
    assert!(ran.stdout.contains("film.json"), "{ran:?}");
    let fetched = file_requests(&heygen).len();
    project.expect(1, &["download"]);
    assert_eq!(file_requests(&heygen).len(), fetched, "it is there");
    fs::remove_file(project.path("videos/film-0.yaml")).unwrap();
    fs::remove_file(project.path("downloads/fine.mp4")).unwrap();
    fs::create_dir(project.path("downloads/fine.mp4")).unwrap();
    project.expect(1, &["download"]);
    let films = &json_file(&project, "downloads/index.json")["films"];
    assert_eq!(films.as_array().unwrap().len(), 1);
    assert_eq!(films[0]["name"], "film");
}

#[test]
fn a_film_that_is_taken_along_replaces_nothing_of_theirs() {
    let heygen = heygen();
    let project = finished(&heygen, &["old"]);
    project.expect(0, &["download", "--subtitles"]);
    write(&project, "new.srt", b"mine");
    write(&project, "newer.mp4", b"mine");
    for name in ["new", "newer"] {
        let text = format!("name: {name}\nprompt: Show old as number 0.\n");
        project.write("videos/film-0.yaml", text);
        project.expect(0, &["apply", "--auto-approve", "--wait"]);
        let ran = project.expect(1, &["download"]);
        assert!(ran.stderr.contains("move it away"), "{ran:?}");
    }
    for name in ["new.srt", "newer.mp4"] {
        let path = project.path("downloads").join(name);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        fs::remove_file(path).unwrap();
    }
    let fetched = file_requests(&heygen).len();
    project.expect(0, &["download"]);
    all_whole(&files(&project.path("downloads")));
    assert_eq!(file_requests(&heygen).len(), fetched);
    assert_eq!(json_file(&project, "downloads/newer.json")["name"], "newer");
}

/// What came in place and could not be recorded, as after a kill in between, is ours: the next take
/// replaces it. What a person made of it is theirs.
#[test]
fn a_film_that_was_placed_and_not_recorded_is_replaced_by_the_next_take_unless_it_was_changed() {
    let heygen = heygen();
    let project = Project::new(Some(&heygen));
    let names = ["left", "changed"];
    for name in names {
        project.wish(name, &format!("First {name}."));
    }
    apply(&project);
    for name in names {
        placed_and_not_recorded(&heygen, &project, name);
    }
    let mut edited = fs::read(project.path("downloads/changed.mp4")).unwrap();
    edited[100] ^= 1;
    write(&project, "changed.mp4", &edited);
    for name in names {
        project.wish(name, &format!("Second {name}."));
    }
    apply(&project);
    project.expect(1, &["download"]);
    let found = files(&project.path("downloads"));
    assert!(found["changed.mp4"] == edited);
    let second = &made(&heygen)["Second left."];
    assert_eq!(
        whose(&found["left.mp4"]),
        Some(format!("{second}/video.mp4"))
    );
    fs::remove_file(project.path("downloads/changed.mp4")).unwrap();
    project.expect(0, &["download"]);
    assert_eq!(hidden(&files(&project.path("downloads"))), [""; 0]);
}

/// The state is locked from the moment that the film is asked for.
fn placed_and_not_recorded(heygen: &Heygen, project: &Project, name: &str) {
    heygen.faults(json!([
        {"kind": {"slow": {"ms": 300}}, "method": "GET", "path_prefix": "/files/"}
    ]));
    let before = file_requests(heygen).len();
    let mut child = project.spawn(&["download", name, "--lock-timeout", "0s"]);
    until("it fetches", || file_requests(heygen).len() > before);
    let lock = Lock::try_acquire(&project.path(".reconcile"), &holder()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(lock);
    assert!(project.path(&format!("downloads/{name}.mp4")).exists());
}

fn holder() -> Holder {
    Holder {
        pid: std::process::id(),
        host: "here".into(),
        command: "a test".into(),
        since: jiff::Timestamp::UNIX_EPOCH,
    }
}
