//! What the embedded state does when its files are not as it left them.

mod store_support;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use reconcile::state::{
    Doubted, Entry, Phase, ReadState, Recorded, StateError, WriteState, open_reader,
};
use store_support::{Project, at, attempt, bare, hash, name, record, text};

/// A state with some history, closed in order, and what it holds.
fn filled() -> (Project, Recorded) {
    let project = Project::new();
    let mut state = project.open();
    for n in 0..40 {
        state.put_spec(&hash(n), &text(n)).unwrap();
        let intent = Entry::Attempt(bare(n, 1, Phase::Submitting));
        state.append(&[record(n), intent]).unwrap();
        let answer = Entry::Attempt(attempt(n, Phase::Submitted));
        state.append(&[answer]).unwrap();
    }
    let recorded = state.load().unwrap();
    (project, recorded)
}

fn read(project: &Project) -> Result<Recorded, StateError> {
    open_reader(&project.dir()).and_then(|reader| reader.load())
}

fn write(project: &Project) -> Result<Recorded, StateError> {
    project.try_open().and_then(|state| state.load())
}

fn add(project: &Project, bytes: &[u8]) {
    let mut journal = OpenOptions::new()
        .append(true)
        .open(project.journal())
        .unwrap();
    journal.write_all(bytes).unwrap();
}

fn damaged_at(result: Result<Recorded, StateError>) -> u64 {
    match result {
        Err(StateError::Damaged { offset, .. }) => offset,
        other => panic!("expected damage, got {other:?}"),
    }
}

fn torn_copies(project: &Project) -> Vec<PathBuf> {
    let files = fs::read_dir(project.dir()).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.to_string_lossy().contains("journal.torn-"))
        .collect()
}

#[test]
fn a_journal_cut_anywhere_holds_whole_batches_or_says_what_is_missing() {
    let (project, _) = filled();
    let whole = fs::read(project.journal()).unwrap();
    fs::remove_dir_all(project.dir().join("index")).unwrap();
    let mut before = 0;
    let header = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    for len in (header..whole.len()).step_by(97) {
        fs::write(project.journal(), &whole[..len]).unwrap();
        let recorded = read(&project).unwrap();
        assert_eq!(recorded.records.len(), recorded.attempts.len());
        assert!(recorded.records.len() >= before);
        before = recorded.records.len();
    }
    assert!(before >= 39);
    fs::write(project.journal(), &whole[..header - 1]).unwrap();
    assert_eq!(damaged_at(read(&project)), 0);
}

#[test]
fn a_torn_end_is_left_out_by_readers_and_kept_aside_by_the_writer() {
    for torn in [&b"0123abcd. {\"rec"[..], b"0123", b"0123abcd"] {
        let (project, recorded) = filled();
        let len = fs::metadata(project.journal()).unwrap().len();
        add(&project, torn);
        assert_eq!(read(&project).unwrap(), recorded);
        let mut state = project.open();
        assert_eq!(state.load().unwrap(), recorded);
        state.append(&[record(77)]).unwrap();
        assert!(read(&project).unwrap().records.contains_key(&name(77)));
        let copy = project.dir().join(format!("journal.torn-{len}"));
        assert_eq!(torn_copies(&project), std::slice::from_ref(&copy));
        assert_eq!(fs::read(copy).unwrap(), torn);
    }
}

/// Zeros or old bytes where a write should be: it was hardly acknowledged, but who knows.
#[test]
fn a_last_batch_that_cannot_be_read_is_kept_aside_and_leaves_a_doubt() {
    for torn in [
        &[0; 5000][..],
        b"\n",
        b"0123abcd. {\"rec\n",
        b"\xff\xfe\n\0\n",
    ] {
        let (project, recorded) = filled();
        let len = fs::metadata(project.journal()).unwrap().len();
        add(&project, torn);
        let beside = read(&project).unwrap();
        let since = beside.vouch.as_ref().unwrap().unproven.unwrap().since;
        assert_eq!(since, at(40 - 15 * 60));
        let mut state = project.open();
        let found = state.load().unwrap();
        assert!(found.attempts == recorded.attempts && found.records == recorded.records);
        let unproven = found.unproven(at(0)).unwrap();
        // No later than the clock says, which is behind here.
        let since = at(-15 * 60);
        assert_eq!((unproven.cause, unproven.since), (Doubted::Repaired, since));
        state.append(&[record(77)]).unwrap();
        drop(state);
        assert!(read(&project).unwrap() == write(&project).unwrap());
        let copy = project.dir().join(format!("journal.torn-{len}"));
        assert_eq!(torn_copies(&project), std::slice::from_ref(&copy));
        assert_eq!(fs::read(copy).unwrap(), torn);
    }
}

