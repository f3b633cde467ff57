//! What a user sees of a state that something was done to: each row of the table in docs/state.md,
//! through the real binary.
//!
//! In every case: no panic, nothing is paid for, the message says what happened, and the command it
//! names leads to a state that works and pays for nothing it knows of a second time.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use reconcile::state::{Doubted, ReadState, Recorded, open_reader};
use support::{Heygen, Project, Ran};

const WISHES: usize = 6;

/// A project whose videos were all made, and what happens to its state.
struct Made {
    heygen: Heygen,
    project: Project,
}

impl Made {
    fn new() -> Self {
        let heygen = Heygen::quick();
        let project = Project::new(Some(&heygen));
        project.wishes(WISHES);
        project.expect(0, &["apply", "--auto-approve", "--wait"]);
        assert_eq!(heygen.sessions().len(), WISHES);
        Self { heygen, project }
    }

    fn dir(&self) -> PathBuf {
        self.project.path(".reconcile")
    }

    fn journal(&self) -> PathBuf {
        self.dir().join("journal")
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.journal()).unwrap()
    }

    fn recorded(&self) -> Recorded {
        open_reader(&self.dir()).unwrap().load().unwrap()
    }

    fn unproven(&self) -> Option<Doubted> {
        self.recorded()
            .unproven(Timestamp::UNIX_EPOCH)
            .map(|u| u.cause)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let ran = self.project.run(arguments);
        for said in [&ran.stdout, &ran.stderr] {
            assert!(
                !said.contains("panicked") && !said.contains("RUST_BACKTRACE"),
                "{ran:#?}"
            );
        }
        assert_eq!(self.heygen.sessions().len(), WISHES, "it paid: {ran:#?}");
        ran
    }

    fn expect(&self, code: i32, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:#?}");
        ran
    }

    /// Nothing works, and each command says what happened and what to do.
    fn refuses(&self, readers_too: bool, what: &str) {
        for command in [&["plan"][..], &["status"], &["apply", "--auto-approve"]] {
            if !readers_too && command[0] != "apply" {
                continue;
            }
            let ran = self.expect(1, command);
            assert!(ran.stderr.contains(what), "{what}: {ran:#?}");
            assert!(ran.stderr.contains("`reconcile state repair`"), "{ran:#?}");
            assert!(ran.stderr.contains("nothing is paid for"), "{ran:#?}");
        }
    }

    /// Follows the message. Says what the repair said.
    fn repair(&self, cause: Doubted) -> String {
        self.expect(64, &["state", "repair"]);
        let said = self
            .expect(0, &["state", "repair", "--auto-approve"])
            .stdout;
        assert_eq!(self.unproven(), Some(cause), "{said}");
        self.expect(0, &["status"]);
        let again = self
            .expect(0, &["state", "repair", "--auto-approve"])
            .stdout;
        assert!(again.contains("nothing to repair"), "{again}");
        said
    }

    /// Everything is known, and nothing is left to do.
    fn knows_everything(&self) {
        self.expect(0, &["plan", "--detailed-exitcode"]);
        self.expect(0, &["apply", "--auto-approve", "--wait"]);
        let recorded = self.recorded();
        assert_eq!(
            (recorded.records.len(), recorded.attempts.len()),
            (WISHES, WISHES)
        );
    }
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.unwrap().success());
}

/// Where the nth line begins.
fn line(journal: &[u8], n: usize) -> usize {
    let newlines = journal.iter().enumerate().filter(|(_, b)| **b == b'\n');
    newlines.map(|(at, _)| at + 1).nth(n - 1).unwrap()
}

#[test]
fn nothing_at_all() {
    let made = Made::new();
    let before = made.bytes();
    let repair = ["state", "repair", "--auto-approve", "--format", "json"];
    let said: serde_json::Value = serde_json::from_str(&made.expect(0, &repair).stdout).unwrap();
    assert_eq!(said["repaired"], false);
    assert_eq!(made.bytes(), before);
    let empty = Project::new(None);
    let said = empty
        .expect(0, &["state", "repair", "--auto-approve"])
        .stdout;
    assert!(said.contains("nothing to repair"), "{said}");
    assert!(!empty.path(".reconcile").exists());
    made.knows_everything();
    assert_eq!(made.unproven(), None);
}

#[test]
fn a_flipped_bit() {
    let made = Made::new();
    let mut bytes = made.bytes();
    let at = line(&bytes, 6);
    bytes[at + 40] ^= 4;
    fs::write(made.journal(), bytes).unwrap();
    // The index leads around a line that was superseded; without it all must be read.
    fs::remove_dir_all(made.dir().join("index")).unwrap();
    made.refuses(true, &format!("journal at byte {at}"));
    let said = made.repair(Doubted::Repaired);
    assert!(said.contains(&format!(
        "1 line of the journal could not be read, at byte {at}"
    )));
    assert!(said.contains("6 attempts"), "{said}");
    // A name whose record was lost finds its video by the wish.
    made.expect(0, &["apply", "--auto-approve", "--wait"]);
    made.knows_everything();
}

