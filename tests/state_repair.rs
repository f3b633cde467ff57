//! What a repair keeps of a damaged state, and how far back its doubt reaches.

mod store_support;

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use reconcile::state::{
    Attempt, EmbeddedState, Entry, Holder, Lock, Lost, Phase, ReadState, Record, Recorded, Repair,
    WriteState, open_reader,
};
use store_support::{Project, at, attempt, bare, hash, holder, name, record, run, text};

const HOUR: i64 = 3600;
const NAMES: u32 = 24;

/// Long after everything, so that "the last week" covers nothing.
fn lock(dir: &Path) -> Lock {
    let holder = Holder {
        since: now(),
        ..holder()
    };
    Lock::try_acquire(dir, &holder).unwrap()
}

fn now() -> Timestamp {
    at(365 * 24 * HOUR)
}

fn open(project: &Project) -> EmbeddedState {
    EmbeddedState::open(&project.dir(), lock(&project.dir())).unwrap()
}

fn hour(n: u32) -> Timestamp {
    at(i64::from(n) * HOUR)
}

fn submission(n: u32) -> (Vec<Entry>, Entry) {
    let Entry::Record(shown) = record(n) else {
        unreachable!()
    };
    let since = hour(n);
    let shown = Entry::Record(Record { since, ..shown });
    let intent = Attempt {
        intent_at: hour(n),
        ..bare(n, 1, Phase::Submitting)
    };
    let answer = Attempt {
        intent_at: hour(n),
        intent_at_heygen: Some(hour(n)),
        answered_at: Some(hour(n)),
        ..attempt(n, Phase::Submitted)
    };
    (vec![shown, Entry::Attempt(intent)], Entry::Attempt(answer))
}

/// A state with a past, the older part of it written anew.
fn filled(anew: bool) -> (Project, Recorded) {
    let project = Project::new();
    let mut state = open(&project);
    for n in 0..NAMES {
        if anew && n == NAMES / 2 {
            let large: Vec<_> = (0..20)
                .map(|number| Entry::Run(run(number, 4000)))
                .collect();
            state.append(&large).unwrap();
            state.append(&[Entry::Run(run(99, 1))]).unwrap();
            drop(state);
            assert!(fs::metadata(project.journal()).unwrap().len() > 1 << 20);
            state = open(&project);
            assert!(fs::metadata(project.journal()).unwrap().len() < 1 << 20);
        }
        let (intent, answer) = submission(n);
        put_text(&project, &mut state, n);
        state.append(&intent).unwrap();
        state.append(&[answer]).unwrap();
    }
    let recorded = state.load().unwrap();
    (project, recorded)
}

/// As it would have been written at the time.
fn put_text(project: &Project, state: &mut EmbeddedState, n: u32) {
    state.put_spec(&hash(n), &text(n)).unwrap();
    let hex = hash(n).to_string();
    let modified = std::time::Duration::from_secs(hour(n).as_second().unsigned_abs());
    let modified = std::time::UNIX_EPOCH + modified;
    let path = format!("objects/{}/{}.json", &hex[..2], &hex[2..]);
    let file = fs::File::options()
        .write(true)
        .open(project.dir().join(path));
    file.unwrap().set_modified(modified).unwrap();
}

fn load(project: &Project) -> Recorded {
    open_reader(&project.dir()).unwrap().load().unwrap()
}

