//! A session's life as a function of time.

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
    pub(super) render_ms: u64,
    /// Code and message, if it will fail.
    pub(super) failure: Option<(String, String)>,
    /// Someone else in the account made it.
    pub(super) foreign: bool,
    pub(super) stopped: bool,
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
        let age = now_ms.saturating_sub(self.made_ms);
        match self.failure {
            _ if age < self.render_ms / 4 => Stage::Thinking,
            _ if age < self.render_ms => Stage::Generating,
            Some(_) => Stage::Failed,
            None => Stage::Completed,
        }
    }

    pub(super) fn is_unfinished(&self, now_ms: u64) -> bool {
        !self.stopped && matches!(self.stage(now_ms), Stage::Thinking | Stage::Generating)
    }

    pub(super) fn ended_ms(&self) -> u64 {
        self.made_ms + self.render_ms
    }

    pub(super) fn progress(&self, now_ms: u64) -> u64 {
        let age = now_ms.saturating_sub(self.made_ms);
        (age * 100 / self.render_ms.max(1)).min(100)
    }

    pub(super) fn prompt(&self) -> &str {
        self.request["prompt"].as_str().unwrap_or_default()
    }

    pub(super) fn is_incognito(&self) -> bool {
        self.request["incognito_mode"] == true
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
    pub(super) fn of_session(self) -> &'static str {
        match self {
            Self::Thinking => "thinking",
            Self::Generating => "generating",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    pub(super) fn of_video(self) -> &'static str {
        match self {
            Self::Thinking => "pending",
            Self::Generating => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}
