//! When to look at which unfinished video. Pure: the time is passed in.
//!
//! Videos with a known id are asked for in batches; a session without one costs a request of its
//! own. So a new session is left alone until the quickest video so far would be nearly done, and
//! never longer than [`PATIENCE`] intervals.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::heygen::STATUS_BATCH;
use crate::state::{AttemptKey, Recorded};

/// The first look at a session comes at the latest after so many poll intervals.
const PATIENCE: u32 = 12;
/// No pause after failing reads is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Schedule {
    interval: Duration,
    tracked: BTreeMap<AttemptKey, Tracked>,
    /// From acceptance to the end that was noticed, of the quickest video.
    quickest: Option<Duration>,
    /// Reads that failed in a row.
    failures: u32,
    paused_until: Option<Instant>,
}

#[derive(Debug)]
struct Tracked {
    session_id: Option<String>,
    video_id: Option<String>,
    accepted: Instant,
    next: Instant,
    /// A look is under way.
    looking: bool,
    /// A look was taken before.
    looked: bool,
}

/// What to look at now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Due {
    pub sessions: Vec<(AttemptKey, String)>,
    /// Each at most [`STATUS_BATCH`] long.
    pub batches: Vec<Vec<(AttemptKey, String)>>,
}

impl Schedule {
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval: interval.max(Duration::from_millis(1)),
            tracked: BTreeMap::new(),
            quickest: None,
            failures: 0,
            paused_until: None,
        }
    }

    /// Begins to follow an attempt that was accepted at `accepted`. One that is followed already, by
    /// the same session, is left as it is.
    pub fn track(
        &mut self,
        key: AttemptKey,
        session_id: Option<String>,
        video_id: Option<String>,
        accepted: Instant,
    ) {
        let known = self.tracked.get(&key);
        if known.is_some_and(|known| known.session_id == session_id) {
            return;
        }
        let tracked = Tracked {
            session_id,
            video_id,
            accepted,
            next: accepted + self.first_look(),
            looking: false,
            looked: false,
        };
        self.tracked.insert(key, tracked);
    }

    fn first_look(&self) -> Duration {
        let nearly = self.quickest.map_or(self.interval, |q| q.mul_f64(0.9));
        nearly.clamp(self.interval, self.interval * PATIENCE)
    }

    /// Forgets what another writer brought to its end, and looks that were broken off.
    pub fn retain(&mut self, recorded: &Recorded) {
        let unfinished = |key: &AttemptKey| {
            recorded
                .attempt(key)
                .is_some_and(|a| a.phase.is_unfinished())
        };
        self.tracked.retain(|key, _| unfinished(key));
        for tracked in self.tracked.values_mut() {
            tracked.looking = false;
        }
    }

    /// It is said to have ended: the next look takes it.
    pub fn look_now(&mut self, key: AttemptKey, now: Instant) {
        if let Some(tracked) = self.tracked.get_mut(&key) {
            tracked.next = now;
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.tracked.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracked.is_empty()
    }

    /// When [`Schedule::due`] has something to say next.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let next = self.tracked.values().filter(|t| !t.looking).map(|t| t.next);
        next.min()
            .max(self.paused_until.filter(|_| !self.tracked.is_empty()))
    }

    /// Takes out what is due. A batch that goes out anyway takes along every video that could be
    /// asked for, so that their times fall together.
    pub fn due(&mut self, now: Instant) -> Due {
        let mut due = Due::default();
        if self.paused_until.is_some_and(|until| until > now) {
            return due;
        }
        let mut videos = Vec::new();
        let batch = self
            .tracked
            .values()
            .any(|t| t.is_due(now) && t.video_id.is_some());
        for (key, tracked) in &mut self.tracked {
            match (&tracked.video_id, &tracked.session_id) {
                (Some(video), _) if batch && tracked.may_join(now) => {
                    videos.push((*key, video.clone()));
                    tracked.looking = true;
                }
                (None, Some(session)) if tracked.is_due(now) => {
                    due.sessions.push((*key, session.clone()));
                    tracked.looking = true;
                }
                _ => {}
            }
        }
        due.batches = videos.chunks(STATUS_BATCH).map(<[_]>::to_vec).collect();
        due
    }

    /// A look showed that it still runs; with its video's id, once that is known.
    pub fn still_running(&mut self, key: AttemptKey, video_id: Option<String>, now: Instant) {
        let interval = self.interval;
        if let Some(tracked) = self.tracked.get_mut(&key) {
            tracked.looking = false;
            tracked.looked = true;
            tracked.next = now + interval;
            if video_id.is_some() {
                tracked.video_id = video_id;
            }
        }
    }

    /// It ended: nothing to look at any more.
    pub fn ended(&mut self, key: AttemptKey, now: Instant) {
        if let Some(tracked) = self.tracked.remove(&key) {
            let took = now.saturating_duration_since(tracked.accepted);
            self.quickest = Some(self.quickest.map_or(took, |q| q.min(took)));
        }
    }

    /// Reads that failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    pub fn read_succeeded(&mut self) {
        self.failures = 0;
        self.paused_until = None;
    }

    /// A read failed: all looking pauses, as long as HeyGen says or doubling from the interval.
    pub fn read_failed(&mut self, retry_after: Option<Duration>, now: Instant) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let doubled = self.interval.saturating_mul(1 << self.failures.min(16));
        let pause = retry_after.unwrap_or(doubled).min(LONGEST_PAUSE);
        self.paused_until = Some(now + pause);
        pause
    }
}