#[test]
fn the_header_is_gone() {
    let made = Made::new();
    let mut bytes = made.bytes();
    bytes[..60].fill(0);
    fs::write(made.journal(), bytes).unwrap();
    made.refuses(true, "journal at byte 0: its header is unreadable");
    let said = made.repair(Doubted::Repaired);
    assert!(said.contains("kept 6 names, 6 attempts"), "{said}");
    made.knows_everything();
}

#[test]
fn zeroed_bytes_in_the_middle() {
    let made = Made::new();
    let mut bytes = made.bytes();
    let at = line(&bytes, 8);
    bytes[at..at + 512].fill(0);
    fs::write(made.journal(), bytes).unwrap();
    made.refuses(true, &format!("journal at byte {at}"));
    made.repair(Doubted::Repaired);
}

#[test]
fn the_last_write_is_unreadable() {
    let made = Made::new();
    let len = made.bytes().len();
    let mut bytes = made.bytes();
    bytes.extend([0; 3000]);
    fs::write(made.journal(), bytes).unwrap();
    made.expect(0, &["plan", "--detailed-exitcode"]);
    let ran = made.expect(0, &["apply", "--auto-approve"]);
    assert!(ran.stderr.contains("can't be read"), "{ran:#?}");
    assert!(made.dir().join(format!("journal.torn-{len}")).exists());
    assert_eq!(made.unproven(), Some(Doubted::Repaired));
    made.knows_everything();
}

#[test]
fn a_truncated_journal() {
    let made = Made::new();
    let bytes = made.bytes();
    let at = line(&bytes, 12);
    fs::write(made.journal(), &bytes[..at]).unwrap();
    made.refuses(
        false,
        "the journal was cut, or an older copy took its place",
    );
    let said = made.repair(Doubted::Restored);
    assert!(said.contains("what was written last is missing"), "{said}");
}

#[test]
fn a_truncated_journal_without_its_index() {
    let made = Made::new();
    let bytes = made.bytes();
    fs::write(made.journal(), &bytes[..line(&bytes, 12)]).unwrap();
    fs::remove_dir_all(made.dir().join("index")).unwrap();
    let ran = made.expect(0, &["refresh"]);
    assert!(ran.stderr.contains("this state is a copy"), "{ran:#?}");
    assert!(
        ran.stderr
            .contains("it may not know of what was submitted since")
    );
    assert_eq!(made.unproven(), Some(Doubted::Restored));
}

#[test]
fn a_missing_journal() {
    let made = Made::new();
    fs::remove_file(made.journal()).unwrap();
    made.refuses(true, "it is missing");
    let said = made.repair(Doubted::Repaired);
    assert!(said.contains("kept 0 names, 0 attempts"), "{said}");
}

#[test]
fn an_older_journal_put_back() {
    for in_place in [true, false] {
        let made = Made::new();
        let older = made.bytes();
        made.project.wish("another", "One more.");
        made.project
            .expect(0, &["apply", "--auto-approve", "--wait"]);
        fs::remove_file(made.project.path("videos/another.yaml")).unwrap();
        if !in_place {
            fs::remove_file(made.journal()).unwrap();
        }
        fs::write(made.journal(), &older).unwrap();
        let ran = made.project.expect(1, &["apply", "--auto-approve"]);
        assert!(
            ran.stderr.contains("an older copy took its place"),
            "{ran:#?}"
        );
        assert!(ran.stderr.contains("`reconcile state repair`"), "{ran:#?}");
        let repair = ["state", "repair", "--auto-approve", "--format", "json"];
        let ran = made.project.expect(0, &repair);
        let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(said["repaired"], true);
        assert_eq!(said["kept"]["names"], WISHES);
        assert_eq!(said["lost"][0]["code"], "newest");
        let kept = fs::read(Path::new(said["copy"].as_str().unwrap()).join("journal"));
        assert_eq!(kept.unwrap(), older);
        assert_eq!(made.unproven(), Some(Doubted::Restored));
        assert_eq!(made.heygen.sessions().len(), WISHES + 1);
    }
}

#[test]
fn the_whole_directory_restored_from_a_backup() {
    let made = Made::new();
    let backup = made.project.path("backup");
    copy(&made.dir(), &backup);
    fs::remove_dir_all(made.dir()).unwrap();
    copy(&backup, &made.dir());
    let ran = made.expect(0, &["apply", "--auto-approve"]);
    assert!(ran.stderr.contains("this state is a copy"), "{ran:#?}");
    assert_eq!(made.unproven(), Some(Doubted::Restored));
    made.knows_everything();
    let said = made
        .expect(0, &["state", "repair", "--auto-approve"])
        .stdout;
    assert!(said.contains("nothing to repair"), "{said}");
}

