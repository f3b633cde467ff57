//! A full disk: what was reserved can be written, and what can't be reserved is said in time.
//!
//! Needs the right to mount; is skipped without, unless `RECONCILE_TEST_REQUIRE_ALL` is set.

mod store_support;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use reconcile::state::{
    Entry, Lock, Phase, ReadState, Repair, StateError, WriteState, open_reader,
};
use store_support::{attempt, bare, hash, holder, name, open, record, text};
use tempfile::TempDir;

/// A process that is only just being started by another test holds every open lock for a moment.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A small file system of its own.
struct Mount {
    folder: TempDir,
}

impl Mount {
    fn tmpfs() -> Option<Self> {
        Self::with(&["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
    }

    /// ext2 can't allocate blocks ahead.
    fn ext2() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        File::create(&image).unwrap().set_len(4 << 20).unwrap();
        let image = image.to_str().unwrap();
        if !succeeds("mkfs.ext2", &["-q", "-F", "-m", "0", image]) {
            return skipped("mkfs.ext2");
        }
        Self::with(&["-o", "loop", image])
    }

    fn with(arguments: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().to_str().unwrap();
        if !succeeds("mount", &[arguments, &[target]].concat()) {
            return skipped("mount");
        }
        Some(Self { folder })
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    /// Leaves about so many bytes.
    fn fill_but(&self, bytes: usize) {
        self.fill();
        let filler = File::options().write(true).open(self.filler()).unwrap();
        let len = filler.metadata().unwrap().len();
        filler.set_len(len.saturating_sub(bytes as u64)).unwrap();
    }

    fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        for size in [4096, 1] {
            let mut write = || filler.write_all(&vec![1; size]);
            let failed = (0..10_000).find_map(|_| write().err()).unwrap();
            assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
        }
        filler.sync_all().unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A distrusted index keeps its files open as long as the process lives.
        succeeds("umount", &["--lazy", self.folder.path().to_str().unwrap()]);
    }
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let done = Command::new(program).args(arguments).output();
    done.is_ok_and(|output| output.status.success())
}

#[expect(clippy::disallowed_methods, reason = "a switch of the tests alone")]
fn skipped(what: &str) -> Option<Mount> {
    let required = std::env::var_os("RECONCILE_TEST_REQUIRE_ALL").is_some();
    assert!(!required, "{what} does not work here");
    eprintln!("SKIPPED: {what} does not work here");
    None
}

fn intent(n: u32) -> Vec<Entry> {
    vec![record(n), Entry::Attempt(bare(n, 1, Phase::Submitting))]
}

fn answer(n: u32) -> Vec<Entry> {
    let mut answer = attempt(n, Phase::Submitted);
    answer.video_page_url = Some("x".repeat(3000));
    vec![record(n), Entry::Attempt(answer)]
}

fn answered(dir: &Path, n: u32) -> bool {
    let recorded = open_reader(dir).unwrap().load().unwrap();
    recorded
        .last_attempt(&hash(n))
        .is_some_and(|a| a.phase == Phase::Submitted)
}

/// Says whether it took a spare file.
fn what_was_reserved_can_be_written(mount: &Mount) -> bool {
    let dir = mount.dir();
    let mut state = open(&dir).unwrap();
    for n in 0..20 {
        state.put_spec(&hash(n), &text(n)).unwrap();
        state.reserve(1).unwrap();
        state.append(&intent(n)).unwrap();
    }
    mount.fill();
    let spare = mount.dir().join("reserve").exists();
    for n in 0..20 {
        state.append(&answer(n)).unwrap();
        assert!(answered(&dir, n));
    }
    assert!(!mount.dir().join("reserve").exists());
    let refused = state.reserve(100);
    assert!(matches!(refused, Err(StateError::Io { .. })), "{refused:?}");
    spare
}

fn a_write_that_fails_ends_writing_until_it_is_opened_again(mount: &Mount) {
    let dir = mount.dir();
    let mut state = open(&dir).unwrap();
    let written = (100..)
        .find(|n| state.append(&[record(*n)]).is_err())
        .unwrap();
    assert!(matches!(
        state.append(&[record(1)]),
        Err(StateError::Poisoned)
    ));
    assert!(matches!(state.reserve(1), Err(StateError::Poisoned)));
    drop(state);
    fs::remove_file(mount.filler()).unwrap();
    let mut state = open(&dir).unwrap();
    state.append(&[record(99)]).unwrap();
    let recorded = state.load().unwrap();
    assert!((99..written).all(|n| recorded.records.contains_key(&name(n))));
    assert_eq!(open_reader(&dir).unwrap().load().unwrap(), recorded);
}

#[test]
fn on_a_full_disk_answers_have_their_room_ahead_of_the_journal() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(mount) = Mount::tmpfs() {
        assert!(!what_was_reserved_can_be_written(&mount));
        a_write_that_fails_ends_writing_until_it_is_opened_again(&mount);
    }
}

