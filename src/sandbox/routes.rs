//! Which operation a request means, and the answers of those that only read.

use serde_json::{Value, json};

use super::answer::Answer;
use super::catalog;
use super::clock::{iso, now_ms};
use super::faults::Kind;
use super::page::{Paging, page};
use super::render::{Session, Stage};
use super::world::World;

/// A request, as far as an operation needs it.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a [(String, String)],
    pub(super) body: &'a [u8],
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) faults: &'a [Kind],
}

const PAGES_OF_100: Paging = Paging {
    default: 20,
    most: 100,
};
const PAGES_OF_50: Paging = Paging {
    default: 20,
    most: 50,
};
const WEBHOOK_PAGES: Paging = Paging {
    default: 10,
    most: 100,
};

impl World {
    pub(super) fn answer(&mut self, asked: &Asked<'_>) -> Answer {
        let parts: Vec<_> = asked.path.trim_matches('/').split('/').collect();
        match (asked.method, parts.as_slice()) {
            ("POST", ["v3", "video-agents"]) => {
                self.create(asked.body, asked.idempotency_key, asked.faults)
            }
            ("GET", ["v3", "video-agents"]) => self.list_sessions(asked),
            ("GET", ["v3", "video-agents", "styles"]) => {
                page(&catalog::styles(), asked.query, &PAGES_OF_100)
            }
            ("GET", ["v3", "video-agents", id]) => self.get_session(id, asked.faults),
            ("POST", ["v3", "video-agents", id, "stop"]) => self.stop(id),
            ("GET", ["v3", "video-agents", id, "videos"]) => self.session_videos(id, asked.query),
            ("GET", ["v3", "videos", "statuses"]) => self.statuses(asked),
            ("GET", ["v3", "videos", id]) => self.get_video(id, asked.faults),
            ("DELETE", ["v3", "videos", id]) => self.delete(id),
            ("POST", ["v3", "assets"]) => self.upload(asked.body, asked.idempotency_key),
            ("GET", ["v3", "users", "me"]) => self.me(),
            ("GET", ["v3", "avatars", "looks"]) => {
                page(&catalog::avatars(), asked.query, &PAGES_OF_50)
            }
            ("GET", ["v3", "voices"]) => page(&catalog::voices(), asked.query, &PAGES_OF_100),
            ("GET", ["v3", "brand-kits"]) => {
                page(&catalog::brand_kits(), asked.query, &PAGES_OF_100)
            }
            ("POST", ["v3", "webhooks", "endpoints"]) => self.add_endpoint(asked.body),
            ("GET", ["v3", "webhooks", "endpoints"]) => {
                page(&self.endpoints, asked.query, &WEBHOOK_PAGES)
            }
            ("GET", ["v3", "webhooks", "events"]) => self.events(asked.query),
            _ => Answer::not_found("operation"),
        }
    }

    fn list_sessions(&self, asked: &Asked<'_>) -> Answer {
        let now = now_ms();
        let lag = asked.faults.iter().find_map(|f| match f {
            Kind::ListLag { ms } => Some(*ms),
            _ => None,
        });
        let items: Vec<_> = self
            .sessions
            .iter()
            .rev()
            .filter(|s| !s.is_incognito() && now.saturating_sub(s.made_ms) >= lag.unwrap_or(0))
            .map(|s| {
                json!({
                    "session_id": s.session_id, "created_at": s.created_at, "title": s.title(),
                })
            })
            .collect();
        page(&items, asked.query, &PAGES_OF_100)
    }

    fn get_session(&self, id: &str, faults: &[Kind]) -> Answer {
        let Some(session) = self.session(id) else {
            return Answer::not_found("session");
        };
        let now = now_ms();
        let stage = session.stage(now);
        let late = faults.iter().any(
            |f| matches!(f, Kind::LateMessages { ms } if now.saturating_sub(session.made_ms) < *ms),
        );
        let messages = if late {
            Vec::new()
        } else {
            messages(session, stage)
        };
        Answer::data(json!({
            "session_id": session.session_id,
            "status": stage.of_session(),
            "created_at": session.created_at,
            "video_id": (stage != Stage::Thinking).then_some(&session.video_id),
            "progress": session.progress(now),
            "title": session.title(),
            "messages": messages,
        }))
    }

    fn session_videos(&self, id: &str, query: &[(String, String)]) -> Answer {
        let Some(session) = self.session(id) else {
            return Answer::not_found("session");
        };
        let exists =
            session.stage(now_ms()) != Stage::Thinking && !self.deleted.contains(&session.video_id);
        let videos: Vec<_> = exists.then(|| self.video(session)).into_iter().collect();
        page(&videos, query, &PAGES_OF_100)
    }

    fn get_video(&self, id: &str, faults: &[Kind]) -> Answer {
        match self.visible_video(id, faults) {
            Some(session) => Answer::data(self.video(session)),
            None => Answer::not_found("video"),
        }
    }