/// Copied over the files that are there: they stay the same files.
#[test]
fn the_whole_directory_restored_in_place() {
    let made = Made::new();
    let backup = made.project.path("backup");
    copy(&made.dir(), &backup);
    made.project.wish("another", "One more.");
    made.project
        .expect(0, &["apply", "--auto-approve", "--wait"]);
    fs::remove_file(made.project.path("videos/another.yaml")).unwrap();
    fs::remove_dir_all(made.dir().join("index")).unwrap();
    copy(&backup.join("."), &made.dir());
    let ran = made.project.expect(0, &["apply", "--auto-approve"]);
    assert!(ran.stderr.contains("this state is a copy"), "{ran:#?}");
    assert_eq!(made.unproven(), Some(Doubted::Restored));
    assert_eq!(made.heygen.sessions().len(), WISHES + 1);
    let ran = made.project.expect(0, &["apply", "--auto-approve"]);
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_damaged_or_missing_index() {
    let made = Made::new();
    let database = made.dir().join("index/db");
    let mut bytes = fs::read(&database).unwrap();
    for at in (0..bytes.len()).step_by(97) {
        bytes[at] ^= 0x55;
    }
    fs::write(&database, bytes).unwrap();
    // sled may say that it panicked; the program does not.
    let ran = made.project.expect(0, &["apply", "--auto-approve"]);
    assert!(ran.stderr.contains("will be built anew"), "{ran:#?}");
    made.knows_everything();
    fs::remove_dir_all(made.dir().join("index")).unwrap();
    made.knows_everything();
    assert_eq!(made.unproven(), None);
}

#[test]
fn a_damaged_or_missing_text() {
    let made = Made::new();
    let folder = made.dir().join("objects");
    let texts: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .flat_map(|entry| fs::read_dir(entry.path()).unwrap().flatten())
        .map(|file| file.path())
        .collect();
    assert_eq!(texts.len(), WISHES);
    for text in &texts {
        fs::write(text, "{}").unwrap();
    }
    made.knows_everything();
    // The text is needed to show what changed.
    made.project.wish("video-00", "Something else.");
    let ran = made.expect(1, &["plan"]);
    assert!(
        ran.stderr.contains("the text is not the one of its hash"),
        "{ran:#?}"
    );
    assert!(ran.stderr.contains("`reconcile state repair`"), "{ran:#?}");
    let said = made
        .expect(0, &["state", "repair", "--auto-approve"])
        .stdout;
    assert!(said.contains("the text of the wish"), "{said}");
    assert_eq!(made.unproven(), None);
    made.expect(0, &["plan"]);
    fs::remove_dir_all(&folder).unwrap();
    made.expect(0, &["plan"]);
    made.project.wishes(1);
    made.knows_everything();
}

#[test]
fn a_state_of_a_newer_version() {
    let made = Made::new();
    let newer = "00000000. {\"format\":\"reconcile.state\",\"version\":9,\"id\":\"x\"}\n";
    fs::write(made.journal(), newer).unwrap();
    for command in [
        &["plan"][..],
        &["apply", "--auto-approve"],
        &["state", "repair", "--auto-approve"],
    ] {
        let ran = made.expect(1, command);
        assert!(
            ran.stderr
                .contains("has format 9, this program reads up to 1"),
            "{ran:#?}"
        );
        assert!(ran.stderr.contains("update reconcile"), "{ran:#?}");
    }
    assert_eq!(made.bytes(), newer.as_bytes());
}

#[test]
fn two_writers() {
    let made = Made::new();
    let file = fs::File::options()
        .write(true)
        .open(made.dir().join("lock"))
        .unwrap();
    file.lock().unwrap();
    for command in [
        &["apply", "--auto-approve", "--lock-timeout", "50ms"][..],
        &[
            "state",
            "repair",
            "--auto-approve",
            "--lock-timeout",
            "50ms",
        ],
    ] {
        let ran = made.expect(1, command);
        assert!(
            ran.stderr
                .contains("the state is locked by `reconcile apply`"),
            "{ran:#?}"
        );
        assert!(ran.stderr.contains("--lock-timeout"), "{ran:#?}");
    }
    drop(file);
    made.knows_everything();
}

#[test]
fn a_read_only_directory() {
    let made = Made::new();
    let dir = made.dir();
    let mount = |arguments: &[&str]| {
        let mut mount = Command::new("mount");
        mount.args(arguments).arg(&dir);
        mount.output().is_ok_and(|output| output.status.success())
    };
    let path = dir.to_str().unwrap();
    if !mount(&["--bind", path]) {
        let required = std::env::vars().any(|(name, _)| name == "RECONCILE_TEST_REQUIRE_ALL");
        assert!(!required, "cannot mount");
        eprintln!("skipped: cannot mount anything here");
        return;
    }
    let read_only = mount(&["-o", "remount,bind,ro"]);
    let ran = read_only.then(|| {
        made.expect(0, &["plan", "--detailed-exitcode"]);
        made.expect(0, &["status"]);
        made.expect(1, &["apply", "--auto-approve"])
    });
    let unmounted = Command::new("umount").arg("--lazy").arg(&dir).status();
    assert!(unmounted.unwrap().success());
    let ran = ran.expect("remounting works where mounting does");
    assert!(ran.stderr.contains("Read-only file system"), "{ran:#?}");
    made.knows_everything();
}
