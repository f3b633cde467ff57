//! What changes is looked at, once, and submitted in its last form.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::{Heygen, Project, until};
use crate::watcher::Watcher;

/// Nothing but a change leads to a look within the time of a test: no poll, no resync.
const NOTHING_ELSE: &str = "poll_interval: 10m\nwatch: {quiet: 50ms}\n";

fn prompts(heygen: &Heygen) -> Vec<String> {
    let sessions = heygen.sessions();
    let prompt = |s: &serde_json::Value| s["request"]["prompt"].as_str().unwrap().to_owned();
    sessions.iter().map(prompt).collect()
}

#[test]
fn a_save_a_new_folder_a_rename_and_a_removal_are_seen() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("reconcile.yaml", NOTHING_ELSE);
    project.wish("one", "One.");
    let watcher = Watcher::start(&project, &[]);
    until("the first is submitted", || heygen.sessions().len() == 1);
    project.wish("one", "One, again.");
    until("the edit is submitted", || heygen.sessions().len() == 2);
    fs::create_dir_all(project.path("videos/a/b")).unwrap();
    project.wish("a/b/two", "Two.");
    until("the new folder's is submitted", || {
        heygen.sessions().len() == 3
    });
    project.write("elsewhere/three.yaml", "prompt: Three.\n");
    fs::rename(project.path("elsewhere"), project.path("videos/moved")).unwrap();
    until("the moved folder's is submitted", || {
        heygen.sessions().len() == 4
    });
    fs::rename(
        project.path("videos/a/b/two.yaml"),
        project.path("videos/2.yaml"),
    )
    .unwrap();
    watcher.says("moved name=2");
    // An editor's way: a temporary file, then a rename over the old one.
    project.write("videos/.one.yaml.swp", "prompt: One, saved.\n");
    fs::rename(
        project.path("videos/.one.yaml.swp"),
        project.path("videos/one.yaml"),
    )
    .unwrap();
    until("the save is submitted", || heygen.sessions().len() == 5);
    fs::remove_file(project.path("videos/2.yaml")).unwrap();
    until("the removal is planned", || {
        watcher.stdout().contains("o orphan 2")
    });
    assert_eq!(heygen.count("DELETE", "/"), 0);
    assert_eq!(prompts(&heygen).len(), 5);
}

#[test]
fn a_local_file_that_changes_is_a_change() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("reconcile.yaml", NOTHING_ELSE);
    let png = |n: u8| [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[n; 40]].concat();
    project.write("logos/logo.png", png(1));
    project.write(
        "videos/a.yaml",
        "prompt: A.\nfiles:\n  - path: ../logos/logo.png\n",
    );
    let _watcher = Watcher::start(&project, &[]);
    until("it is submitted", || heygen.sessions().len() == 1);
    project.write("logos/logo.png", png(2));
    until("the other logo is submitted", || {
        heygen.sessions().len() == 2
    });
}

/// As most people keep them: beside the manifest that uses them.
#[test]
fn a_local_file_below_the_manifests_that_changes_is_a_change() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("reconcile.yaml", NOTHING_ELSE);
    let png = |n: u8| [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[n; 40]].concat();
    project.write("videos/team/logo.png", png(1));
    project.write(
        "videos/team/a.yaml",
        "prompt: A.\nfiles:\n  - path: logo.png\n",
    );
    let _watcher = Watcher::start(&project, &[]);
    until("it is submitted", || heygen.sessions().len() == 1);
    project.write("videos/team/logo.png", png(2));
    until("the other logo is submitted", || {
        heygen.sessions().len() == 2
    });
}

