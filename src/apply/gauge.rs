//! How far uploads are, for whoever waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far the uploads of a run are, all together.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    sent: AtomicU64,
    total: AtomicU64,
}

/// The share of one upload in the gauge.
pub(super) struct Meter {
    gauge: Arc<Gauge>,
    bytes: u64,
    sent: AtomicU64,
}

impl Gauge {
    /// Bytes sent of how many, while something is being uploaded.
    pub(super) fn read(&self) -> Option<(u64, u64)> {
        let total = self.total.load(Ordering::Relaxed);
        (total > 0).then(|| (self.sent.load(Ordering::Relaxed).min(total), total))
    }
}

impl Meter {
    pub(super) fn new(gauge: &Arc<Gauge>, bytes: u64) -> Self {
        gauge.total.fetch_add(bytes, Ordering::Relaxed);
        Self {
            gauge: Arc::clone(gauge),
            bytes,
            sent: AtomicU64::new(0),
        }
    }

    pub(super) fn add(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.gauge.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// It begins again from the first byte.
    pub(super) fn restart(&self) {
        let sent = self.sent.swap(0, Ordering::Relaxed);
        self.gauge.sent.fetch_sub(sent, Ordering::Relaxed);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.restart();
        self.gauge.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gauge_shows_what_is_under_way() {
        let gauge = Arc::new(Gauge::default());
        assert_eq!(gauge.read(), None);
        let (one, two) = (Meter::new(&gauge, 10), Meter::new(&gauge, 5));
        one.add(4);
        two.add(5);
        assert_eq!(gauge.read(), Some((9, 15)));
        one.restart();
        assert_eq!(gauge.read(), Some((5, 15)));
        drop((one, two));
        assert_eq!(gauge.read(), None);
    }
}