#[test]
fn what_is_intact_of_a_last_batch_that_cannot_be_read_is_kept() {
    let (project, _) = filled();
    let len = usize::try_from(fs::metadata(project.journal()).unwrap().len()).unwrap();
    fs::rename(project.dir().join("index"), project.dir().join("aside")).unwrap();
    let three = [record(50), record(51), record(52)];
    project.open().append(&three).unwrap();
    let mut bytes = fs::read(project.journal()).unwrap();
    bytes[len..len + 300].fill(0);
    fs::write(project.journal(), bytes).unwrap();
    // The index as it was before: after a power loss it may well be older.
    fs::remove_dir_all(project.dir().join("index")).unwrap();
    fs::rename(project.dir().join("aside"), project.dir().join("index")).unwrap();
    let beside = read(&project).unwrap();
    assert!(!beside.records.contains_key(&name(50)) && beside.records.contains_key(&name(52)));
    let found = write(&project).unwrap();
    assert!(found.records == beside.records && found.unproven(at(0)).is_some());
}

#[test]
fn damage_of_more_than_a_batch_is_no_torn_end() {
    let (project, _) = filled();
    fs::remove_dir_all(project.dir().join("index")).unwrap();
    let good = fs::read(project.journal()).unwrap();
    add(&project, &[0; 200 << 10]);
    damaged_at(read(&project));
    damaged_at(write(&project));
    fs::write(project.journal(), &good).unwrap();
    add(&project, "x\n".repeat(70 << 10).as_bytes());
    damaged_at(read(&project));
    // Two whole batches that can't be read are more than one write that was not acknowledged.
    let mut bad = good;
    let lines: Vec<_> = bad
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'\n')
        .map(|(at, _)| at)
        .collect();
    for newline in &lines[lines.len() - 4..] {
        bad[newline - 3] ^= 1;
    }
    fs::write(project.journal(), bad).unwrap();
    damaged_at(read(&project));
}

#[test]
fn a_batch_without_its_end_does_not_count() {
    let (project, before) = filled();
    let len = fs::metadata(project.journal()).unwrap().len();
    project.open().append(&[record(50), record(51)]).unwrap();
    let whole = fs::read(project.journal()).unwrap();
    let batch = &whole[usize::try_from(len).unwrap()..];
    let first = batch.iter().position(|b| *b == b'\n').unwrap() + 1;
    let cut = len + first as u64;
    let journal = OpenOptions::new().write(true).open(project.journal());
    journal.unwrap().set_len(cut).unwrap();
    assert_eq!(read(&project).unwrap(), before);
    // The index knows the whole batch, which was acknowledged.
    assert_eq!(damaged_at(write(&project)), cut);
    fs::remove_dir_all(project.dir().join("index")).unwrap();
    fs::remove_file(project.dir().join("fence")).unwrap();
    assert_eq!(write(&project).unwrap(), before);
    assert_eq!(fs::metadata(project.journal()).unwrap().len(), len);
}