#[test]
fn a_file_among_the_manifests_is_followed_and_so_is_one_that_can_not_be_read_yet() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 50ms}\n");
    project.write("videos/deep/a.yaml", "prompt_file: a.md\n");
    project.write("videos/deep/b.yaml", "prompt_file: ../../texts/b.txt\n");
    project.write("videos/deep/a.md", "A.");
    project.write("texts/other.txt", "Nobody's.");
    let watcher = Watcher::start(&project, &[]);
    until("one is submitted", || heygen.sessions().len() == 1);
    assert!(watcher.stdout().contains("Plan: 1 to create"));
    let metric = "reconcile_manifest_problems";
    until("the missing file is told", || watcher.metric(metric) == 1.0);
    project.write("texts/b.txt", "B.");
    until("the missing one is there", || heygen.sessions().len() == 2);
    project.write("videos/deep/a.md", "A, edited.");
    until("the edit is submitted", || heygen.sessions().len() == 3);
    project.write("videos/deep/a.md", "A, broken \u{2028}.");
    until("the broken one is told", || watcher.metric(metric) == 1.0);
    project.write("videos/deep/a.md", "A, mended.");
    until("the mended one is submitted", || {
        heygen.sessions().len() == 4
    });
    project.write("videos/deep/.a.md.tmp", "A, saved.");
    fs::rename(
        project.path("videos/deep/.a.md.tmp"),
        project.path("videos/deep/a.md"),
    )
    .unwrap();
    until("the save is submitted", || heygen.sessions().len() == 5);
    let last = ["A.", "B.", "A, edited.", "A, mended.", "A, saved."];
    let mut submitted = prompts(&heygen);
    submitted.sort();
    let mut expected = last.map(str::to_owned);
    expected.sort();
    assert_eq!(submitted, expected);
}

#[test]
fn defaults_count_from_the_next_reload_and_their_files_at_once() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let settings = |voice: &str, files: &str| {
        let defaults = format!("defaults: {{voice_id: {voice}, files: [{files}]}}\n");
        project.set(&format!("watch: {{quiet: 50ms}}\n{defaults}"));
    };
    let png = |n: u8| [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[n; 40]].concat();
    project.write("brand/logo.png", png(1));
    settings("one", "{path: brand/logo.png}");
    project.wish("a", "A.");
    let watcher = Watcher::start(&project, &[]);
    until("it is submitted", || heygen.sessions().len() == 1);
    project.write("brand/logo.png", png(2));
    until("the other logo is submitted", || {
        heygen.sessions().len() == 2
    });
    settings("two", "{path: brand/logo.png}");
    project.wish("b", "B.");
    until("the next one is submitted", || heygen.sessions().len() == 3);
    let voices = |voice: &str| {
        let sessions = heygen.sessions();
        let of = |s: &&serde_json::Value| s["request"]["voice_id"] == voice;
        sessions.iter().filter(of).count()
    };
    assert_eq!((voices("one"), voices("two")), (3, 0));
    watcher.signal("-HUP");
    until("both are made anew", || voices("two") == 2);
    settings("three", "{path: brand/logo.png, url: x}");
    watcher.signal("-HUP");
    watcher.says("the old ones stay");
    project.wish("c", "C.");
    until("the old ones count", || voices("two") == 3);
    assert!(
        watcher
            .stdout()
            .contains("2 of these submissions are made only because of defaults")
    );
}

#[test]
fn a_root_that_goes_and_comes_back_is_watched() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("reconcile.yaml", NOTHING_ELSE);
    fs::remove_dir(project.path("videos")).unwrap();
    let watcher = Watcher::start(&project, &[]);
    watcher.says("videos");
    project.wish("one", "One.");
    until("it is submitted", || heygen.sessions().len() == 1);
    fs::rename(project.path("videos"), project.path("away")).unwrap();
    fs::create_dir(project.path("videos")).unwrap();
    project.wish("two", "Two.");
    until("the new root's is submitted", || {
        heygen.sessions().len() == 2
    });
}

