//! After several unknown outcomes in a row nothing new is sent, until a read and then one trial
//! succeed. Pure: the time is passed in.

use std::time::Duration;

use tokio::time::Instant;

/// After so many unknown outcomes in a row something is wrong that more money will not mend.
const MAX_UNKNOWN_IN_A_ROW: u32 = 3;
/// Trials, and reads before each of them, until the run gives up.
const MAX_TRIALS: u32 = 3;
const MAX_READS: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Caution {
    unknown_in_a_row: u32,
    /// Trials that ended unknown.
    trials: u32,
    mode: Mode,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    #[default]
    Free,
    /// A read is due at that time.
    Waiting {
        at: Instant,
        failed: u32,
    },
    Reading {
        failed: u32,
    },
    /// One submission may be under way.
    Trial,
}

/// What follows from bad news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    GoOn,
    /// Nothing is sent for at least so long.
    Pause(Duration),
    GiveUp,
}

impl Caution {
    /// One submission is to prove that outcomes are learned again.
    pub(super) fn on_trial() -> Self {
        Self {
            mode: Mode::Trial,
            ..Self::default()
        }
    }

    /// Whether a submission may start while `in_flight` requests are under way.
    pub(super) fn allows(&self, in_flight: usize) -> bool {
        match self.mode {
            Mode::Free => true,
            Mode::Trial => in_flight == 0,
            Mode::Waiting { .. } | Mode::Reading { .. } => false,
        }
    }

    /// An outcome was not learned.
    pub(super) fn unknown(&mut self, now: Instant) -> Step {
        self.unknown_in_a_row += 1;
        match self.mode {
            Mode::Free if self.unknown_in_a_row < MAX_UNKNOWN_IN_A_ROW => Step::GoOn,
            Mode::Free => self.wait(0, now),
            Mode::Trial => {
                self.trials += 1;
                match self.trials >= MAX_TRIALS {
                    true => Step::GiveUp,
                    false => self.wait(0, now),
                }
            }
            // One that was under way before.
            Mode::Waiting { .. } | Mode::Reading { .. } => Step::GoOn,
        }
    }

    /// HeyGen answered a submission, whatever it said.
    pub(super) fn answered(&mut self) {
        self.unknown_in_a_row = 0;
        if self.mode == Mode::Trial {
            *self = Self::default();
        }
    }

    /// Another run goes on with this. A read that was under way then ended with that run.
    pub(super) fn begin_again(&mut self, now: Instant) {
        if let Mode::Reading { failed } = self.mode {
            self.mode = Mode::Waiting { at: now, failed };
        }
    }

    /// When a read is due.
    pub(super) fn read_due(&self) -> Option<Instant> {
        match self.mode {
            Mode::Waiting { at, .. } => Some(at),
            _ => None,
        }
    }

    /// Whether a read is to be made now; it is under way from here on.
    pub(super) fn take_read(&mut self, now: Instant) -> bool {
        match self.mode {
            Mode::Waiting { at, failed } if at <= now => {
                self.mode = Mode::Reading { failed };
                true
            }
            _ => false,
        }
    }

    pub(super) fn read_succeeded(&mut self) {
        if let Mode::Reading { .. } = self.mode {
            self.mode = Mode::Trial;
        }
    }

    pub(super) fn read_failed(&mut self, now: Instant) -> Step {
        match self.mode {
            Mode::Reading { failed } if failed + 1 >= MAX_READS => Step::GiveUp,
            Mode::Reading { failed } => self.wait(failed + 1, now),
            _ => Step::GoOn,
        }
    }

    fn wait(&mut self, failed: u32, now: Instant) -> Step {
        let doublings = failed + self.trials;
        let wait = FIRST_WAIT
            .saturating_mul(1 << doublings.min(16))
            .min(LONGEST_WAIT);
        self.mode = Mode::Waiting {
            at: now + wait,
            failed,
        };
        Step::Pause(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_row_wait_for_a_read_and_then_one_trial() {
        let now = Instant::now();
        let mut caution = Caution::default();
        assert_eq!(caution.unknown(now), Step::GoOn);
        assert_eq!(caution.unknown(now), Step::GoOn);
        caution.answered();
        assert_eq!(caution.unknown(now), Step::GoOn);
        assert_eq!(caution.unknown(now), Step::GoOn);
        assert_eq!(caution.unknown(now), Step::Pause(FIRST_WAIT));
        assert!(!caution.allows(0));
        assert!(!caution.take_read(now));
        assert!(caution.take_read(now + FIRST_WAIT));
        assert_eq!(caution.read_failed(now), Step::Pause(FIRST_WAIT * 2));
        assert!(caution.take_read(now + FIRST_WAIT * 2));
        caution.read_succeeded();
        assert!(caution.allows(0) && !caution.allows(1));
        caution.answered();
        assert!(caution.allows(9));
    }

    #[test]
    fn it_gives_up_after_some_trials_or_reads() {
        let now = Instant::now();
        let mut caution = Caution::default();
        let mut steps = Vec::new();
        for _ in 0..6 {
            steps.push(caution.unknown(now));
            if caution.take_read(now + LONGEST_WAIT) {
                caution.read_succeeded();
            }
        }
        assert_eq!(steps.last(), Some(&Step::GiveUp), "{steps:?}");
        let mut caution = Caution::default();
        (0..3).for_each(|_| {
            caution.unknown(now);
        });
        let steps: Vec<_> = (0..MAX_READS)
            .map(|_| {
                assert!(caution.take_read(now + LONGEST_WAIT));
                caution.read_failed(now)
            })
            .collect();
        assert_eq!(steps.last(), Some(&Step::GiveUp), "{steps:?}");
    }

    #[test]
    fn a_read_that_was_broken_off_is_made_again() {
        let now = Instant::now();
        let mut caution = Caution::default();
        (0..3).for_each(|_| {
            caution.unknown(now);
        });
        assert!(caution.take_read(now + LONGEST_WAIT));
        caution.begin_again(now);
        assert!(caution.take_read(now));
        caution.read_succeeded();
        caution.begin_again(now);
        assert!(caution.allows(0) && !caution.allows(1));
    }
}
