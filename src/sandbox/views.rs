//! How sessions, videos and events look from outside at a moment.

use serde_json::{Value, json};

use super::answer::Answer;
use super::clock::{iso, now_ms};
use super::faults::Kind;
use super::render::{Session, Stage};
use super::world::World;

impl World {
    pub(super) fn get_session(&self, id: &str, faults: &[Kind]) -> Answer {
        let Some(session) = self.session(id) else {
            return Answer::not_found("session");
        };
        let now = now_ms();
        let stage = session.stage(now);
        let lag = faults.iter().find_map(|f| match f {
            Kind::LateMessages { ms } => Some(*ms),
            _ => None,
        });
        let lag = lag.unwrap_or(0).max(session.messages_lag_ms);
        let is_old_enough = now.saturating_sub(session.made_ms) >= lag;
        Answer::data(json!({
            "session_id": session.session_id,
            "status": stage.name(),
            "created_at": session.created_at,
            "video_id": session.has_video(now).then_some(&session.video_id),
            "progress": session.progress(now),
            "title": session.title(),
            "messages": if is_old_enough { messages(session, now) } else { Vec::new() },
        }))
    }

    pub(super) fn video(&self, session: &Session, faults: &[Kind]) -> Value {
        let now = now_ms();
        let stage = session.stage(now);
        let done = stage == Stage::Completed;
        let link = |name: &str| done.then(|| self.signed_url(&session.video_id, name));
        let has_more = !faults.contains(&Kind::FilmOnly);
        let beside = |name: &str| link(name).filter(|_| has_more);
        let failure = session.failure(now);
        json!({
            "id": session.video_id,
            "status": session.video_status(now),
            "title": session.title(),
            "created_at": session.created_at,
            "completed_at": (!session.is_unfinished(now)).then(|| session.ended_ms() / 1_000),
            "duration": done.then(|| session.duration_s()),
            "video_url": link("video.mp4"),
            "captioned_video_url": beside("captioned.mp4"),
            "subtitle_url": beside("captions.srt"),
            "thumbnail_url": beside("thumbnail.jpg"),
            "gif_url": null,
            "video_page_url": done.then(|| format!("{}/videos/{}", self.url, session.video_id)),
            "folder_id": null,
            "failure_code": failure.map(|(code, _)| code),
            "failure_message": failure.map(|(_, message)| message),
        })
    }

    /// An entry of `GET /v3/videos/statuses`.
    pub(super) fn status(&self, video_id: &str) -> Value {
        let now = now_ms();
        let Some(session) = self.session_of_video(video_id) else {
            return json!({"video_id": video_id, "status": "not_found", "error": null});
        };
        let failure = session.failure(now);
        json!({
            "video_id": video_id,
            "status": session.video_status(now),
            "error": failure.map(|(code, message)| json!({"code": code, "message": message})),
        })
    }

    pub(super) fn event(&self, session: &Session, now: u64) -> Value {
        let done = session.stage(now) == Stage::Completed;
        let failure = session.failure(now);
        json!({
            "event_id": format!("evt_{}", session.session_id),
            "event_type": session.event_type(now),
            "event_data": {
                "session_id": session.session_id,
                "video_id": session.has_video(now).then_some(&session.video_id),
                "callback_id": session.request["callback_id"],
                "url": done.then(|| self.signed_url(&session.video_id, "video.mp4")),
                "failure_code": failure.map(|(code, _)| code),
                "failure_message": failure.map(|(_, message)| message),
            },
            "created_at": iso(session.ended_ms()),
        })
    }

    /// All sessions as tests judge them: with the request that made each.
    pub(super) fn all_sessions(&self) -> Value {
        let now = now_ms();
        let shown = self.sessions.iter().map(|s| {
            json!({
                "session_id": s.session_id,
                "video_id": s.video_id,
                "made_ms": s.made_ms,
                "ends_ms": s.ended_ms(),
                "status": s.stage(now).name(),
                "foreign": s.foreign,
                "video_exists": self.shows_video(s),
                "idempotency_key": s.idempotency_key,
                "callback_id": s.request["callback_id"],
                "request": s.request,
            })
        });
        shown.collect()
    }
}

impl Session {
    pub(super) fn event_type(&self, now_ms: u64) -> &'static str {
        match self.stage(now_ms) {
            Stage::Failed => "video_agent.fail",
            _ => "video_agent.success",
        }
    }
}

/// Newest first: how it ended, and always the prompt.
fn messages(session: &Session, now: u64) -> Vec<Value> {
    let said = |role, kind, content: &str, at: i64| json!({"role": role, "content": content, "type": kind, "created_at": at});
    let ended = i64::try_from(session.ended_ms() / 1_000).unwrap_or(0);
    let end = match (session.stage(now), session.failure(now)) {
        (_, Some((_, message))) => Some(said("model", "error", message, ended)),
        (Stage::Completed, None) => Some(said("model", "text", "Your video is ready.", ended)),
        _ => None,
    };
    let prompt = said("user", "text", session.prompt(), session.created_at);
    end.into_iter().chain([prompt]).collect()
}
