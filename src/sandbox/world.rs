//! Everything the sandbox knows: sessions, assets, endpoints, what was asked of it.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use serde_json::{Value, json};

use super::Config;
use super::assets::Asset;
use super::clock::now_ms;
use super::faults::Injector;
use super::journal::{Journal, Line};
use super::render::Session;

/// The last requests that can be asked for.
const REMEMBERED_REQUESTS: usize = 20_000;

pub(super) struct World {
    pub(super) config: Config,
    pub(super) url: String,
    /// In the order they were made.
    pub(super) sessions: Vec<Session>,
    pub(super) by_session: HashMap<String, usize>,
    pub(super) by_video: HashMap<String, usize>,
    pub(super) assets: Vec<Asset>,
    pub(super) deleted: HashSet<String>,
    pub(super) endpoints: Vec<Value>,
    pub(super) requests: Vec<Value>,
    pub(super) faults: Injector,
    /// Sessions that may not have ended yet, by position.
    unfinished: Vec<usize>,
    journal: Option<Journal>,
    ids: u64,
}

impl World {
    pub(super) fn open(config: Config, url: String) -> io::Result<Self> {
        let (journal, lines) = match &config.data {
            Some(dir) => {
                let (journal, lines) = Journal::open(dir)?;
                (Some(journal), lines)
            }
            None => (None, Vec::new()),
        };
        let mut world = Self {
            faults: Injector::new(config.rules.clone(), config.seed),
            config,
            url,
            sessions: Vec::new(),
            by_session: HashMap::new(),
            by_video: HashMap::new(),
            assets: Vec::new(),
            deleted: HashSet::new(),
            endpoints: Vec::new(),
            requests: Vec::new(),
            unfinished: Vec::new(),
            journal,
            ids: 0,
        };
        lines.into_iter().for_each(|line| world.take(line));
        Ok(world)
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Session(session) => {
                let at = self.sessions.len();
                self.by_session.insert(session.session_id.clone(), at);
                self.by_video.insert(session.video_id.clone(), at);
                self.unfinished.push(at);
                self.sessions.push(*session);
            }
            Line::Asset(asset) => self.assets.push(asset),
            Line::Deleted(id) => {
                self.deleted.insert(id);
            }
            Line::Stopped(id) => {
                if let Some(at) = self.by_session.get(&id) {
                    self.sessions[*at].stopped = true;
                }
            }
            Line::Endpoint(endpoint) => self.endpoints.push(endpoint),
        }
    }

    /// Writes a change down, then makes it.
    pub(super) fn put(&mut self, line: Line) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.write(&line)?;
        }
        self.take(line);
        Ok(())
    }

    /// Remembers a request as it came; returns its number.
    pub(super) fn log(&mut self, request: Value) -> usize {
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.log(&request)
        {
            tracing::warn!(%error, "the sandbox could not log a request");
        }
        if self.requests.len() < REMEMBERED_REQUESTS {
            self.requests.push(request);
        }
        self.requests.len() - 1
    }

    /// What a request was answered with; null if its connection was dropped.
    pub(super) fn answered(&mut self, number: usize, status: Option<u16>) {
        if let Some(request) = self.requests.get_mut(number) {
            request["status"] = json!(status);
        }
    }

    /// How many jobs of the account run now.
    pub(super) fn jobs(&mut self) -> usize {
        let now = now_ms();
        let sessions = &self.sessions;
        self.unfinished
            .retain(|at| sessions[*at].is_unfinished(now));
        self.unfinished.len()
    }

    pub(super) fn session(&self, id: &str) -> Option<&Session> {
        self.by_session.get(id).map(|at| &self.sessions[*at])
    }

    pub(super) fn session_of_video(&self, id: &str) -> Option<&Session> {
        let at = self
            .by_video
            .get(id)
            .filter(|_| !self.deleted.contains(id))?;
        Some(&self.sessions[*at])
    }

    /// A new id, unlike any before it.
    pub(super) fn id(&mut self, kind: &str) -> String {
        self.ids += 1;
        let mut parts = [0; 2];
        for (salt, part) in parts.iter_mut().enumerate() {
            let mut hasher = DefaultHasher::new();
            (
                kind,
                salt,
                self.config.seed,
                self.ids,
                self.sessions.len(),
                now_ms(),
            )
                .hash(&mut hasher);
            *part = hasher.finish();
        }
        format!("{kind}_{:016x}{:016x}", parts[0], parts[1])
    }

    /// How long a session's video takes: stable for its id.
    pub(super) fn render_ms(&self, session_id: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        session_id.hash(&mut hasher);
        let share =
            f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        let factor = 1.0 + self.config.render_jitter * (2.0 * share - 1.0);
        let time = self.config.render_time.mul_f64(factor.max(0.0));
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }
}
