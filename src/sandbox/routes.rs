//! Which operation a request means, and the lists that only read.

use serde_json::{Value, json};

use super::answer::Answer;
use super::catalog;
use super::clock::now_ms;
use super::faults::Kind;
use super::page::{Paging, page};
use super::received::Received;
use super::world::World;

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
const MOST_STATUSES: usize = 100;

type Outcome = Result<Answer, Box<Answer>>;

impl World {
    /// Every operation but the upload, whose body has to be taken apart first.
    pub(super) fn answer(&mut self, received: &Received, faults: &[Kind]) -> Outcome {
        if faults.contains(&Kind::VideoGone) {
            self.lose_video(received)?;
        }
        let parts: Vec<_> = received.path.split('/').skip(1).collect();
        match (received.method.as_str(), parts.as_slice()) {
            ("POST", ["v3", "video-agents"]) => self.create(received, faults),
            ("POST", ["v3", "video-agents", id, "stop"]) => self.stop(received, id),
            ("DELETE", ["v3", "videos", id]) => self.delete(id),
            ("POST", ["v3", "assets", "direct-uploads"]) => self.begin_upload(received, faults),
            ("POST", ["v3", "assets", id, "complete"]) => self.complete_upload(received, id),
            ("POST", ["v3", "webhooks", "endpoints"]) => self.add_endpoint(received),
            ("DELETE", ["v3", "webhooks", "endpoints", id]) => self.delete_endpoint(id),
            ("GET", ["v3", rest @ ..]) => Ok(self.read(rest, received, faults)),
            _ => Ok(Answer::not_found("operation")),
        }
    }

    fn read(&self, parts: &[&str], received: &Received, faults: &[Kind]) -> Answer {
        match parts {
            ["video-agents"] => self.list_sessions(received, faults),
            ["video-agents", "styles"] => page_of(&catalog::styles(received), received),
            ["video-agents", id] => self.get_session(id, faults),
            ["video-agents", id, "videos"] => self.session_videos(id, received),
            ["videos", "statuses"] => self.statuses(received),
            ["videos", id] => match self.session_of_video(id) {
                Some(session) => Answer::data(self.video(session, faults)),
                None => Answer::not_found("video"),
            },
            ["users", "me"] => self.me(received),
            ["avatars", "looks"] => avatars(received),
            ["voices"] => voices(received),
            ["brand-kits"] => page_of(&catalog::brand_kits(), received),
            ["webhooks", "endpoints"] => {
                let key = |e: &super::endpoints::Endpoint| e.endpoint_id.clone();
                let items: Vec<_> = self.endpoints.iter().map(|e| (key(e), e)).collect();
                page(
                    &items,
                    received,
                    &WEBHOOK_PAGES,
                    |i| &i.0,
                    |i| i.1.show(false),
                )
            }
            ["webhooks", "events"] => self.events(received),
            _ => Answer::not_found("operation"),
        }
    }

    fn list_sessions(&self, received: &Received, faults: &[Kind]) -> Answer {
        let now = now_ms();
        let lag = faults.iter().find_map(|f| match f {
            Kind::ListLag { ms } => Some(*ms),
            _ => None,
        });
        let oldest_hidden = now.saturating_sub(lag.unwrap_or(0));
        let newest_first = self.sessions.iter().rev();
        let listed: Vec<_> = newest_first
            .filter(|s| s.is_listed(now) && s.made_ms <= oldest_hidden)
            .collect();
        page(
            &listed,
            received,
            &PAGES_OF_100,
            |s| &s.session_id,
            |s| json!({"session_id": s.session_id, "created_at": s.created_at, "title": s.title()}),
        )
    }

    fn session_videos(&self, id: &str, received: &Received) -> Answer {
        let Some(session) = self.session(id) else {
            return Answer::not_found("session");
        };
        let shown = self.shows_video(session).then_some(session);
        let videos: Vec<_> = shown.into_iter().collect();
        page(
            &videos,
            received,
            &PAGES_OF_100,
            |s| &s.video_id,
            |s| self.video(s, &[]),
        )
    }

    fn statuses(&self, received: &Received) -> Answer {
        let ids = received.parameter("video_ids").unwrap_or_default();
        let ids: Vec<_> = ids.split(',').collect();
        if ids.contains(&"") {
            return Answer::invalid("video_ids", "required, comma-separated ids");
        }
        if ids.len() > MOST_STATUSES {
            return Answer::invalid("video_ids", "at most 100 ids");
        }
        let data: Vec<_> = ids.into_iter().map(|id| self.status(id)).collect();
        Answer::page(&data, None)
    }

    fn me(&self, received: &Received) -> Answer {
        let account = received.header("x-api-key").and_then(|k| k.split_once('@'));
        let username = account.map_or(self.config.account.as_str(), |(_, account)| account);
        Answer::data(json!({
            "username": username, "email": null, "billing_type": "wallet",
            "wallet": {"currency": "usd", "remaining_balance": self.balance()},
            "subscription": null, "usage_based": null,
        }))
    }

    /// The webhooks that would have been delivered: one for each ended session, newest first.
    fn events(&self, received: &Received) -> Answer {
        let now = now_ms();
        let kind = received.parameter("event_type");
        let entity = received.parameter("entity_id");
        let mut ended: Vec<_> = self
            .sessions
            .iter()
            .filter(|s| !s.is_unfinished(now))
            .filter(|s| kind.is_none_or(|k| k == s.event_type(now)))
            .filter(|s| entity.is_none_or(|id| id == s.session_id || id == s.video_id))
            .collect();
        ended.sort_by_key(|s| std::cmp::Reverse(s.ended_ms()));
        page(
            &ended,
            received,
            &WEBHOOK_PAGES,
            |s| &s.session_id,
            |s| self.event(s, now),
        )
    }
}

/// A list of catalogue entries, each under its id.
fn page_of(entries: &[(&'static str, Value)], received: &Received) -> Answer {
    page(entries, received, &PAGES_OF_100, |e| e.0, |e| e.1.clone())
}

fn avatars(received: &Received) -> Answer {
    let looks = match received.parameter("ownership") {
        None | Some("public") => catalog::avatars(),
        Some("private") => Vec::new(),
        Some(_) => return Answer::invalid("ownership", "must be public or private"),
    };
    page(&looks, received, &PAGES_OF_50, |e| e.0, |e| e.1.clone())
}

fn voices(received: &Received) -> Answer {
    match received.parameter("type") {
        None | Some("public") => page_of(&catalog::voices(received), received),
        Some("private") => page_of(&[], received),
        Some(_) => Answer::invalid("type", "must be public or private"),
    }
}