impl Tracked {
    fn is_due(&self, now: Instant) -> bool {
        !self.looking && self.next <= now
    }

    fn may_join(&self, now: Instant) -> bool {
        !self.looking && (self.looked || self.next <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::VideoHash;

    const INTERVAL: Duration = Duration::from_millis(10);

    fn key(n: u32) -> AttemptKey {
        AttemptKey {
            hash: VideoHash::of_canonical("{}"),
            number: n,
        }
    }

    fn track(schedule: &mut Schedule, n: u32, video: Option<&str>, at: Instant) {
        schedule.track(key(n), Some(format!("s{n}")), video.map(str::to_owned), at);
    }

    #[test]
    fn a_session_is_asked_for_alone_and_videos_together() {
        let start = Instant::now();
        let mut schedule = Schedule::new(INTERVAL);
        track(&mut schedule, 1, None, start);
        track(&mut schedule, 2, Some("v2"), start);
        track(&mut schedule, 3, Some("v3"), start);
        assert_eq!(schedule.due(start), Due::default());
        assert_eq!(schedule.next_due(), Some(start + INTERVAL));
        let due = schedule.due(start + INTERVAL);
        assert_eq!(due.sessions, [(key(1), "s1".to_owned())]);
        let batch = vec![(key(2), "v2".to_owned()), (key(3), "v3".to_owned())];
        assert_eq!(due.batches, [batch]);
        assert_eq!(schedule.due(start + INTERVAL), Due::default());
        assert_eq!(schedule.next_due(), None);
    }

    #[test]
    fn a_batch_holds_no_more_than_heygen_answers() {
        let start = Instant::now();
        let mut schedule = Schedule::new(INTERVAL);
        for n in 0..250 {
            track(&mut schedule, n, Some("v"), start);
        }
        let due = schedule.due(start + INTERVAL);
        let sizes: Vec<_> = due.batches.iter().map(Vec::len).collect();
        assert_eq!(sizes, [100, 100, 50]);
    }

    #[test]
    fn the_first_look_waits_for_the_quickest_so_far_but_not_for_ever() {
        let start = Instant::now();
        let mut schedule = Schedule::new(INTERVAL);
        track(&mut schedule, 1, None, start);
        schedule.ended(key(1), start + INTERVAL * 10);
        track(&mut schedule, 2, None, start);
        assert_eq!(schedule.next_due(), Some(start + INTERVAL * 9));
        let mut slow = Schedule::new(INTERVAL);
        track(&mut slow, 1, None, start);
        slow.ended(key(1), start + INTERVAL * 1000);
        track(&mut slow, 2, None, start);
        assert_eq!(slow.next_due(), Some(start + INTERVAL * PATIENCE));
    }

    #[test]
    fn failing_reads_pause_all_looking_and_the_pause_doubles() {
        let start = Instant::now();
        let mut schedule = Schedule::new(INTERVAL);
        track(&mut schedule, 1, Some("v"), start);
        assert_eq!(schedule.read_failed(None, start), INTERVAL * 2);
        assert_eq!(schedule.read_failed(None, start), INTERVAL * 4);
        assert_eq!(schedule.due(start + INTERVAL * 3), Due::default());
        assert_eq!(schedule.next_due(), Some(start + INTERVAL * 4));
        let told = Some(Duration::from_secs(7));
        assert_eq!(schedule.read_failed(told, start), Duration::from_secs(7));
        schedule.read_succeeded();
        assert_eq!(schedule.due(start + INTERVAL).batches.len(), 1);
    }
}
