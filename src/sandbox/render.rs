//! A session's life as a function of time. Nothing here asks the clock.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// US dollars for a second of the finished video.
const PRICE_PER_SECOND: f64 = 0.0333;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) session_id: String,
    pub(super) video_id: String,
    /// When it was really made, in milliseconds since 1970.
    pub(super) made_ms: u64,
    /// What the API says, in seconds.
    pub(super) created_at: i64,
    /// The body of the request that made it.
    pub(super) request: Value,
    pub(super) idempotency_key: Option<String>,
    /// Kept, so that another render time after a restart does not revive what has ended.
    pub(super) render_ms: u64,
    pub(super) failure: Option<Failure>,
    /// Someone else in the account made it.
    pub(super) foreign: bool,
    pub(super) stopped_ms: Option<u64>,
    /// How old it must be to appear in the list.
    pub(super) list_lag_ms: u64,
    /// How old it must be to show its messages.
    pub(super) messages_lag_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) message: String,
    /// Before there is a video.
    pub(super) early: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Thinking,
    Generating,
    Completed,
    Failed,
}

impl Session {
    pub(super) fn stage(&self, now_ms: u64) -> Stage {
        if now_ms < self.ended_ms() {
            match now_ms < self.video_from_ms() {
                true => Stage::Thinking,
                false => Stage::Generating,
            }
        } else if self.failure.is_some() || self.was_stopped() {
            Stage::Failed
        } else {
            Stage::Completed
        }
    }

    pub(super) fn is_unfinished(&self, now_ms: u64) -> bool {
        now_ms < self.ended_ms()
    }

    /// When it ended or will end.
    pub(super) fn ended_ms(&self) -> u64 {
        let by_itself = match self.fails_early() {
            true => self.video_from_ms(),
            false => self.made_ms + self.render_ms,
        };
        self.stopped_ms.unwrap_or(by_itself).min(by_itself)
    }

    fn fails_early(&self) -> bool {
        self.failure.as_ref().is_some_and(|f| f.early)
    }

    fn was_stopped(&self) -> bool {
        self.stopped_ms == Some(self.ended_ms())
    }

    fn video_from_ms(&self) -> u64 {
        self.made_ms + self.render_ms / 4
    }

    /// Whether its video exists by then.
    pub(super) fn has_video(&self, now_ms: u64) -> bool {
        let from = self.video_from_ms();
        from <= now_ms && !self.fails_early() && self.stopped_ms.is_none_or(|at| from < at)
    }

    /// `pending` → `processing` → an end.
    pub(super) fn video_status(&self, now_ms: u64) -> &'static str {
        match self.stage(now_ms) {
            Stage::Completed => "completed",
            Stage::Failed => "failed",
            _ if self.progress(now_ms) < 40 => "pending",
            _ => "processing",
        }
    }

    pub(super) fn progress(&self, now_ms: u64) -> u64 {
        let age = now_ms.min(self.ended_ms()).saturating_sub(self.made_ms);
        (age * 100)
            .checked_div(self.render_ms)
            .unwrap_or(100)
            .min(100)
    }

    /// Why it failed, if it has by then: code and message.
    pub(super) fn failure(&self, now_ms: u64) -> Option<(&str, &str)> {
        if self.stage(now_ms) != Stage::Failed {
            return None;
        }
        match &self.failure {
            Some(f) if !self.was_stopped() => Some((&f.code, &f.message)),
            _ => Some(("stopped", "the run was stopped")),
        }
    }

    pub(super) fn prompt(&self) -> &str {
        self.request["prompt"].as_str().unwrap_or_default()
    }

    /// Whether the list shows it. HeyGen does not say what becomes of incognito sessions: left out.
    pub(super) fn is_listed(&self, now_ms: u64) -> bool {
        let old_enough = now_ms.saturating_sub(self.made_ms) >= self.list_lag_ms;
        old_enough && self.request["incognito_mode"] != true
    }

    /// Seconds of the finished video: people say two and a half words a second.
    pub(super) fn duration_s(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a prompt has few words")]
        let words = self.prompt().split_whitespace().count() as f64;
        (words / 2.5).max(5.0).round()
    }

    pub(super) fn cost_usd(&self, now_ms: u64) -> f64 {
        match self.stage(now_ms) {
            Stage::Completed => self.duration_s() * PRICE_PER_SECOND,
            _ => 0.0,
        }
    }

    /// The first words of the prompt, as HeyGen titles sessions.
    pub(super) fn title(&self) -> String {
        self.prompt().chars().take(60).collect()
    }
}

impl Stage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Thinking => "thinking",
            Self::Generating => "generating",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            session_id: "sess_1".to_owned(),
            video_id: "vid_1".to_owned(),
            made_ms: 1_000,
            created_at: 1,
            request: serde_json::json!({"prompt": "one two"}),
            idempotency_key: None,
            render_ms: 1_000,
            failure: None,
            foreign: false,
            stopped_ms: None,
            list_lag_ms: 0,
            messages_lag_ms: 0,
        }
    }

    fn life(session: &Session) -> Vec<(&'static str, Option<&'static str>)> {
        let at = |now| {
            let video = session.has_video(now).then(|| session.video_status(now));
            (session.stage(now).name(), video)
        };
        [1_000, 1_249, 1_250, 1_400, 1_999, 2_000].map(at).to_vec()
    }

    #[test]
    fn a_video_comes_after_a_quarter_and_ends_with_the_session() {
        let expected = [
            ("thinking", None),
            ("thinking", None),
            ("generating", Some("pending")),
            ("generating", Some("processing")),
            ("generating", Some("processing")),
            ("completed", Some("completed")),
        ];
        assert_eq!(life(&session()), expected);
    }

    #[test]
    fn a_session_that_fails_early_never_has_a_video() {
        let failure = Some(Failure {
            code: "x".to_owned(),
            message: "y".to_owned(),
            early: true,
        });
        let session = Session {
            failure,
            ..session()
        };
        let mut expected = vec![("failed", None); 6];
        expected[0] = ("thinking", None);
        expected[1] = ("thinking", None);
        assert_eq!(life(&session), expected);
        assert_eq!(session.failure(1_249), None);
        assert_eq!(session.failure(1_250), Some(("x", "y")));
    }

    #[test]
    fn a_video_that_takes_no_time_has_an_end_and_a_failure_too() {
        let failure = Some(Failure {
            code: "x".to_owned(),
            message: "y".to_owned(),
            early: false,
        });
        for (failure, end) in [(None, "completed"), (failure, "failed")] {
            let session = Session {
                render_ms: 0,
                failure,
                ..session()
            };
            assert!(session.has_video(1_000));
            assert_eq!(session.video_status(1_000), end);
        }
    }

    #[test]
    fn a_stop_ends_what_runs_and_nothing_else() {
        let stopped = |at| Session {
            stopped_ms: Some(at),
            ..session()
        };
        assert_eq!(stopped(1_500).stage(1_499), Stage::Generating);
        assert_eq!(stopped(1_500).failure(1_500).unwrap().0, "stopped");
        assert!(stopped(1_500).has_video(9_000) && !stopped(1_100).has_video(9_000));
        assert!(stopped(1_500).cost_usd(9_000) < f64::EPSILON);
        assert_eq!(stopped(2_500).stage(9_000), Stage::Completed);
    }
}
