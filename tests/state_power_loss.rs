//! Power loss at any moment: what was acknowledged is there.
//!
//! A writer runs under strace, which tells all it did to its files. That is played onto a disk that
//! keeps for sure only what was synced, up to some moment; what may be left of the rest is left to
//! the dice. Then the state is opened.
//!
//! Needs strace and the right to trace; is skipped without, unless `RECONCILE_TEST_REQUIRE_ALL` is
//! set.

mod power_loss;
mod store_support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use power_loss::trace::{self, CALLS, Call, Inode};
use power_loss::{Dice, Disk};
use reconcile::state::{
    Doubted, Entry, Lock, Phase, ReadState as _, Recorded, Repair, StateError, WriteState as _,
    open_reader,
};
use store_support::{attempt, bare, hash, holder, name, open, record, text};

/// With this file beside it the writer runs.
const MARK: &str = "run the writer";
/// With this one it writes so much that the journal is written anew.
const MUCH: &str = "write much";
/// With this one it repairs the state.
const REPAIR: &str = "repair";
const SUBMISSIONS: u32 = 12;

#[test]
#[ignore = "runs as a child of the other tests"]
fn writer_that_is_traced() {
    if !Path::new(MARK).exists() {
        return;
    }
    if Path::new(REPAIR).exists() {
        let lock = Lock::try_acquire(Path::new("state"), &holder()).unwrap();
        let repair = Repair::examine(&lock).unwrap().unwrap();
        repair.carry_out(&lock).unwrap();
        println!("repaired");
        return;
    }
    let mut first = 0;
    for _ in 0..2 {
        submit(first..first + SUBMISSIONS);
        first += SUBMISSIONS;
    }
}

fn submit(numbers: std::ops::Range<u32>) {
    let mut state = open(Path::new("state")).unwrap();
    for n in numbers {
        state.put_spec(&hash(n), &text(n)).unwrap();
        state.reserve(1).unwrap();
        let intent = Entry::Attempt(bare(n, 1, Phase::Submitting));
        state.append(&[record(n), intent]).unwrap();
        println!("intent {n}");
        let mut answer = attempt(n, Phase::Submitted);
        answer.video_page_url = Some("x".repeat(2000));
        state.append(&[Entry::Attempt(answer)]).unwrap();
        println!("answer {n}");
        if Path::new(MUCH).exists() && n < SUBMISSIONS {
            let again: Vec<_> = (0..480).map(|_| record(n)).collect();
            state.append(&again).unwrap();
        }
    }
}

/// A process that is only just being started by another test holds every open lock for a moment.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What the writer did, and what the folder held before.
struct Traced {
    before: BTreeMap<PathBuf, Inode>,
    contents: HashMap<Inode, Vec<u8>>,
    calls: Vec<Call>,
}

impl Traced {
    /// `None` if nothing can be traced here.
    fn run(prepare: impl FnOnce(&Path)) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MARK), "").unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        prepare(folder.path());
        let (before, contents) = held(&folder.path().join("state"));
        let file = folder.path().join("trace");
        let traced = Command::new("strace")
            .args(["-f", "-xx", "-s", "4000000", "-e", "signal=none"])
            .arg(format!("--trace={CALLS}"))
            .arg("-o")
            .arg(&file)
            .arg(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "writer_that_is_traced",
            ])
            .current_dir(folder.path())
            .output();
        let worked = traced.as_ref().is_ok_and(|output| output.status.success());
        if !worked {
            let required = std::env::vars().any(|(name, _)| name == "RECONCILE_TEST_REQUIRE_ALL");
            assert!(!required, "strace does not work here: {traced:?}");
            eprintln!("SKIPPED: strace does not work here");
            return None;
        }
        let names = before
            .iter()
            .map(|(path, inode)| (path.clone(), *inode))
            .collect();
        let calls = trace::read(&fs::read_to_string(file).unwrap(), "state", names);
        Some(Self {
            before,
            contents,
            calls,
        })
    }

    /// The folder after a power loss before the given call, and what had been acknowledged.
    fn lose_power(&self, before: usize, dice: &mut Dice, to: &Path) -> Acknowledged {
        let mut disk = Disk::holding(&self.before, self.contents.clone());
        let mut acknowledged = Acknowledged::default();
        for call in &self.calls[..before] {
            disk.play(call);
            if let Call::Say(said) = call {
                acknowledged.note(said);
            }
        }
        disk.lose_power(dice, to);
        acknowledged
    }
}

fn held(dir: &Path) -> (BTreeMap<PathBuf, Inode>, HashMap<Inode, Vec<u8>>) {
    let (mut names, mut contents) = (BTreeMap::new(), HashMap::new());
    for (at, file) in fs::read_dir(dir).unwrap().flatten().enumerate() {
        let inode = Inode {
            number: at + 1,
            is_folder: false,
        };
        names.insert(file.file_name().into(), inode);
        contents.insert(inode, fs::read(file.path()).unwrap());
    }
    (names, contents)
}

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

    fn check(&self, recorded: &Recorded, round: &str) {
        for n in &self.intents {
            assert!(
                recorded.records.contains_key(&name(*n)),
                "{round}: record {n}"
            );
            assert_eq!(
                recorded.attempts_of(&hash(*n)).len(),
                1,
                "{round}: intent {n}"
            );
        }
        for n in &self.answers {
            let phase = recorded.attempts_of(&hash(*n))[0].phase;
            assert_eq!(phase, Phase::Submitted, "{round}: answer {n}");
        }
    }
}