    fn visible_video(&self, id: &str, faults: &[Kind]) -> Option<&Session> {
        let session = self.session_of_video(id)?;
        let hidden =
            faults.contains(&Kind::VideoGone) || session.stage(now_ms()) == Stage::Thinking;
        (!hidden).then_some(session)
    }

    fn video(&self, session: &Session) -> Value {
        let stage = session.stage(now_ms());
        let done = stage == Stage::Completed;
        let link = |name: &str| done.then(|| self.signed_url(&session.video_id, name));
        let ended = matches!(stage, Stage::Completed | Stage::Failed);
        let failure = session.failure.as_ref().filter(|_| stage == Stage::Failed);
        json!({
            "id": session.video_id,
            "status": stage.of_video(),
            "title": session.title(),
            "created_at": session.created_at,
            "completed_at": ended.then_some(session.ended_ms() / 1_000),
            "duration": done.then(|| session.duration_s()),
            "video_url": link("video.mp4"),
            "captioned_video_url": null,
            "subtitle_url": null,
            "thumbnail_url": link("thumbnail.jpg"),
            "gif_url": null,
            "video_page_url": done.then(|| format!("{}/videos/{}", self.url, session.video_id)),
            "folder_id": null,
            "failure_code": failure.map(|(code, _)| code),
            "failure_message": failure.map(|(_, message)| message),
        })
    }

    fn statuses(&self, asked: &Asked<'_>) -> Answer {
        let ids = asked.query.iter().find(|(k, _)| k == "video_ids");
        let Some((_, ids)) = ids.filter(|(_, ids)| !ids.is_empty()) else {
            return Answer::invalid("video_ids", "required");
        };
        let ids: Vec<_> = ids.split(',').collect();
        if ids.len() > 100 {
            return Answer::invalid("video_ids", "at most 100 ids");
        }
        let now = now_ms();
        let data: Vec<_> = ids
            .into_iter()
            .map(|id| match self.visible_video(id, asked.faults) {
                Some(s) => {
                    json!({"video_id": id, "status": s.stage(now).of_video(), "error": null})
                }
                None => json!({"video_id": id, "status": "not_found", "error": null}),
            })
            .collect();
        let body = json!({"data": data, "has_more": false, "next_token": null});
        Answer::json(hyper::StatusCode::OK, body)
    }

    fn me(&self) -> Answer {
        let now = now_ms();
        let spent: f64 = self.sessions.iter().map(|s| s.cost_usd(now)).sum();
        Answer::data(json!({
            "username": "sandbox", "email": null, "billing_type": "wallet",
            "wallet": {"currency": "usd", "remaining_balance": 1_000.0 - spent},
            "subscription": null, "usage_based": null,
        }))
    }

    /// The webhooks that would have been delivered: one for each ended session, newest first.
    fn events(&self, query: &[(String, String)]) -> Answer {
        let now = now_ms();
        let value = |name: &str| {
            query
                .iter()
                .find(|(k, _)| k == name)
                .map(|(_, v)| v.as_str())
        };
        let (kind, entity) = (value("event_type"), value("entity_id"));
        let mut ended: Vec<_> = self
            .sessions
            .iter()
            .filter(|s| matches!(s.stage(now), Stage::Completed | Stage::Failed))
            .collect();
        ended.sort_by_key(|s| std::cmp::Reverse(s.ended_ms()));
        let events: Vec<_> = ended
            .into_iter()
            .map(|s| self.event(s, now))
            .filter(|e| kind.is_none_or(|k| e["event_type"] == k))
            .filter(|e| {
                let data = &e["event_data"];
                entity.is_none_or(|id| data["session_id"] == id || data["video_id"] == id)
            })
            .collect();
        page(&events, query, &WEBHOOK_PAGES)
    }

    fn event(&self, session: &Session, now: u64) -> Value {
        let done = session.stage(now) == Stage::Completed;
        let failure = session.failure.as_ref();
        json!({
            "event_id": format!("evt_{}", session.session_id),
            "event_type": if done { "video_agent.success" } else { "video_agent.fail" },
            "event_data": {
                "session_id": session.session_id,
                "video_id": session.video_id,
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
        self.sessions
            .iter()
            .map(|s| {
                json!({
                    "session_id": s.session_id, "video_id": s.video_id, "made_ms": s.made_ms,
                    "status": s.stage(now).of_session(), "foreign": s.foreign,
                    "idempotency_key": s.idempotency_key, "request": s.request,
                })
            })
            .collect()
    }
}

/// Newest first: on failure the reason, and always the prompt.
fn messages(session: &Session, stage: Stage) -> Vec<Value> {
    let mut messages = Vec::new();
    if let (Stage::Failed, Some((_, message))) = (stage, &session.failure) {
        messages.push(
            json!({"role": "model", "content": message, "type": "error", "created_at": null}),
        );
    }
    messages.push(json!({
        "role": "user", "content": session.prompt(), "type": "text",
        "created_at": session.created_at,
    }));
    messages
}
