//! A journal that is written anew: when, with what, and what others see meanwhile.

mod store_support;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use reconcile::state::{
    Doubted, Entry, Phase, ReadState, Recorded, StateError, WriteState, open_reader,
};
use store_support::{Project, at, attempt, bare, hash, name, open, record, run, text};

fn read(dir: &Path) -> Recorded {
    open_reader(dir).unwrap().load().unwrap()
}

fn size(project: &Project) -> u64 {
    fs::metadata(project.journal()).unwrap().len()
}

fn id(project: &Project) -> String {
    let journal = fs::read_to_string(project.journal()).unwrap();
    journal.lines().next().unwrap().to_owned()
}

/// Writes the same few names over and over, until the journal is larger than `bytes`.
fn fill(project: &Project, bytes: u64) -> Recorded {
    let mut state = project.open();
    for n in 0.. {
        let n = n % 30;
        state.put_spec(&hash(n), &text(n)).unwrap();
        let batch: Vec<_> = (0..20).map(|_| record(n)).collect();
        state.append(&batch).unwrap();
        state
            .append(&[Entry::Attempt(attempt(n, Phase::Submitted))])
            .unwrap();
        if n == 29 && size(project) > bytes {
            break;
        }
    }
    state.append(&[Entry::Forget(name(3))]).unwrap();
    state.load().unwrap()
}

#[test]
fn a_journal_that_is_mostly_superseded_is_written_anew() {
    let project = Project::new();
    let recorded = fill(&project, 1 << 20);
    let (before, first) = (size(&project), id(&project));
    assert!(project.open().load().unwrap() == recorded);
    assert!(size(&project) < 40_000, "{before} → {}", size(&project));
    assert_ne!(id(&project), first);
    assert!(read(&project.dir()) == recorded);
    let second = id(&project);
    let mut state = project.open();
    state.append(&[record(77)]).unwrap();
    drop(state);
    assert_eq!(id(&project), second);
    assert!(project.open().load().unwrap() == read(&project.dir()));
}

#[test]
fn it_never_stays_above_three_times_what_counts() {
    let project = Project::new();
    for round in 0..4 {
        fill(&project, (1 << 20) * (round + 1));
        drop(project.open());
        assert!(size(&project) < 1 << 20);
    }
}

#[test]
fn a_small_journal_and_one_that_is_needed_are_left_alone() {
    let project = Project::new();
    fill(&project, 900 << 10);
    let first = id(&project);
    drop(project.open());
    assert_eq!(id(&project), first);
    let project = Project::new();
    let mut state = project.open();
    for n in (0..2_000).step_by(50) {
        let batch: Vec<_> = (n..n + 50)
            .flat_map(|n| [record(n), Entry::Attempt(attempt(n, Phase::Submitted))])
            .collect();
        state.append(&batch).unwrap();
    }
    drop(state);
    assert!(size(&project) > 1 << 20);
    let first = id(&project);
    drop(project.open());
    assert_eq!(id(&project), first);
}

#[test]
fn runs_that_settle_nothing_any_more_are_left_out_but_for_the_newest() {
    let project = Project::new();
    let mut state = project.open();
    for number in 1..=40 {
        state.append(&[Entry::Run(run(number, 3_000))]).unwrap();
        let n = u32::try_from(number).unwrap();
        let mut done = attempt(n, Phase::Submitted);
        done.run = Some(number);
        let mut lost = bare(n + 100, 1, Phase::Unknown);
        lost.run = (number == 7).then_some(7);
        state
            .append(&[Entry::Attempt(done), Entry::Attempt(lost)])
            .unwrap();
    }
    let before = state.load().unwrap();
    drop(state);
    assert!(size(&project) > 1 << 20);
    let after = project.open().load().unwrap();
    assert_eq!(after.runs.keys().copied().collect::<Vec<_>>(), [7, 40]);
    assert!(after.attempts == before.attempts);
    assert!(after == read(&project.dir()));
}

#[test]
fn an_older_journal_that_comes_back_is_damage_though_it_has_another_id() {
    let project = Project::new();
    fill(&project, 1 << 20);
    let older = fs::read(project.journal()).unwrap();
    let mut state = project.open();
    state.append(&[record(50)]).unwrap();
    drop(state);
    fs::write(project.journal(), &older).unwrap();
    let refused = project.try_open().unwrap_err();
    assert!(
        matches!(refused, StateError::Damaged { offset: 0, .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("an older copy took its place"));
}

/// Every state a crash between the steps may leave: the old or the new journal, with the index of
/// either, half of one or none, and what was being written lying beside.
#[test]
fn a_crash_between_the_steps_loses_nothing_and_raises_no_doubt() {
    let project = Project::new();
    let recorded = fill(&project, 1 << 20);
    let dir = project.dir();
    let (index, aside) = (dir.join("index"), dir.join("aside"));
    copy(&index, &aside);
    fs::write(
        dir.join("journal.new"),
        &fs::read(project.journal()).unwrap()[..5000],
    )
    .unwrap();
    drop(project.open());
    let check = || {
        assert!(project.open().load().unwrap() == recorded);
        assert!(read(&dir) == recorded);
    };
    check();
    // The new journal, and the index of the one before.
    fs::remove_dir_all(&index).unwrap();
    copy(&aside, &index);
    check();
    // Half of the index removed, or half of the new one made.
    fs::remove_file(index.join("db")).unwrap();
    check();
    fs::remove_dir_all(&index).unwrap();
    fs::create_dir(&index).unwrap();
    check();
    assert!(!dir.join("journal.new").exists());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn readers_beside_it_always_see_everything() {
    let project = Project::new();
    let recorded = fill(&project, 1 << 20);
    let dir = project.dir();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(read(&dir) == recorded);
                }
            });
        }
        for _ in 0..10 {
            let mut state = open(&dir).unwrap();
            assert!(size(&project) < 100_000);
            assert!(state.load().unwrap() == recorded);
            let same: Vec<_> = (0..500).map(|_| record(5)).collect();
            while size(&project) <= 1 << 20 {
                state.append(&same).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_copied_state_says_that_it_may_not_know_everything() {
    let project = Project::new();
    let mut state = project.open();
    for n in 0..5 {
        state
            .append(&[record(n), Entry::Attempt(attempt(n, Phase::Submitted))])
            .unwrap();
    }
    drop(state);
    let backup = Project::new();
    copy(&project.dir(), &backup.dir());
    let found = backup.open().load().unwrap();
    let unproven = found.unproven(at(0)).unwrap();
    assert_eq!(unproven.cause, Doubted::Restored);
    // The holder of the lock began before the newest entry here.
    assert_eq!(unproven.since, at(-15 * 60));
    // Said once, and kept until somebody looked.
    let first = id(&backup);
    assert!(backup.open().load().unwrap() == found);
    assert_eq!(id(&backup), first);
    assert!(project.open().load().unwrap().vouch.is_none());
}

#[test]
fn a_folder_that_moves_stays_the_same_state() {
    let project = Project::new();
    project.open().append(&[record(1)]).unwrap();
    let moved = project.dir().with_file_name("moved");
    fs::rename(project.dir(), &moved).unwrap();
    assert!(open(&moved).unwrap().load().unwrap().vouch.is_none());
}