#[test]
fn a_checkout_is_one_plan_and_the_same_as_plan_makes() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("limits: {max_submissions: 10}\n");
    let watcher = Watcher::start(&project, &[]);
    until("it looked", || watcher.get("/readyz").0 == 200);
    let before = watcher.plans();
    for n in 0..1_000 {
        project.wish(&format!("f{}/v{n:04}", n % 40), &format!("Show {n}."));
    }
    watcher.says("the plan makes 1000 submissions");
    assert_eq!(watcher.plans(), before + 1);
    let planned = project.run(&["plan"]).stdout;
    assert!(watcher.stdout().ends_with(&planned));
    assert_eq!(heygen.count("POST", "/v3/video-agents"), 0);
    until("a metric tells", || {
        watcher.metric("reconcile_paused{reason=\"plan_limit\"}") == 1.0
    });
}

#[test]
fn a_file_that_is_being_written_waits_and_the_others_do_not() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 1500ms}\n");
    let _watcher = Watcher::start(&project, &[]);
    let begun = Instant::now();
    project.wish("steady", "Steady.");
    let mut edits = 0;
    // Longer than the ceiling of five seconds: a look comes, and leaves this one alone.
    while begun.elapsed() < Duration::from_millis(6_500) {
        edits += 1;
        project.wish("restless", &format!("Edit {edits}."));
        let next = Instant::now() + Duration::from_millis(200);
        while Instant::now() < next {
            std::thread::yield_now();
        }
        assert!(prompts(&heygen).iter().all(|p| p == "Steady."));
    }
    assert_eq!(prompts(&heygen), ["Steady."]);
    until("its last form is submitted", || {
        heygen.sessions().len() == 2
    });
    assert!(prompts(&heygen).contains(&format!("Edit {edits}.")));
}

#[test]
fn what_waits_in_the_queue_is_submitted_in_its_last_form_only() {
    let heygen = Heygen::start(reconcile::sandbox::Config {
        render_time: Duration::from_millis(1_200),
        ..Default::default()
    });
    let project = Project::new(Some(&heygen));
    project.set("max_jobs: 1\nwatch: {quiet: 50ms}\n");
    project.wish("a", "A.");
    project.wish("b", "B, first.");
    let _watcher = Watcher::start(&project, &[]);
    until("one is submitted", || heygen.sessions().len() == 1);
    project.wish("b", "B, second.");
    project.wish("b", "B, last.");
    until("the other is submitted", || heygen.sessions().len() == 2);
    assert_eq!(prompts(&heygen), ["A.", "B, last."]);
}

#[test]
fn a_plan_that_only_gets_shorter_is_shown_once() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("max_jobs: 2\nwatch: {quiet: 50ms}\n");
    project.wishes(12);
    let watcher = Watcher::start(&project, &[]);
    let completed = "reconcile_attempts{phase=\"completed\"}";
    until("all are completed", || watcher.metric(completed) == 12.0);
    until("that is said", || {
        watcher.stdout().contains("Nothing to do")
    });
    assert_eq!(watcher.plans(), 2, "{}", watcher.stdout());
}

/// As a checkout of another branch does it.
#[test]
fn a_folder_of_prompts_that_is_replaced_or_made_anew_is_watched() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("reconcile.yaml", NOTHING_ELSE);
    project.write("texts/a.md", "One.");
    project.write("videos/a.yaml", "prompt_file: ../texts/a.md\n");
    let _watcher = Watcher::start(&project, &[]);
    until("it is submitted", || heygen.sessions().len() == 1);
    project.write("new/a.md", "Two.");
    fs::rename(project.path("texts"), project.path("old")).unwrap();
    fs::rename(project.path("new"), project.path("texts")).unwrap();
    until("the text of the new folder is submitted", || {
        heygen.sessions().len() == 2
    });
    project.write("texts/a.md", "Three.");
    until("an edit in it is submitted", || {
        heygen.sessions().len() == 3
    });
    fs::remove_dir_all(project.path("texts")).unwrap();
    project.write("texts/a.md", "Four.");
    until("what is made anew is submitted", || {
        heygen.sessions().len() == 4
    });
    assert_eq!(prompts(&heygen), ["One.", "Two.", "Three.", "Four."]);
}