#[test]
fn a_flipped_bit_is_told_with_its_line() {
    let (project, recorded) = filled();
    let good = fs::read(project.journal()).unwrap();
    for at in (0..good.len())
        .step_by(61)
        .chain(good.len() - 900..good.len())
    {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 7);
        fs::write(project.journal(), &bad).unwrap();
        match read(&project) {
            Ok(read) => {
                // Upper-case digits of a checksum, a last line without its newline, or the last
                // batch: all but the newest entries, and a doubt.
                let doubted = read
                    .vouch
                    .as_ref()
                    .is_some_and(|vouch| vouch.unproven.is_some());
                assert!(read == recorded || doubted || at + 1 == good.len());
                assert!(!doubted || good[at..].iter().filter(|b| **b == b'\n').count() <= 3);
                assert!(!doubted || read.records.len() >= recorded.records.len() - 1);
            }
            Err(StateError::NewerFormat { .. }) => assert!(at < 100),
            wrong => {
                let offset = usize::try_from(damaged_at(wrong)).unwrap();
                let line = good[..at].iter().rposition(|b| *b == b'\n');
                assert_eq!(offset, line.map_or(0, |newline| newline + 1));
            }
        }
    }
}

#[test]
fn a_missing_moved_or_foreign_line_is_damage() {
    let (project, _) = filled();
    let good = fs::read_to_string(project.journal()).unwrap();
    let mut lines: Vec<_> = good.lines().collect();
    let removed = lines.remove(20);
    let write = |lines: &[&str]| fs::write(project.journal(), lines.join("\n") + "\n").unwrap();
    write(&lines);
    damaged_at(read(&project));
    lines.push(removed);
    write(&lines);
    damaged_at(read(&project));
    let (other, _) = filled();
    let foreign = fs::read_to_string(other.journal()).unwrap();
    let header = good.lines().next().unwrap();
    let body = foreign.split_once('\n').unwrap().1;
    fs::write(project.journal(), format!("{header}\n{body}")).unwrap();
    damaged_at(read(&project));
}

#[test]
fn an_older_copy_of_the_journal_is_noticed_by_the_index() {
    let (project, before) = filled();
    let older = fs::read(project.journal()).unwrap();
    project.open().append(&[record(50)]).unwrap();
    fs::write(project.journal(), &older).unwrap();
    assert_eq!(damaged_at(write(&project)), older.len() as u64);
    fs::remove_dir_all(project.dir().join("index")).unwrap();
    let accepted = write(&project).unwrap();
    assert_eq!(accepted.unproven(at(0)).unwrap().cause, Doubted::Restored);
    assert!(accepted.records == before.records && accepted.attempts == before.attempts);
}

#[test]
fn a_journal_that_was_cut_in_place_is_noticed_without_the_index() {
    let (project, before) = filled();
    let older = fs::read(project.journal()).unwrap();
    drop(project.open());
    assert_eq!(write(&project).unwrap(), before);
    // The same bytes once more: somebody put a backup back.
    fs::write(project.journal(), &older).unwrap();
    assert_eq!(
        write(&project).unwrap().unproven(at(0)).unwrap().cause,
        Doubted::Restored
    );
}

/// What a crash leaves is no sign of a backup.
#[test]
fn a_writer_that_never_ended_raises_no_doubt() {
    let (project, _) = filled();
    let mut state = project.open();
    state.append(&[record(50)]).unwrap();
    assert!(!project.dir().join("fence").exists());
    std::mem::forget(state);
    add(&project, b"0123abcd. {");
    let lock = project.dir().join("lock");
    fs::rename(&lock, project.dir().join("held")).unwrap();
    for _ in 0..3 {
        assert_eq!(write(&project).unwrap().vouch, None);
    }
}

#[test]
fn a_lost_journal_is_no_new_state() {
    let (project, _) = filled();
    fs::remove_file(project.journal()).unwrap();
    assert_eq!(damaged_at(read(&project)), 0);
    assert_eq!(damaged_at(write(&project)), 0);
}

#[test]
fn a_state_that_is_being_made_is_no_lost_one_to_readers() {
    for _ in 0..100 {
        let project = Project::new();
        let begun = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                begun.store(true, Ordering::Release);
                (0..).find_map(|_| match read(&project) {
                    Ok(_) if !project.journal().exists() => None,
                    read => Some(read),
                })
            });
            while !begun.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            drop(project.open());
            reader.join().unwrap().unwrap().unwrap();
        });
    }
}

