//! What became of deliveries, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use super::delivery::Refused;

#[derive(Debug, Default)]
pub(super) struct Counters {
    accepted: AtomicU64,
    repeated: AtomicU64,
    /// HeyGen is to send them again.
    turned_away: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
}

impl Counters {
    pub(super) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn repeated(&self) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self, why: Refused) {
        self.refused[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        let refused = Refused::ALL.map(|why| (why.as_str(), &self.refused[why as usize]));
        [
            ("accepted", &self.accepted),
            ("repeated", &self.repeated),
            ("turned_away", &self.turned_away),
        ]
        .into_iter()
        .chain(refused)
        .map(|(name, n)| (name, n.load(Ordering::Relaxed)))
        .collect()
    }
}
