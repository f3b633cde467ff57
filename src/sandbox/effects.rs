//! What changes the world: submissions, uploads, deletions.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::assets::{Asset, MAX_BYTES};
use super::check::{check_create, check_key};
use super::clock::{iso, now_ms};
use super::faults::Kind;
use super::journal::Line;
use super::render::Session;
use super::world::World;

impl World {
    /// `POST /v3/video-agents`.
    pub(super) fn create(&mut self, body: &[u8], key: Option<&str>, faults: &[Kind]) -> Answer {
        if let Err(refusal) = check_key(key) {
            return *refusal;
        }
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            return Answer::invalid("body", "the body is not JSON");
        };
        let assets = self.assets.iter().map(|a| a.asset_id.clone()).collect();
        if let Err(refusal) = check_create(&request, &assets) {
            return *refusal;
        }
        if let Some(first) = self.replay(key) {
            return first;
        }
        if faults.contains(&Kind::ForeignSession) {
            let foreign = json!({"prompt": request["prompt"]});
            if let Err(answer) = self.add(foreign, None, faults, true) {
                return *answer;
            }
        }
        if self.jobs() >= self.config.max_jobs {
            return Answer::rate_limited(Some(1), "too many concurrent video jobs");
        }
        match self.add(request, key, faults, false) {
            Ok(session) => created(&session),
            Err(answer) => *answer,
        }
    }

    /// The first answer to a key again, where the account honours keys.
    fn replay(&self, key: Option<&str>) -> Option<Answer> {
        let key = key.filter(|_| self.config.honour_idempotency_key)?;
        let earlier = self.sessions.iter();
        earlier
            .rev()
            .find(|s| s.idempotency_key.as_deref() == Some(key))
            .map(created)
    }

    fn add(
        &mut self,
        request: Value,
        key: Option<&str>,
        faults: &[Kind],
        foreign: bool,
    ) -> Result<Session, Box<Answer>> {
        let session_id = self.id("sess");
        let made_ms = now_ms();
        let skew = faults.iter().find_map(|f| match f {
            Kind::SkewCreatedAt { seconds } => Some(*seconds),
            _ => None,
        });
        let failure = faults.iter().find_map(|f| match f {
            Kind::FailRender { code, message } => Some((code.clone(), message.clone())),
            _ => None,
        });
        let session = Session {
            render_ms: self.render_ms(&session_id),
            session_id,
            video_id: self.id("vid"),
            made_ms,
            created_at: i64::try_from(made_ms / 1_000).unwrap_or(0) + skew.unwrap_or(0),
            request,
            idempotency_key: key.map(str::to_owned),
            failure: failure.filter(|_| !foreign),
            foreign,
            stopped: false,
        };
        self.put(Line::Session(Box::new(session.clone())))
            .map_err(|e| Box::new(Answer::error(500, "internal_error", &e.to_string())))?;
        Ok(session)
    }

    /// `POST /v3/assets`.
    pub(super) fn upload(&mut self, bytes: &[u8], key: Option<&str>) -> Answer {
        if let Err(refusal) = check_key(key) {
            return *refusal;
        }
        let known = |a: &&Asset| key.is_some() && a.idempotency_key.as_deref() == key;
        if let Some(asset) = self.assets.iter().find(known) {
            return self.uploaded(asset);
        }
        if bytes.is_empty() || bytes.len() > MAX_BYTES {
            return Answer::invalid("file", "must have 1 byte to 32 MB");
        }
        let id = self.id("asset");
        let Some(asset) = Asset::new(id, bytes, key.map(str::to_owned)) else {
            return Answer::invalid("file", "this type of file is not accepted");
        };
        let answer = self.uploaded(&asset);
        match self.put(Line::Asset(asset)) {
            Ok(()) => answer,
            Err(e) => Answer::error(500, "internal_error", &e.to_string()),
        }
    }

    fn uploaded(&self, asset: &Asset) -> Answer {
        Answer::data(json!({
            "asset_id": asset.asset_id,
            "url": format!("{}/assets/{}", self.url, asset.asset_id),
            "mime_type": asset.mime_type,
            "size_bytes": asset.size_bytes,
        }))
    }

    pub(super) fn stop(&mut self, id: &str) -> Answer {
        if self.session(id).is_none() {
            return Answer::not_found("session");
        }
        match self.put(Line::Stopped(id.to_owned())) {
            Ok(()) => Answer::data(json!({"session_id": id})),
            Err(e) => Answer::error(500, "internal_error", &e.to_string()),
        }
    }

    pub(super) fn delete(&mut self, video_id: &str) -> Answer {
        if self.session_of_video(video_id).is_none() {
            return Answer::not_found("video");
        }
        match self.put(Line::Deleted(video_id.to_owned())) {
            Ok(()) => Answer::data(json!({"id": video_id, "deleted": true})),
            Err(e) => Answer::error(500, "internal_error", &e.to_string()),
        }
    }

    /// `POST /v3/webhooks/endpoints`: the only answer that shows the secret.
    pub(super) fn add_endpoint(&mut self, body: &[u8]) -> Answer {
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            return Answer::invalid("body", "the body is not JSON");
        };
        let Some(url) = request["url"]
            .as_str()
            .filter(|u| u.starts_with("https://"))
        else {
            return Answer::invalid("url", "required, an HTTPS URL");
        };
        let mut endpoint = json!({
            "endpoint_id": self.id("whe"), "url": url, "events": request["events"],
            "status": "enabled", "created_at": iso(now_ms()), "secret": null,
        });
        if let Err(e) = self.put(Line::Endpoint(endpoint.clone())) {
            return Answer::error(500, "internal_error", &e.to_string());
        }
        endpoint["secret"] = json!(self.id("whsec"));
        Answer::data(endpoint)
    }
}

fn created(session: &Session) -> Answer {
    let data = json!({
        "session_id": session.session_id,
        "status": "thinking",
        "created_at": session.created_at,
        "video_id": null,
    });
    Answer::json(StatusCode::OK, json!({"data": data}))
}
