//! SIGKILL at any moment: what was acknowledged is there.
//!
//! The writer that is killed is this test binary itself, running [`writer_that_gets_killed`] in a
//! directory prepared for it.

mod store_support;

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reconcile::state::{Entry, Phase, ReadState as _, Recorded, WriteState as _, open_reader};
use store_support::{attempt, bare, hash, name, open, record, text};

const ROUNDS: u32 = 110;
const LONGEST: u64 = 100_000;

/// Only with this file beside it does the writer run.
const MARK: &str = "run the writer";
/// With this one it does little but have its journal written anew.
const ANEW: &str = "write anew";

#[test]
#[ignore = "runs as a child of the other test"]
fn writer_that_gets_killed() {
    if !Path::new(MARK).exists() {
        return;
    }
    while Path::new(ANEW).exists() {
        write_anew();
    }
    let mut state = open(Path::new("state")).unwrap();
    let first = u32::try_from(state.load().unwrap().records.len()).unwrap();
    for n in first.. {
        state.put_spec(&hash(n), &text(n)).unwrap();
        state.reserve(1).unwrap();
        let intent = Entry::Attempt(bare(n, 1, Phase::Submitting));
        state.append(&[record(n), intent]).unwrap();
        println!("intent {n}");
        let answer = Entry::Attempt(attempt(n, Phase::Submitted));
        state.append(&[answer]).unwrap();
        println!("answer {n}");
    }
}

/// One more submission, and so much that is superseded that the next one to open has enough of it.
fn write_anew() {
    let mut state = open(Path::new("state")).unwrap();
    let n = u32::try_from(state.load().unwrap().records.len()).unwrap();
    let intent = Entry::Attempt(bare(n, 1, Phase::Submitting));
    state.append(&[record(n), intent]).unwrap();
    println!("intent {n}");
    let again: Vec<_> = (0..5_000).map(|_| record(n)).collect();
    state.append(&again).unwrap();
}

/// Two at once would kill each other's writers before they have begun.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "writer_that_gets_killed",
        ])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// What a writer was told is on the disk.
#[derive(Default)]
struct Acknowledged {
    intents: BTreeSet<u32>,
    answers: BTreeSet<u32>,
}

impl Acknowledged {
    fn note(&mut self, said: &str) {
        for line in said.lines() {
            match line.split_once(' ') {
                Some(("intent", n)) => self.intents.extend(n.parse::<u32>()),
                Some(("answer", n)) => self.answers.extend(n.parse::<u32>()),
                _ => {}
            }
        }
    }

    fn check(&self, recorded: &Recorded) {
        for n in &self.intents {
            assert!(recorded.records.contains_key(&name(*n)));
            assert_eq!(recorded.attempts_of(&hash(*n)).len(), 1);
        }
        for n in &self.answers {
            assert_eq!(recorded.attempts_of(&hash(*n))[0].phase, Phase::Submitted);
        }
        assert_eq!(recorded.records.len(), recorded.attempts.len());
        assert_eq!(recorded.vouch, None, "a crash is no reason for a doubt");
    }
}

/// Lets the writer run for a moment. Returns what it said.
fn run_and_kill(folder: &Path, moment: Duration) -> String {
    let mut writer = start(folder);
    std::thread::sleep(moment);
    writer.kill().unwrap();
    let mut said = String::new();
    let mut stdout = writer.stdout.take().unwrap();
    stdout.read_to_string(&mut said).unwrap();
    let status = writer.wait().unwrap();
    assert_eq!(status.code(), None, "the writer ended by itself: {said}");
    // The last line may be cut.
    said.truncate(said.rfind('\n').unwrap_or(0));
    said
}

#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(MARK), "").unwrap();
    let dir = folder.path().join("state");
    let mut acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        let micros = RandomState::new().hash_one(round) % LONGEST;
        acknowledged.note(&run_and_kill(folder.path(), Duration::from_micros(micros)));
        let recorded = open_reader(&dir).unwrap().load().unwrap();
        acknowledged.check(&recorded);
        if round % 8 == 0 {
            check_as_writer(&dir, &recorded, &acknowledged);
        }
    }
    let (intents, answers) = (acknowledged.intents.len(), acknowledged.answers.len());
    assert!(answers > 0, "no round came as far as an answer");
    println!("{intents} intents and {answers} answers over {ROUNDS} kills");
}

#[test]
fn what_was_acknowledged_survives_a_kill_while_the_journal_is_written_anew() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(MARK), "").unwrap();
    std::fs::write(folder.path().join(ANEW), "").unwrap();
    let dir = folder.path().join("state");
    let mut acknowledged = Acknowledged::default();
    for round in 0..ROUNDS / 2 {
        let micros = RandomState::new().hash_one(round) % (3 * LONGEST);
        acknowledged.note(&run_and_kill(folder.path(), Duration::from_micros(micros)));
        let recorded = open_reader(&dir).unwrap().load().unwrap();
        acknowledged.check(&recorded);
        if round % 8 == 0 {
            assert!(open(&dir).unwrap().load().unwrap() == recorded);
        }
    }
    assert!(acknowledged.intents.len() > 3, "no round came as far");
    println!("{} intents", acknowledged.intents.len());
}

fn check_as_writer(dir: &Path, recorded: &Recorded, acknowledged: &Acknowledged) {
    let state = open(dir).unwrap();
    assert!(state.load().unwrap() == *recorded);
    for n in &acknowledged.intents {
        assert_eq!(state.spec(&hash(*n)).unwrap(), Some(text(*n)));
    }
}