#[test]
fn a_newer_format_is_refused_naming_both() {
    let (project, _) = filled();
    let newer = "00000000! {\"format\":\"reconcile.state\",\"version\":3,\"id\":\"x\"}\nwhat\n";
    fs::write(project.journal(), newer).unwrap();
    for refused in [read(&project), write(&project)] {
        let expected = "the state has format 3, this program reads up to 1";
        assert_eq!(refused.unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_is_no_file_is_refused_without_waiting() {
    let project = Project::new();
    fs::create_dir_all(project.dir()).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, project.journal(), fifo, mode, 0).unwrap();
    for refused in [read(&project), write(&project)] {
        assert!(matches!(refused, Err(StateError::Io { .. })));
    }
}

#[test]
fn a_damaged_index_changes_nothing() {
    let (project, recorded) = filled();
    let database = project.dir().join("index/db");
    let good = fs::read(&database).unwrap();
    let used = good.iter().rposition(|b| *b != 0).unwrap();
    for round in 0..30 {
        let mut bad = good.clone();
        for flip in 0..8 {
            bad[(round * 7919 + flip * 104_729) % used] ^= 0x10;
        }
        fs::write(&database, &bad).unwrap();
        assert_eq!(write(&project).unwrap(), recorded);
        assert_eq!(write(&project).unwrap(), recorded);
    }
}

#[test]
fn an_index_that_is_cut_empty_or_unfinished_is_built_anew() {
    let (project, recorded) = filled();
    let index = project.dir().join("index");
    let database = index.join("db");
    File::options()
        .write(true)
        .open(&database)
        .unwrap()
        .set_len(1000)
        .unwrap();
    assert_eq!(write(&project).unwrap(), recorded);
    fs::write(&database, "").unwrap();
    assert_eq!(write(&project).unwrap(), recorded);
    fs::write(index.join("snap.0000000000000FFF.generating"), "x").unwrap();
    assert_eq!(write(&project).unwrap(), recorded);
    fs::remove_dir_all(&index).unwrap();
    fs::write(&index, "a file").unwrap();
    assert_eq!(write(&project).unwrap(), recorded);
}

#[test]
fn an_index_that_is_behind_takes_in_the_rest() {
    let (project, _) = filled();
    let index = project.dir().join("index");
    let aside = project.dir().join("aside");
    fs::rename(&index, &aside).unwrap();
    let mut state = project.open();
    state.append(&[record(60), Entry::Forget(name(3))]).unwrap();
    let recorded = state.load().unwrap();
    drop(state);
    fs::remove_dir_all(&index).unwrap();
    fs::rename(&aside, &index).unwrap();
    assert_eq!(write(&project).unwrap(), recorded);
}

#[test]
fn nothing_is_written_beside_another_writer_or_into_a_replaced_journal() {
    let (project, _) = filled();
    let mut state = project.open();
    add(&project, b"x");
    damaged_at(state.append(&[record(1)]).map(|()| Recorded::default()));
    let again = state.append(&[record(1)]);
    assert!(matches!(again, Err(StateError::Poisoned)));
    drop(state);
    let mut state = project.open();
    let copy = project.dir().join("copy");
    fs::copy(project.journal(), &copy).unwrap();
    fs::rename(&copy, project.journal()).unwrap();
    damaged_at(state.append(&[record(1)]).map(|()| Recorded::default()));
}

#[test]
fn a_reader_needs_no_right_to_write_and_changes_nothing() {
    let (project, recorded) = filled();
    let before = fs::metadata(project.journal()).unwrap().modified().unwrap();
    let state = project.open();
    assert_eq!(read(&project).unwrap(), recorded);
    let reader = open_reader(&project.dir()).unwrap();
    assert_eq!(reader.spec(&hash(7)).unwrap(), Some(text(7)));
    drop(state);
    let missing = project.dir().join("nowhere");
    assert_eq!(
        open_reader(&missing).unwrap().load().unwrap(),
        Recorded::default()
    );
    assert!(!missing.exists());
    let after = fs::metadata(project.journal()).unwrap().modified().unwrap();
    assert_eq!(before, after);
}
