//! A disk that fills in the middle of an apply: nothing more is sent, and every answer that is
//! still to come is recorded.
//!
//! Needs the right to mount; is skipped without, unless `RECONCILE_TEST_REQUIRE_ALL` is set.

#[path = "support/small.rs"]
mod small;
mod support;

use reconcile::sandbox::Config;
use small::Small;
use support::{Heygen, Project};

#[test]
fn a_disk_that_fills_stops_sending_and_loses_no_answer() {
    let heygen = Heygen::start(Config {
        render_time: std::time::Duration::from_millis(60),
        ..Config::default()
    });
    for size in ["160k", "200k", "240k", "280k", "360k", "440k"] {
        let project = Project::new(Some(&heygen));
        for n in 0..12 {
            project.wish(&format!("v{n:02}"), &format!("On {size}, number {n}."));
        }
        let state = project.path(".reconcile");
        std::fs::create_dir(&state).unwrap();
        let Some(_small) = Small::mount(&state, size) else {
            return;
        };
        let before = heygen.sessions().len();
        let ran = project.run(&["apply", "--auto-approve", "--format", "json"]);
        assert!(!ran.stdout.contains("unrecorded"), "{size}: {ran:#?}");
        assert!(!ran.stderr.contains("panicked"), "{size}: {ran:#?}");
        let made = heygen.sessions().len() - before;
        let recorded = project.status();
        let known = recorded
            .iter()
            .filter(|v| v["session_id"].is_string())
            .count();
        assert_eq!(known, made, "{size}: {ran:#?}");
        if made < 12 {
            assert_eq!(ran.code, Some(1), "{size}: {ran:#?}");
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(said.contains("No space left"), "{size}: {ran:#?}");
        }
    }
}
