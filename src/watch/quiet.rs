//! From a burst of changes to one look. Pure: the time is passed in.

use std::time::Duration;

use tokio::time::Instant;

/// A look comes once nothing changed for the quiet period, or when the ceiling is reached.
#[derive(Debug, Clone)]
pub struct Quiet {
    quiet: Duration,
    ceiling: Duration,
    /// The first and the last change since the last look.
    changed: Option<(Instant, Instant)>,
}

impl Quiet {
    #[must_use]
    pub fn new(quiet: Duration, ceiling: Duration) -> Self {
        Self {
            quiet,
            ceiling,
            changed: None,
        }
    }

    pub fn set_quiet(&mut self, quiet: Duration) {
        self.quiet = quiet;
    }

    pub fn note(&mut self, at: Instant) {
        let first = self.changed.map_or(at, |(first, _)| first);
        self.changed = Some((first, at));
    }

    /// The first change that no look has seen yet.
    #[must_use]
    pub fn first(&self) -> Option<Instant> {
        self.changed.map(|(first, _)| first)
    }

    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        self.changed.map(|(_, last)| last)
    }

    /// A look sees to all changes so far.
    pub fn clear(&mut self) {
        self.changed = None;
    }

    /// When to look.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let (first, last) = self.changed?;
        Some((last + self.quiet).min(first + self.ceiling))
    }

    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.due().is_some_and(|due| due <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUIET: Duration = Duration::from_millis(300);
    const CEILING: Duration = Duration::from_secs(5);

    #[test]
    fn a_burst_is_one_look_after_it_ends() {
        let start = Instant::now();
        let mut quiet = Quiet::new(QUIET, CEILING);
        assert!(!quiet.is_due(start));
        for ms in (0..1_000).step_by(10) {
            let now = start + Duration::from_millis(ms);
            quiet.note(now);
            assert!(!quiet.is_due(now));
        }
        let due = start + Duration::from_millis(990) + QUIET;
        assert_eq!(quiet.due(), Some(due));
        assert!(quiet.is_due(due));
        quiet.clear();
        assert!(!quiet.is_due(due + CEILING));
    }

    proptest! {
        #[test]
        fn no_change_waits_longer_than_the_ceiling(gaps in proptest::collection::vec(0_u64..400, 1..200)) {
            let mut now = Instant::now();
            let mut quiet = Quiet::new(QUIET, CEILING);
            for gap in gaps {
                now += Duration::from_millis(gap);
                if quiet.is_due(now) {
                    quiet.clear();
                }
                quiet.note(now);
                let waits = quiet.due().unwrap().duration_since(quiet.first().unwrap());
                prop_assert!(waits <= CEILING);
            }
        }
    }
}
