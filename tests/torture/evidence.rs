//! Everything there is to judge a round by: the server's side, the state's, and what was wished.

use std::collections::{HashMap, HashSet};

use reconcile::state::{Attempt, ReadState, Recorded, open_reader};
use serde_json::{Value, json};

use crate::adopt::Adopted;
use crate::wishes::Wish;
use crate::world::World;

/// `callback_id` of what others make.
pub const THEIRS: &str = "someone-else";

/// A session as the server knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub id: String,
    pub video_id: String,
    pub foreign: bool,
    pub hash: String,
    pub key: String,
    pub prompt: String,
    pub status: String,
    pub made_ms: u64,
    /// Not deleted.
    pub video_exists: bool,
}

pub struct Evidence {
    /// In the order they were made.
    pub sessions: Vec<Session>,
    /// Submissions: key, and when each arrived.
    pub posts: Vec<(String, u64)>,
    pub recorded: Recorded,
    /// Hashes whose text the state has lost.
    pub without_text: Vec<String>,
    pub status: HashMap<String, Value>,
    pub plan: Vec<Value>,
    pub wishes: Vec<(String, Wish)>,
    /// Another take was asked for, of which hash how often.
    pub replaces: HashMap<String, usize>,
    pub adopted: Vec<Adopted>,
    prompts: HashMap<String, String>,
}

impl Evidence {
    pub fn gather(world: &World) -> Self {
        let reader = open_reader(&world.project.path(".reconcile")).unwrap();
        let recorded = reader.load().unwrap();
        let text = |hash| reader.spec(hash).unwrap();
        let lost = recorded.attempts.keys().filter(|hash| text(hash).is_none());
        let without_text = lost.map(ToString::to_string).collect();
        let prompts = recorded.attempts.keys().filter_map(|hash| {
            let spec: Value = serde_json::from_str(&text(hash)?).ok()?;
            Some((hash.to_string(), spec["prompt"].as_str()?.to_owned()))
        });
        let prompts = prompts.collect();
        let status = world.project.status().into_iter();
        let plan = world.project.plan()["actions"].as_array().unwrap().clone();
        Self {
            sessions: world.heygen.sessions().iter().map(Session::from).collect(),
            posts: posts(world),
            status: status.map(|v| (string(&v["name"]), v)).collect(),
            wishes: world.wishes.now.clone().into_iter().collect(),
            replaces: world.replaces.clone(),
            adopted: world.adopted.clone(),
            recorded,
            without_text,
            plan,
            prompts,
        }
    }

    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.recorded.attempts.values().flatten()
    }

    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().find(|s| s.id == id)
    }

    /// What an attempt says it has; `Some(None)` if the server does not know it.
    pub fn session_of(&self, attempt: &Attempt) -> Option<Option<&Session>> {
        let has = attempt.session_id.as_ref().or(attempt.video_id.as_ref());
        has.map(|_| self.sessions.iter().find(|s| s.is_of(attempt)))
    }

    /// What a name shows.
    pub fn shown(&self, name: &str) -> Option<&Session> {
        let (session, video) = (
            &self.status[name]["session_id"],
            &self.status[name]["video_id"],
        );
        let is = |s: &&Session| *session == s.id || (session.is_null() && *video == s.video_id);
        self.sessions.iter().find(is)
    }

    /// Whether a person said that a session is of this content.
    pub fn is_adopted(&self, session: &Session, hash: &str) -> bool {
        let said = |a: &Adopted| a.session == session.id && a.hash == hash;
        self.adopted.iter().any(said)
    }

    pub fn ours(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter(|s| !s.foreign)
    }

    /// Attempts that nobody but a person can settle: no event can name a session of ours, because
    /// there is none, and the list can't tell that it is absent.
    pub fn undecidable(&self) -> Vec<&Attempt> {
        let claimed: HashSet<_> = self
            .attempts()
            .filter_map(|a| a.session_id.as_deref())
            .collect();
        let excused = |a: &&Attempt| {
            let hash = a.hash.to_string();
            let lost = self
                .ours()
                .any(|s| s.hash == hash && !claimed.contains(s.id.as_str()));
            let prompt = self.prompts.get(&hash);
            let same = |s: &&Session| s.foreign && Some(&s.prompt) == prompt;
            let incognito = a.failure.as_ref().is_some_and(|f| f.code == "incognito");
            a.phase.is_unsettled() && !lost && (incognito || self.sessions.iter().any(|s| same(&s)))
        };
        self.attempts().filter(excused).collect()
    }

    /// Prompts that an undecidable attempt holds.
    pub fn held_prompts(&self) -> HashSet<&str> {
        let undecidable = self.undecidable();
        let prompts = undecidable
            .iter()
            .filter_map(|a| self.prompts.get(&a.hash.to_string()));
        prompts.map(String::as_str).collect()
    }

    /// Whether this wish has to wait for a person.
    pub fn is_held(&self, name: &str, wish: &Wish) -> bool {
        let undecidable = self.undecidable();
        let record = self
            .recorded
            .records
            .iter()
            .find(|(n, _)| n.as_str() == name);
        let own = |a: &&Attempt| record.is_some_and(|(_, r)| r.hash == a.hash);
        undecidable.iter().any(own) || self.held_prompts().contains(wish.prompt.as_str())
    }

    /// Whether a video has not ended yet, as far as is recorded.
    pub fn is_rendering(&self) -> bool {
        self.attempts().any(|a| a.phase.is_unfinished())
    }

    /// What the plan would still do, other than what only a person can get on with.
    pub fn left_to_do(&self) -> Vec<&Value> {
        let undecidable: HashSet<_> = self
            .undecidable()
            .iter()
            .map(|a| a.hash.to_string())
            .collect();
        let is_left = |action: &&Value| {
            let name = string(&action["name"]);
            let kind = string(&action["action"]);
            let wish = self.wishes.iter().find(|(n, _)| *n == name);
            let held = wish.is_some_and(|(name, wish)| self.is_held(name, wish));
            match kind.as_str() {
                "orphan" => false,
                "blocked" => action["reason"]["code"] != "failed_exhausted",
                "settle" => !undecidable.contains(&string(&action["hash"])),
                _ => !held,
            }
        };
        self.plan.iter().filter(is_left).collect()
    }
}

impl From<&Value> for Session {
    fn from(value: &Value) -> Self {
        Self {
            id: string(&value["session_id"]),
            video_id: string(&value["video_id"]),
            foreign: value["callback_id"] == THEIRS,
            hash: string(&value["callback_id"]),
            key: string(&value["idempotency_key"]),
            prompt: string(&value["request"]["prompt"]),
            status: string(&value["status"]),
            made_ms: value["made_ms"].as_u64().unwrap(),
            video_exists: value["video_exists"] == json!(true),
        }
    }
}

impl Session {
    /// Whether an attempt has it. One that was adopted by its video may not know the session.
    pub fn is_of(&self, attempt: &Attempt) -> bool {
        match &attempt.session_id {
            Some(id) => *id == self.id,
            None => attempt.video_id.as_ref() == Some(&self.video_id),
        }
    }
}

fn posts(world: &World) -> Vec<(String, u64)> {
    let requests = world.heygen.requests().into_iter();
    requests
        .filter(|r| r["method"] == "POST" && r["path"] == "/v3/video-agents")
        .map(|r| {
            (
                string(&r["idempotency_key"]),
                r["time_ms"].as_u64().unwrap(),
            )
        })
        .collect()
}

pub fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
