//! How fast bytes have to come: a server that drips would hold a download for ever.

use std::time::{Duration, Instant};

use super::error::DownloadError;

/// So much has to come in each [`WINDOW`].
const LEAST: u64 = 64 << 10;
const WINDOW: Duration = Duration::from_secs(60);

/// What came since when.
pub(super) struct Rate {
    since: Instant,
    bytes: u64,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            bytes: 0,
        }
    }

    /// Too little counts as a cut. Silence is not seen here: it ends by itself.
    pub(super) fn came(&mut self, bytes: u64, now: Instant) -> Result<(), DownloadError> {
        self.bytes += bytes;
        if now.duration_since(self.since) < WINDOW {
            return Ok(());
        }
        if self.bytes < LEAST {
            return Err(DownloadError::Slow);
        }
        *self = Self::new(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_drips_is_cut_and_who_is_only_slow_is_not() {
        let begun = Instant::now();
        let mut rate = Rate::new(begun);
        for second in 1..300 {
            let now = begun + Duration::from_secs(second);
            assert!(rate.came(2 << 10, now).is_ok(), "{second}");
        }
        let mut rate = Rate::new(begun);
        let drips = (1..300).take_while(|second| {
            let now = begun + Duration::from_secs(*second);
            rate.came(1 << 10, now).is_ok()
        });
        assert_eq!(drips.count(), 59);
    }
}
