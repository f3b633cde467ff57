//! A disk that is full. Needs the right to mount; is skipped without.

use std::fs;

use crate::small::Small;
use crate::{all_whole, files, finished, heygen, hidden, of_type};

#[test]
fn a_full_disk_is_told_with_the_space_it_takes_and_leaves_nothing_half() {
    let heygen = heygen();
    let names: Vec<_> = (0..10).map(|n| format!("film-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let project = finished(&heygen, &names);
    let folder = project.path("downloads");
    fs::create_dir(&folder).unwrap();
    for size in ["40k", "92k", "132k", "200k"] {
        let Some(_small) = Small::mount(&folder, size) else {
            return;
        };
        let ran = project.expect(1, &["download", "--format", "json"]);
        let found = files(&folder);
        all_whole(&found);
        assert_eq!(hidden(&found), [""; 0], "{size}");
        let lines = ran.lines();
        let failed = of_type(&lines, "error");
        assert!(!failed.is_empty());
        for line in failed {
            assert_eq!(line["failure"]["code"], "no_room", "{line}");
        }
        let told = ran.stdout.contains("bytes are needed");
        assert!(told && ran.stdout.contains("are free"), "{ran:?}");
    }
    project.expect(0, &["download"]);
    all_whole(&files(&folder));
}
