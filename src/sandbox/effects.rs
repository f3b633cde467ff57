//! What changes the world: submissions, uploads, stops, deletions.

use std::cmp::Reverse;

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::answer::Answer;
use super::assets::{Asset, MAX_BYTES};
use super::catalog::check_ids;
use super::check::{check_create, check_json, check_key};
use super::clock::now_ms;
use super::faults::Kind;
use super::journal::Line;
use super::received::Received;
use super::render::{Failure, Session};
use super::world::{REPLAYED_MS, World};

type Outcome = Result<Answer, Box<Answer>>;

impl World {
    /// `POST /v3/video-agents`.
    pub(super) fn create(&mut self, received: &Received, faults: &[Kind]) -> Outcome {
        let key = check_key(received)?;
        let request = check_json(received)?;
        check_create(&request, &self.assets)?;
        if self.config.check_ids {
            check_ids(&request)?;
        }
        if let Some(first) = self.replay(key) {
            return Ok(first);
        }
        if faults.contains(&Kind::ForeignSession) {
            self.add_foreign(&request)?;
        }
        if self.jobs() >= self.config.max_jobs {
            let message = "too many concurrent video jobs";
            return Ok(Answer::rate_limited(Some(self.next_end_s()), message));
        }
        if self.balance() <= 0.0 {
            return Ok(Answer::error(
                402,
                "insufficient_credit",
                "the wallet is empty",
            ));
        }
        let mut session = self.new_session(request);
        session.idempotency_key = key.map(str::to_owned);
        shape(&mut session, faults);
        let answer = created(&session);
        self.put(Line::Session(Box::new(session)))?;
        Ok(answer)
    }

    /// The first answer to a key again, where the account honours keys.
    fn replay(&self, key: Option<&str>) -> Option<Answer> {
        let key = key.filter(|_| self.config.honour_idempotency_key)?;
        let oldest = now_ms().saturating_sub(REPLAYED_MS);
        let recent = self.sessions.iter().rev().filter(|s| s.made_ms >= oldest);
        let mut same = recent.filter(|s| s.idempotency_key.as_deref() == Some(key));
        same.next().map(created)
    }

    fn add_foreign(&mut self, request: &Value) -> Result<(), Box<Answer>> {
        let theirs = json!({"prompt": request["prompt"], "callback_id": "someone-else"});
        let mut session = self.new_session(theirs);
        session.foreign = true;
        self.put(Line::Session(Box::new(session)))
    }

    fn new_session(&mut self, request: Value) -> Session {
        let session_id = self.id("sess");
        let made_ms = now_ms();
        Session {
            render_ms: self.render_ms(&session_id),
            session_id,
            video_id: self.id("vid"),
            made_ms,
            created_at: i64::try_from(made_ms / 1_000).unwrap_or(0),
            request,
            idempotency_key: None,
            failure: None,
            foreign: false,
            stopped_ms: None,
            list_lag_ms: 0,
            messages_lag_ms: 0,
        }
    }

    /// Seconds until a job ends, which is when another try makes sense.
    fn next_end_s(&self) -> u64 {
        let now = now_ms();
        let running = self.sessions.iter().filter(|s| s.is_unfinished(now));
        let next = running.map(Session::ended_ms).max_by_key(|ms| Reverse(*ms));
        next.map_or(1, |ms| (ms - now).div_ceil(1_000).max(1))
    }

    /// `POST /v3/assets`; `file` is the part of that name.
    pub(super) fn upload(&mut self, received: &Received, file: &Bytes) -> Outcome {
        let key = check_key(received)?;
        let now = now_ms();
        let same = |a: &&Asset| key.is_some() && a.idempotency_key.as_deref() == key;
        let fresh = |a: &&Asset| now.saturating_sub(a.made_ms) < REPLAYED_MS;
        if let Some(asset) = self.assets.values().filter(fresh).find(same) {
            return Ok(self.uploaded(asset));
        }
        if file.is_empty() || file.len() > MAX_BYTES {
            return Ok(Answer::invalid("file", "must have 1 byte to 32 MB"));
        }
        let id = self.id("asset");
        let Some(asset) = Asset::new(id, file, key, now) else {
            return Ok(Answer::invalid("file", "this type of file is not accepted"));
        };
        let answer = self.uploaded(&asset);
        self.put(Line::Asset(asset))?;
        Ok(answer)
    }

    fn uploaded(&self, asset: &Asset) -> Answer {
        Answer::data(json!({
            "asset_id": asset.asset_id,
            "url": format!("{}/assets/{}", self.url, asset.asset_id),
            "mime_type": asset.mime_type,
            "size_bytes": asset.size_bytes,
        }))
    }

    pub(super) fn stop(&mut self, received: &Received, id: &str) -> Outcome {
        check_key(received)?;
        let Some(session) = self.session(id) else {
            return Ok(Answer::not_found("session"));
        };
        let at_ms = now_ms();
        if session.is_unfinished(at_ms) {
            let session_id = id.to_owned();
            self.put(Line::Stopped { session_id, at_ms })?;
        }
        Ok(Answer::data(json!({"session_id": id})))
    }

    pub(super) fn delete(&mut self, video_id: &str) -> Outcome {
        if self.session_of_video(video_id).is_none() {
            return Ok(Answer::not_found("video"));
        }
        self.put(Line::Deleted(video_id.to_owned()))?;
        Ok(Answer::data(json!({"id": video_id, "deleted": true})))
    }

    /// The first video that the request names is lost.
    pub(super) fn lose_video(&mut self, received: &Received) -> Result<(), Box<Answer>> {
        let in_path = received.path.strip_prefix("/v3/videos/").unwrap_or("");
        let ids = received.parameter("video_ids").unwrap_or(in_path);
        let lost = ids
            .split(',')
            .find(|id| self.session_of_video(id).is_some());
        match lost.map(str::to_owned) {
            Some(id) => self.put(Line::Deleted(id)),
            None => Ok(()),
        }
    }
}

/// Lays the faults that strike a creation on its session.
fn shape(session: &mut Session, faults: &[Kind]) {
    for fault in faults {
        match fault {
            Kind::SkewCreatedAt { seconds } => session.created_at += seconds,
            Kind::ListLag { ms } => session.list_lag_ms = *ms,
            Kind::LateMessages { ms } => session.messages_lag_ms = *ms,
            Kind::FailRender {
                code,
                message,
                early,
            } => {
                session.failure = Some(Failure {
                    code: code.clone(),
                    message: message.clone(),
                    early: *early,
                });
            }
            _ => {}
        }
    }
}

fn created(session: &Session) -> Answer {
    Answer::data(json!({
        "session_id": session.session_id,
        "status": "thinking",
        "created_at": session.created_at,
        "video_id": null,
    }))
}
