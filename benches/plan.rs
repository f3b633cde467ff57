//! How long `reconcile plan` takes on ten and on 100,000 manifests, told as ratios against an
//! empty process, `git status` and `sha256sum` on the same tree in the same run.
//!
//! Run with `cargo bench --bench plan` (optionally `-- COUNT`). The tree is made below `target/`
//! by the generator in this file and used again by the next run.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reconcile::project::{self, Desired, Settings};
use reconcile::state::{Attempt, EmbeddedState, Entry, Holder, Lock, Phase, Record, WriteState};

const RECONCILE: &str = env!("CARGO_BIN_EXE_reconcile");
const PER_FOLDER: usize = 100;
const RUNS: usize = 7;

fn main() {
    let count = std::env::args()
        .find_map(|a| a.parse().ok())
        .unwrap_or(100_000);
    few();
    many(count);
}

/// Ten manifests against an empty process.
fn few() {
    let root = project(10);
    let state = root.join(".reconcile");
    let _ = fs::remove_dir_all(&state);
    record(&root);
    settle(&root);
    let empty = best(RUNS * 4, || run(Command::new("true")).0);
    let plan = best(RUNS * 4, || run(plan(&root)).0);
    println!(
        "10 manifests: plan {plan:.1?}, an empty process {empty:.1?}, beyond it {:.1?}",
        plan - empty
    );
}

fn many(count: usize) {
    let root = project(count);
    let _ = fs::remove_dir_all(root.join(".reconcile"));
    let sums = best(3, || run(sha256sum(&root)).0);
    let first = best(3, || {
        let _ = fs::remove_dir_all(root.join(".reconcile"));
        run(plan(&root)).0
    });
    println!(
        "{count} manifests, first plan: {first:.2?} = {:.2} × sha256sum ({sums:.2?})",
        ratio(first, sums)
    );
    record(&root);
    settle(&root);
    let status = best(RUNS, || run(git_status(&root)).0);
    let mut peak = 0;
    let warm = best(RUNS, || {
        let (time, memory) = run(plan(&root));
        peak = peak.max(memory);
        time
    });
    println!(
        "{count} manifests, nothing changed: {warm:.2?} = {:.2} × git status ({status:.2?}), peak memory {} MB",
        ratio(warm, status),
        peak / 1024
    );
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

fn best(runs: usize, mut once: impl FnMut() -> Duration) -> Duration {
    (0..runs).map(|_| once()).min().unwrap_or_default()
}

/// Runs to the end; wall time, and the peak memory in KB as far as it was seen.
fn run(mut command: Command) -> (Duration, u64) {
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .spawn()
        .expect("the program is installed");
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let watcher = std::thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = high_water(&status) {
            peak = peak.max(now);
            std::thread::sleep(Duration::from_millis(3));
        }
        peak
    });
    assert!(child.wait().expect("waits").success(), "{command:?}");
    let time = begun.elapsed();
    (time, watcher.join().unwrap_or(0))
}

fn high_water(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find(|l| l.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn plan(root: &Path) -> Command {
    let mut command = Command::new(RECONCILE);
    command.arg("-C").arg(root).arg("plan").env_clear();
    command
}

fn git_status(root: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).arg("status").arg("--porcelain");
    command
}

fn sha256sum(root: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .current_dir(root)
        .args(["-c", "find videos -type f -print0 | xargs -0 sha256sum"]);
    command
}

/// A project of `count` manifests of about 600 bytes, committed to git.
fn project(count: usize) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("plan-{count}"));
    if root.join("made").exists() {
        return root;
    }
    let _ = fs::remove_dir_all(&root);
    for n in 0..count {
        let folder = root.join(format!("videos/folder-{:04}", n / PER_FOLDER));
        if n % PER_FOLDER == 0 {
            fs::create_dir_all(&folder).expect("makes folders");
        }
        fs::write(folder.join(format!("video-{n:06}.yaml")), manifest(n)).expect("writes");
    }
    fs::write(root.join(".gitignore"), "/.reconcile/\n/made\n").expect("writes");
    for arguments in [
        &["init", "-q"][..],
        &["add", "-A"],
        &[
            "-c",
            "user.name=b",
            "-c",
            "user.email=b@b",
            "commit",
            "-q",
            "-m",
            "all",
        ],
    ] {
        let mut git = Command::new("git");
        git.arg("-C").arg(&root).args(arguments);
        assert!(git.status().expect("git is installed").success());
    }
    fs::write(root.join("made"), "").expect("writes");
    root
}

fn manifest(n: usize) -> String {
    let mut text = Vec::new();
    writeln!(text, "# Video {n} of the catalogue.").expect("writes to memory");
    writeln!(text, "prompt: |").expect("writes to memory");
    for line in 0..6 {
        writeln!(
            text,
            "  Scene {line} of video {n}: show the product from the {line}. side, calmly."
        )
        .expect("writes to memory");
    }
    writeln!(
        text,
        "avatar_id: avatar_{:03}\nvoice_id: voice_{:03}",
        n % 100,
        n % 37
    )
    .expect("writes to memory");
    writeln!(text, "orientation: landscape\nlabels:\n  team: catalogue").expect("writes to memory");
    String::from_utf8(text).expect("is text")
}

/// A state in which every wish is completed.
fn record(root: &Path) {
    let desired = project::load(root, &Settings::default(), None, std::time::UNIX_EPOCH);
    let dir = root.join(".reconcile");
    let holder = Holder {
        pid: std::process::id(),
        host: "bench".into(),
        command: "bench".into(),
        since: Timestamp::UNIX_EPOCH,
    };
    let lock = Lock::try_acquire(&dir, &holder).expect("nobody else");
    let mut state = EmbeddedState::open(&dir, lock).expect("opens");
    let entries: Vec<_> = entries(&desired).collect();
    for batch in entries.chunks(1_000) {
        state.append(batch).expect("writes");
    }
}

fn entries(desired: &Desired) -> impl Iterator<Item = Entry> + '_ {
    let at: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    desired.wishes.iter().flat_map(move |(name, wish)| {
        let id = &wish.hash.to_string()[..32];
        [
            Entry::Attempt(Attempt {
                phase: Phase::Completed,
                intent_at_heygen: Some(at),
                run: Some(1),
                answered_at: Some(at),
                session_id: Some(format!("sess_{id}")),
                video_id: Some(format!("vid_{id}")),
                completed_at: Some(at),
                duration_s: Some(61.5),
                video_page_url: Some(format!("https://app.heygen.com/videos/{id}")),
                ..Attempt::intent(wish.hash, 1, name.clone(), at)
            }),
            Entry::Record(Record {
                name: name.clone(),
                path: wish.path.to_string(),
                hash: wish.hash,
                previous: None,
                moved_from: None,
                since: at,
                shown: None,
                protected: false,
            }),
        ]
    })
}

/// Plans until the index holds every file: those just written are remembered only after a while.
fn settle(root: &Path) {
    std::thread::sleep(Duration::from_secs(3));
    run(plan(root));
}