#[test]
fn on_a_full_disk_that_cannot_allocate_ahead_answers_have_the_room_of_a_spare_file() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(mount) = Mount::ext2() {
        assert!(what_was_reserved_can_be_written(&mount));
        a_write_that_fails_ends_writing_until_it_is_opened_again(&mount);
    }
}

/// How much is left, from nothing to enough.
const LEFT: [usize; 12] = [
    0,
    4 << 10,
    8 << 10,
    12 << 10,
    16 << 10,
    24 << 10,
    32 << 10,
    64 << 10,
    128 << 10,
    256 << 10,
    640 << 10,
    1600 << 10,
];

/// Writes the same names over and over, until the journal is due to be written anew.
fn superseded(dir: &Path) {
    let mut state = open(dir).unwrap();
    for n in 0..40 {
        state.append(&intent(n)).unwrap();
        state.append(&answer(n)).unwrap();
    }
    let again: Vec<_> = (0..300).map(|n| record(n % 40)).collect();
    while fs::metadata(dir.join("journal")).unwrap().len() <= 1 << 20 {
        state.append(&again).unwrap();
    }
}

#[test]
fn on_a_full_disk_a_journal_that_cannot_be_written_anew_stays() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut written_anew = 0;
    for left in LEFT {
        let Some(mount) = Mount::tmpfs() else { return };
        let dir = mount.dir();
        superseded(&dir);
        let before = open_reader(&dir).unwrap().load().unwrap();
        let large = fs::metadata(dir.join("journal")).unwrap().len();
        mount.fill_but(left);
        match open(&dir) {
            Ok(state) => assert!(state.load().unwrap() == before, "{left}"),
            Err(error) => assert!(matches!(error, StateError::Io { .. }), "{left}: {error}"),
        }
        assert!(
            open_reader(&dir).unwrap().load().unwrap() == before,
            "{left}"
        );
        assert!(!dir.join("journal.new").exists(), "{left}");
        let len = fs::metadata(dir.join("journal")).unwrap().len();
        written_anew += usize::from(len < large);
        fs::remove_file(mount.filler()).unwrap();
        let mut state = open(&dir).unwrap();
        assert!(state.load().unwrap() == before, "{left}");
        state.append(&[record(99)]).unwrap();
        assert!(state.load().unwrap().vouch.is_none());
    }
    assert!((1..LEFT.len()).contains(&written_anew), "{written_anew}");
}

#[test]
fn on_a_full_disk_a_repair_changes_nothing_or_everything() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut repaired = 0;
    for left in LEFT {
        let Some(mount) = Mount::tmpfs() else { return };
        let dir = mount.dir();
        superseded(&dir);
        let mut bytes = fs::read(dir.join("journal")).unwrap();
        let damaged = bytes.len() / 2;
        bytes[damaged..damaged + 700].fill(0);
        fs::write(dir.join("journal"), &bytes).unwrap();
        mount.fill_but(left);
        let lock = Lock::try_acquire(&dir, &holder()).unwrap();
        let repair = Repair::examine(&lock).unwrap().unwrap();
        match repair.carry_out(&lock) {
            Ok(aside) => {
                assert!(fs::read(aside.join("journal")).unwrap() == bytes, "{left}");
                let found = open_reader(&dir).unwrap().load().unwrap();
                assert_eq!(
                    (found.records.len(), found.attempts.len()),
                    (40, 40),
                    "{left}"
                );
                assert!(found.vouch.is_some());
                repaired += 1;
            }
            Err(error) => {
                assert!(error.to_string().contains("cannot"), "{left}: {error}");
                assert!(fs::read(dir.join("journal")).unwrap() == bytes, "{left}");
                fs::remove_file(mount.filler()).unwrap();
                Repair::examine(&lock)
                    .unwrap()
                    .unwrap()
                    .carry_out(&lock)
                    .unwrap();
            }
        }
        assert!(Repair::examine(&lock).unwrap().is_none(), "{left}");
    }
    assert!((1..LEFT.len()).contains(&repaired), "{repaired}");
}
