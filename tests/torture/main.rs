//! The torture rig: crashes, broken networks, changed minds, all at random and all at once, through
//! the front door; then calm, and a look at what was paid for from both sides.
//!
//! `TORTURE_ROUNDS` (100), `TORTURE_SEED` (the first one, 1), `TORTURE_THREADS` (6). See CONTRIBUTING.md.

mod adopt;
mod calm;
mod checks;
mod downloads;
mod evidence;
mod faults;
#[path = "../support/films.rs"]
mod films;
mod hand;
mod lag;
mod moves;
mod process;
mod rng;
#[path = "../support/mod.rs"]
mod support;
mod tally;
mod watch;
mod wishes;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use world::World;

/// After so many failures the rest would tell nothing new.
const ENOUGH: usize = 10;
/// Rounds of one seed on a machine that stalls.
const TRIES: u32 = 3;
/// So many lines of the server's log say enough.
const LOG_LINES: usize = 60;

#[expect(clippy::disallowed_methods, reason = "switches of the tests alone")]
fn setting(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "a switch of the tests alone")]
fn traces() -> bool {
    let can = process::can_trace();
    if !can {
        let required = std::env::var_os("RECONCILE_TEST_REQUIRE_ALL").is_some();
        assert!(!required, "strace can't trace here");
        eprintln!("skipped: deaths at a system call, because strace can't trace here");
    }
    can
}

/// Whether a seed keeps to the rules. A machine that stalls for longer than `settle_delay` takes away
/// what they assume, so a round that broke then is played again; its report is shown all the same.
fn keeps_to_the_rules(seed: u64, traces: bool) -> bool {
    for _ in 0..TRIES {
        let begun = Instant::now();
        let Some(report) = round(seed, traces, begun) else {
            return true;
        };
        eprintln!("{report}");
        if !lag::stalled_since(begun) {
            return false;
        }
    }
    false
}

/// One seed from its beginning to the verdict; what broke, with the story.
fn round(seed: u64, traces: bool, begun: Instant) -> Option<String> {
    let mut world = World::new(seed);
    let steps = world.rng.within(2..5);
    let done = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..steps {
            moves::step(&mut world, traces);
        }
        calm::come_to_rest(&mut world);
    }));
    if done.is_err() {
        world
            .broken
            .push("the rig itself panicked, see above".to_owned());
    }
    (!world.broken.is_empty()).then(|| report(seed, &world, begun))
}

fn report(seed: u64, world: &World, begun: Instant) -> String {
    let log = world.log();
    let from = log.len().saturating_sub(LOG_LINES);
    let stalled = match lag::stalled_since(begun) {
        true => "\nthe machine stalled meanwhile, which may be the cause",
        false => "",
    };
    format!(
        "seed {seed} broke:\n  {}{stalled}\n\nits story:\n  {}\n\nsubmissions, and requests that went wrong:\n  {}\n\n\
         again: TORTURE_SEED={seed} TORTURE_ROUNDS=1 cargo test --test torture -- --nocapture\n",
        world.broken.join("\n  "),
        world.story.join("\n  "),
        log[from..].join("\n  "),
    )
}

#[test]
fn whatever_happens_each_video_is_paid_for_once_and_none_is_forgotten() {
    let (first, rounds) = (setting("TORTURE_SEED", 1), setting("TORTURE_ROUNDS", 100));
    let traces = traces();
    lag::watch();
    let begun = Instant::now();
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..setting("TORTURE_THREADS", 6).min(rounds) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + rounds || failures.lock().unwrap().len() >= ENOUGH {
                        return;
                    }
                    if !keeps_to_the_rules(seed, traces) {
                        failures.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let took = begun.elapsed();
    eprintln!(
        "{rounds} rounds from seed {first} in {took:.1?}:\n{}",
        tally::tally()
    );
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "broken with these seeds: {failures:?}");
}
