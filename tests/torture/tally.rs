//! How often each thing happened, over all rounds: a rig that never kills proves nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

static COUNTS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

pub fn count(what: &str) {
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    *counts.entry(what.to_owned()).or_default() += 1;
}

pub fn tally() -> String {
    let counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = counts.iter().map(|(what, n)| format!("{n:>7} {what}\n"));
    lines.collect()
}