#[derive(Debug, Clone)]
enum Harm {
    Flip(usize),
    Zero(usize, usize),
    Cut(usize),
    Remove(usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let anywhere = 0_usize..100_000;
    prop_oneof![
        anywhere.clone().prop_map(Harm::Flip),
        (anywhere.clone(), 1_usize..3000).prop_map(|(at, len)| Harm::Zero(at, len)),
        anywhere.clone().prop_map(Harm::Cut),
        (anywhere, 1_usize..800).prop_map(|(at, len)| Harm::Remove(at, len)),
    ]
}

fn do_harm(bytes: &mut Vec<u8>, harm: &Harm) {
    let len = bytes.len();
    match *harm {
        Harm::Flip(at) => bytes[at % len] ^= 1 << (at % 8),
        Harm::Zero(at, size) => bytes[at % len..(at % len + size).min(len)].fill(0),
        Harm::Cut(at) => bytes.truncate(at % len),
        Harm::Remove(at, size) => drop(bytes.drain(at % len..(at % len + size).min(len))),
    }
}

/// Without the index, which knows of more, only the texts tell such a journal from a new one.
#[test]
fn a_journal_cut_within_its_first_lines_is_not_taken_for_a_new_one() {
    for anew in [false, true] {
        let (whole, _) = filled(anew);
        let header = fs::read(whole.journal()).unwrap();
        let header = header.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in [header, header + 1, header + 100] {
            let (project, _) = filled(anew);
            let mut bytes = fs::read(project.journal()).unwrap();
            bytes.truncate(cut);
            fs::write(project.journal(), bytes).unwrap();
            fs::remove_dir_all(project.dir().join("index")).unwrap();
            let after = open(&project).load().unwrap();
            let since = after.vouch.and_then(|v| v.unproven).map(|u| u.since);
            assert!(
                since.is_some_and(|since| since <= hour(0)),
                "{cut}: {since:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is forgotten lies in the time that is doubted, so it will be looked for at HeyGen
    /// before anything is paid.
    #[test]
    fn what_is_lost_lies_in_the_time_that_is_doubted(harm in harm(), anew: bool, with_index: bool) {
        let (project, before) = filled(anew);
        let mut bytes = fs::read(project.journal()).unwrap();
        do_harm(&mut bytes, &harm);
        fs::write(project.journal(), &bytes).unwrap();
        if !with_index {
            fs::remove_dir_all(project.dir().join("index")).unwrap();
        }
        let lock = lock(&project.dir());
        let repair = Repair::examine(&lock).unwrap();
        if let Some(repair) = repair {
            let found = repair.found.clone();
            let aside = repair.carry_out(&lock).unwrap();
            prop_assert_eq!(fs::read(aside.join("journal")).unwrap(), bytes);
            let kept = load(&project);
            prop_assert_eq!(kept.records.len(), found.names);
            prop_assert!(Repair::examine(&lock).unwrap().is_none());
            // As after a crash before the index was removed.
            if with_index && aside.join("index").exists() {
                fs::rename(aside.join("index"), project.dir().join("index")).unwrap();
            }
        }
        drop(lock);
        let after = open(&project).load().unwrap();
        let since = after.vouch.as_ref().and_then(|vouch| vouch.unproven).map(|u| u.since);
        for n in 0..NAMES {
            let (was, is) = (before.last_attempt(&hash(n)), after.last_attempt(&hash(n)));
            let settles = is.is_some_and(|attempt| attempt.phase.is_unsettled());
            let doubted = since.is_some_and(|since| since <= hour(n));
            prop_assert!(was == is || settles || doubted, "{n} of {harm:?}: {since:?}");
        }
        prop_assert!(load(&project) == after);
    }
}

#[test]
fn a_healthy_state_is_not_touched() {
    for anew in [false, true] {
        let (project, before) = filled(anew);
        let bytes = fs::read(project.journal()).unwrap();
        let lock = lock(&project.dir());
        assert!(Repair::examine(&lock).unwrap().is_none());
        assert!(fs::read(project.journal()).unwrap() == bytes);
        assert!(load(&project) == before);
    }
    let nothing = Project::new();
    let lock = lock(&nothing.dir());
    assert!(Repair::examine(&lock).unwrap().is_none());
    assert!(!nothing.journal().exists());
}

#[test]
fn a_name_whose_attempt_is_lost_is_named() {
    let (project, _) = filled(false);
    let text = fs::read_to_string(project.journal()).unwrap();
    let wanted = format!("\"hash\":\"{}\"", hash(5));
    let mut harmed = String::new();
    for line in text.split_inclusive('\n') {
        match line.contains("{\"attempt\"") && line.contains(&wanted) {
            true => harmed.push_str(&line.replace("sub", "sbu")),
            false => harmed.push_str(line),
        }
    }
    assert_eq!(harmed.len(), text.len());
    fs::write(project.journal(), harmed).unwrap();
    let lock = lock(&project.dir());
    let repair = Repair::examine(&lock).unwrap().unwrap();
    let lost = &repair.found.lost;
    assert!(
        matches!(&lost[0], Lost::Lines(places) if places.len() == 2),
        "{lost:?}"
    );
    assert_eq!(lost[1], Lost::Attempts(vec![name(5)]));
    let since = repair.vouch.as_ref().unwrap().unproven.unwrap().since;
    assert_eq!(since, hour(5) - jiff::SignedDuration::from_mins(15));
}

#[test]
fn a_missing_or_empty_journal_is_begun_anew_with_a_doubt() {
    for empty in [true, false] {
        let (project, _) = filled(false);
        match empty {
            true => fs::write(project.journal(), "").unwrap(),
            false => fs::remove_file(project.journal()).unwrap(),
        }
        let lock = lock(&project.dir());
        let repair = Repair::examine(&lock).unwrap().unwrap();
        assert_eq!((repair.found.names, repair.found.attempts), (0, 0));
        repair.carry_out(&lock).unwrap();
        drop(lock);
        let found = open(&project).load().unwrap();
        let since = found.unproven(now()).unwrap().since;
        assert_eq!(since, hour(0) - jiff::SignedDuration::from_mins(15));
        assert_eq!(open(&project).spec(&hash(1)).unwrap(), Some(text(1)));
    }
}

/// All of the first line but its end: whoever opens the journal does not take that for a header.
#[test]
fn a_journal_cut_off_at_the_end_of_its_header_is_begun_anew() {
    let (project, _) = filled(false);
    let bytes = fs::read(project.journal()).unwrap();
    let end = bytes.iter().position(|b| *b == b'\n').unwrap();
    fs::write(project.journal(), &bytes[..end]).unwrap();
    let lock = lock(&project.dir());
    let repair = Repair::examine(&lock).unwrap().unwrap();
    assert_eq!(repair.found.lost[0], Lost::Lines(vec![0]));
    repair.carry_out(&lock).unwrap();
    assert!(Repair::examine(&lock).unwrap().is_none());
    drop(lock);
    assert!(load(&project).vouch.unwrap().unproven.is_some());
}
