//! How fast and how large the state is with 100,000 videos. Run one at a time, in release:
//! `cargo test --release --test state_measure -- --ignored --nocapture --test-threads 1 NAME`.

mod store_support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reconcile::state::{Entry, Phase, ReadState, Recorded, WriteState, open_reader};
use store_support::{attempt, bare, open, record};

const VIDEOS: u32 = 100_000;

fn dir(versions: usize) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("measured-{versions}"))
}

fn timed<T>(what: &str, f: impl FnOnce() -> T) -> T {
    let (cpu, start) = (cpu(), Instant::now());
    let done = f();
    let (wall, cpu) = (start.elapsed(), self::cpu() - cpu);
    println!(
        "{what}: {wall:.0?}, cpu {cpu:.0?}, peak so far {} MB",
        peak()
    );
    done
}

/// Time spent on a processor by all threads of this process, in ticks of a hundredth of a second.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() / 1024
}

/// What a video's attempt goes through; the last one is what counts.
fn history(n: u32, versions: usize) -> Vec<Entry> {
    let mut phases = vec![Entry::Attempt(attempt(n, Phase::Completed))];
    if versions > 1 {
        phases.insert(0, Entry::Attempt(bare(n, 1, Phase::Submitting)));
        phases.insert(1, Entry::Attempt(attempt(n, Phase::Submitted)));
        phases.insert(2, Entry::Attempt(attempt(n, Phase::Rendering)));
    }
    phases.push(record(n));
    phases
}

fn build(versions: usize) {
    let _ = std::fs::remove_dir_all(dir(versions));
    let mut state = open(&dir(versions)).unwrap();
    timed("write", || {
        for first in (0..VIDEOS).step_by(500) {
            let batch: Vec<_> = (first..first + 500)
                .flat_map(|n| history(n, versions))
                .collect();
            state.append(&batch).unwrap();
        }
    });
    timed("close", || drop(state));
    let size = std::fs::metadata(dir(versions).join("journal"))
        .unwrap()
        .len();
    println!("journal of {} MB", size >> 20);
}

fn read(versions: usize) {
    let recorded: Recorded = timed("load from the journal", || {
        open_reader(&dir(versions)).unwrap().load().unwrap()
    });
    assert_eq!(recorded.records.len(), VIDEOS as usize);
    timed("drop", || drop(recorded));
}

fn write(versions: usize) {
    let state = timed("open for writing", || open(&dir(versions)).unwrap());
    let recorded = timed("load from the index", || state.load().unwrap());
    assert_eq!(recorded.attempts.len(), VIDEOS as usize);
    timed("close", || drop(state));
}

fn rebuild(versions: usize) {
    std::fs::remove_dir_all(dir(versions).join("index")).unwrap();
    drop(timed("open without an index", || {
        open(&dir(versions)).unwrap()
    }));
}

macro_rules! measured {
    ($($name:ident: $f:ident($versions:literal);)*) => {
        $(#[test] #[ignore = "a measurement"] fn $name() { $f($versions); })*
    };
}

measured! {
    build_short: build(1);
    read_short: read(1);
    write_short: write(1);
    rebuild_short: rebuild(1);
    build_long: build(4);
    read_long: read(4);
    write_long: write(4);
}

#[test]
#[ignore = "a measurement"]
fn append() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut state = open(&folder.path().join("state")).unwrap();
    let mut times: Vec<_> = (0..3000)
        .map(|n| {
            let start = Instant::now();
            state.reserve(1).unwrap();
            state
                .append(&[Entry::Attempt(attempt(n, Phase::Submitted))])
                .unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("append: median {:?}, p99 {:?}", times[1500], times[2970]);
}
