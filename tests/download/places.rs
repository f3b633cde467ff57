//! Where films may go, and what people did to them meanwhile.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::films::{film, whose};
use crate::support::Ran;
use crate::{
    all_whole, apply, file_requests, files, finished, heygen, json_file, made, of_type, prompt,
};

#[test]
fn no_symbolic_link_leads_out_of_the_folder() {
    let heygen = heygen();
    let project = finished(&heygen, &["way/out", "deep/way/out", "film"]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("mine"), "mine").unwrap();
    fs::create_dir_all(project.path("downloads/deep")).unwrap();
    symlink(outside.path(), project.path("downloads/way")).unwrap();
    symlink(outside.path(), project.path("downloads/deep/way")).unwrap();
    symlink(
        outside.path().join("mine"),
        project.path("downloads/film.mp4"),
    )
    .unwrap();
    symlink(
        outside.path().join("mine"),
        project.path("downloads/film.json"),
    )
    .unwrap();
    symlink(
        outside.path().join("mine"),
        project.path("downloads/index.json"),
    )
    .unwrap();
    let ran = project.expect(1, &["download", "--format", "json"]);
    let lines = ran.lines();
    let failed = of_type(&lines, "error");
    assert_eq!(failed.len(), 2, "{ran:?}");
    for line in failed {
        let message = line["failure"]["message"].as_str().unwrap();
        assert!(message.contains("is a symbolic link"), "{line}");
    }
    let mine = files(outside.path());
    assert_eq!(
        mine.into_iter().collect::<Vec<_>>(),
        [("mine".to_owned(), b"mine".to_vec())]
    );
    let fetched = fs::read(project.path("downloads/film.mp4")).unwrap();
    let mark = format!("{}/video.mp4", made(&heygen)[&prompt(2, "film")]);
    assert_eq!(whose(&fetched), Some(mark));
    assert!(
        project
            .path("downloads/film.mp4")
            .symlink_metadata()
            .unwrap()
            .is_file()
    );
}

#[test]
fn a_part_that_is_a_link_is_not_written_through() {
    let heygen = heygen();
    let project = finished(&heygen, &["film"]);
    let outside = tempfile::tempdir().unwrap();
    let mine = outside.path().join("mine");
    fs::write(&mine, "mine").unwrap();
    fs::create_dir(project.path("downloads")).unwrap();
    symlink(&mine, project.path("downloads/.film.mp4.reconcile-part")).unwrap();
    let ran = project.expect(1, &["download"]);
    assert!(ran.stderr.contains("is no regular file"), "{ran:?}");
    assert_eq!(fs::read(&mine).unwrap(), b"mine");
}

#[test]
fn the_folder_itself_is_inside_unless_a_person_says_otherwise() {
    let heygen = heygen();
    let project = finished(&heygen, &["film"]);
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), project.path("downloads")).unwrap();
    let ran = project.expect(1, &["download"]);
    assert!(ran.stderr.contains("is a symbolic link"), "{ran:?}");
    assert!(files(outside.path()).is_empty());
    let mut command = project.command(&["download"]);
    let elsewhere = outside.path().join("new");
    let ran = Ran::from(
        command
            .env("RECONCILE_DOWNLOADS", &elsewhere)
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    all_whole(&files(&elsewhere));
    assert!(elsewhere.join("film.mp4").is_file());
}

#[test]
fn what_a_person_changed_is_fetched_again_and_what_was_only_touched_is_not() {
    let heygen = heygen();
    let project = finished(&heygen, &["film"]);
    let path = project.path("downloads/film.mp4");
    project.expect(0, &["download"]);
    let fetched = file_requests(&heygen).len();
    let ours = film(&made(&heygen)[&prompt(0, "film")], "video.mp4");
    fs::write(&path, &ours).unwrap();
    project.expect(0, &["download"]);
    assert_eq!(file_requests(&heygen).len(), fetched, "touched");
    let mut other = ours.clone();
    other[100] ^= 1;
    for (round, changed) in [&ours[..100], &other, b""].into_iter().enumerate() {
        fs::write(&path, changed).unwrap();
        project.expect(0, &["download"]);
        assert_eq!(file_requests(&heygen).len(), fetched + 1 + round);
        assert!(fs::read(&path).unwrap() == ours);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let ran = project.expect(1, &["download"]);
    assert!(ran.stderr.contains("film.mp4"), "{ran:?}");
}

#[test]
fn a_renamed_wish_takes_its_files_along_and_a_second_name_copies() {
    let heygen = heygen();
    let project = finished(&heygen, &["old"]);
    project.expect(0, &["download", "--subtitles"]);
    let fetched = file_requests(&heygen).len();
    let wish = |name: &str| format!("name: {name}\nprompt: Show old as number 0.\n");
    project.write("videos/film-0.yaml", wish("new/er"));
    apply(&project);
    let ran = project.expect(0, &["download", "--format", "json"]);
    assert_eq!(of_type(&ran.lines(), "downloaded")[0]["how"], "moved");
    let found = files(&project.path("downloads"));
    let paths = ["index.json", "new/er.json", "new/er.mp4", "new/er.srt"];
    assert_eq!(found.keys().collect::<Vec<_>>(), paths);
    assert_eq!(
        json_file(&project, "downloads/new/er.json")["name"],
        "new/er"
    );

    project.write("videos/film-1.yaml", wish("second"));
    apply(&project);
    let ran = project.expect(0, &["download", "--format", "json"]);
    assert_eq!(of_type(&ran.lines(), "downloaded")[0]["how"], "copied");
    let mark = format!("{}/video.mp4", made(&heygen)[&prompt(0, "old")]);
    let found = files(&project.path("downloads"));
    for path in ["new/er.mp4", "second.mp4"] {
        assert_eq!(whose(&found[path]).as_ref(), Some(&mark), "{path}");
    }
    assert_eq!(file_requests(&heygen).len(), fetched);

    fs::remove_file(project.path("videos/film-1.yaml")).unwrap();
    let ran = project.expect(0, &["download"]);
    assert!(ran.stderr.contains("without a manifest: second"), "{ran:?}");
    assert!(project.path("downloads/second.mp4").is_file());
    let films = &json_file(&project, "downloads/index.json")["films"];
    assert_eq!(
        (&films[0]["orphan"], &films[1]["orphan"]),
        (&json!(false), &json!(true))
    );
}

#[test]
fn two_at_a_time_do_not_meet_in_one_folder() {
    let heygen = heygen();
    let project = finished(&heygen, &["film"]);
    let folder = project.path("downloads");
    fs::create_dir(&folder).unwrap();
    let held = fs::File::open(&folder).unwrap();
    held.lock().unwrap();
    let ran = project.expect(1, &["download"]);
    assert!(
        ran.stderr.contains("another reconcile downloads into"),
        "{ran:?}"
    );
    drop(held);
    project.expect(0, &["download"]);
}