/// How the states were found.
#[derive(Debug, Default)]
struct Tally {
    fine: usize,
    doubted: usize,
    damaged: usize,
}

fn many_times(traced: &Traced, rounds: u64) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..rounds {
        let mut dice = Dice::new(seed);
        let before = dice.below(traced.calls.len() + 1);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("state");
        let acknowledged = traced.lose_power(before, &mut dice, &dir);
        let round = format!(
            "seed {seed}, before call {before} of {}",
            traced.calls.len()
        );
        check(&dir, &acknowledged, &round, &mut tally);
    }
    tally
}

fn check(dir: &Path, acknowledged: &Acknowledged, round: &str, tally: &mut Tally) {
    let beside = open_reader(dir).and_then(|reader| reader.load());
    let found = open(dir).and_then(|state| state.load());
    let recorded = match found {
        Ok(recorded) => {
            acknowledged.check(&beside.unwrap_or_else(|e| panic!("{round}: {e}")), round);
            match recorded.vouch.as_ref().and_then(|vouch| vouch.unproven) {
                Some(unproven) if unproven.cause == Doubted::Repaired => tally.doubted += 1,
                _ => tally.fine += 1,
            }
            recorded
        }
        Err(StateError::Damaged { .. }) => {
            tally.damaged += 1;
            let lock = Lock::try_acquire(dir, &holder()).unwrap();
            let repair = Repair::examine(&lock).unwrap();
            repair
                .unwrap_or_else(|| panic!("{round}: nothing to repair"))
                .carry_out(&lock)
                .unwrap();
            drop(lock);
            open(dir).unwrap().load().unwrap()
        }
        Err(error) => panic!("{round}: {error}"),
    };
    acknowledged.check(&recorded, round);
    for n in &acknowledged.intents {
        assert_eq!(
            open_reader(dir).unwrap().spec(&hash(*n)).unwrap(),
            Some(text(*n)),
            "{round}"
        );
    }
    open(dir).unwrap().append(&[record(999)]).unwrap();
    assert!(
        open(dir)
            .unwrap()
            .load()
            .unwrap()
            .records
            .contains_key(&name(999))
    );
}

/// A journal as the first version wrote it, which does not say which file it is: the copy that is
/// opened after the power loss is then not told from the original, as on a real disk.
fn unbound(folder: &Path) {
    let json =
        r#"{"format":"reconcile.state","version":1,"id":"00112233445566778899aabbccddeeff"}"#;
    let marked = format!(". {json}");
    let crc = crc32fast::hash(&[&0_u64.to_le_bytes()[..], marked.as_bytes()].concat());
    fs::write(folder.join("state/journal"), format!("{crc:08x}{marked}\n")).unwrap();
}

#[test]
fn what_was_acknowledged_survives_a_power_loss_at_any_moment() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(traced) = Traced::run(unbound) else {
        return;
    };
    let tally = many_times(&traced, 250);
    println!("{tally:?} over {} calls", traced.calls.len());
    assert_eq!(tally.damaged, 0, "a power loss should need no hands");
    assert!(tally.fine > 0 && tally.doubted > 0);
}

#[test]
fn it_survives_one_while_the_state_is_made_or_written_anew() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let much = |folder: &Path| fs::write(folder.join(MUCH), "").unwrap();
    let Some(traced) = Traced::run(much) else {
        return;
    };
    let renamed =
        |call: &&Call| matches!(call, Call::Name(path, Some(_)) if path == Path::new("journal"));
    assert_eq!(
        traced.calls.iter().filter(renamed).count(),
        2,
        "made, and written anew"
    );
    let tally = many_times(&traced, 150);
    println!("{tally:?} over {} calls", traced.calls.len());
    assert_eq!(tally.damaged, 0, "a power loss should need no hands");
}

/// Damage in the middle, so that nothing but a repair mends it.
fn damaged(folder: &Path) {
    unbound(folder);
    let mut state = open(&folder.join("state")).unwrap();
    for n in 0..SUBMISSIONS {
        let batch = [record(n), Entry::Attempt(attempt(n, Phase::Submitted))];
        state.append(&batch).unwrap();
    }
    drop(state);
    fs::remove_dir_all(folder.join("state/index")).unwrap();
    let journal = folder.join("state/journal");
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(journal, bytes).unwrap();
    fs::write(folder.join(REPAIR), "").unwrap();
}

#[test]
fn it_survives_one_while_the_state_is_repaired() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(traced) = Traced::run(damaged) else {
        return;
    };
    let (mut done, mut again) = (0, 0);
    for seed in 0..150 {
        let mut dice = Dice::new(seed);
        let before = dice.below(traced.calls.len() + 1);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("state");
        traced.lose_power(before, &mut dice, &dir);
        let lock = Lock::try_acquire(&dir, &holder()).unwrap();
        match Repair::examine(&lock).unwrap() {
            None => done += 1,
            Some(repair) => {
                again += 1;
                repair.carry_out(&lock).unwrap();
            }
        }
        drop(lock);
        let recorded = open(&dir).unwrap().load().unwrap();
        let lost = usize::try_from(SUBMISSIONS).unwrap() - recorded.attempts.len();
        assert!(
            lost <= 1 && recorded.records.len() + 1 >= recorded.attempts.len(),
            "{seed}"
        );
        assert!(
            recorded.vouch.is_some_and(|vouch| vouch.unproven.is_some()),
            "{seed}"
        );
    }
    assert!(done > 0 && again > 0, "{done} {again}");
}
