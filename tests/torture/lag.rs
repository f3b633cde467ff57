//! How late this machine runs things. What is judged depends on time: a stand-in that is kept from
//! running for longer than `settle_delay` breaks the one assumption that settling makes of HeyGen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static LATEST_STALL: AtomicU64 = AtomicU64::new(u64::MAX);
const TICK: Duration = Duration::from_millis(10);
/// Longer is a stall.
const PATIENCE: Duration = Duration::from_millis(100);

/// Watches for as long as the program runs.
pub fn watch() {
    let begun = Instant::now();
    std::thread::spawn(move || {
        loop {
            let before = Instant::now();
            std::thread::sleep(TICK);
            if before.elapsed() > TICK + PATIENCE {
                LATEST_STALL.store(millis(begun.elapsed()), Ordering::Relaxed);
            }
        }
    });
    BEGUN.get_or_init(|| begun);
}

static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();

/// Whether the machine stalled since then.
pub fn stalled_since(then: Instant) -> bool {
    let stall = LATEST_STALL.load(Ordering::Relaxed);
    let then = then.duration_since(*BEGUN.get().unwrap());
    stall != u64::MAX && stall >= millis(then)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}
