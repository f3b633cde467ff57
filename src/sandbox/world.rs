//! Everything the sandbox knows: sessions, assets, endpoints, what was asked of it.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use super::Config;
use super::answer::Answer;
use super::assets::Asset;
use super::clock::now_ms;
use super::direct::Upload;
use super::endpoints::Endpoint;
use super::injector::Injector;
use super::journal::{Journal, Line};
use super::log::RequestLog;
use super::render::Session;
use super::server::SandboxError;

/// How long a repeat with the same key gets the first answer.
pub(super) const REPLAYED_MS: u64 = 24 * 60 * 60 * 1_000;

#[derive(Debug)]
pub(super) struct World {
    pub(super) config: Config,
    pub(super) url: String,
    /// In the order they were made.
    pub(super) sessions: Vec<Session>,
    by_session: HashMap<String, usize>,
    by_video: HashMap<String, usize>,
    pub(super) assets: HashMap<String, Asset>,
    /// Direct uploads, under the id of the asset each becomes.
    pub(super) uploads: HashMap<String, Upload>,
    pub(super) deleted: HashSet<String>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) faults: Injector,
    pub(super) log: RequestLog,
    /// Idempotency keys of requests that are not answered yet.
    pub(super) in_flight: HashSet<String>,
    /// Sessions that may not have ended yet, by position.
    unfinished: Vec<usize>,
    /// Sessions whose end is to be delivered, by position.
    undelivered: Vec<usize>,
    journal: Option<Journal>,
    is_closed: bool,
    ids: u64,
}

impl World {
    /// `lock` is that of the data directory, where there is one.
    pub(super) fn open(
        config: Config,
        url: String,
        lock: Option<File>,
    ) -> Result<Self, SandboxError> {
        let mut world = Self::empty(config, url);
        if let (Some(dir), Some(lock)) = (world.config.data.clone(), lock) {
            let (journal, lines) = Journal::open(&dir, lock)?;
            lines.into_iter().for_each(|line| world.take(line));
            world.journal = Some(journal);
            world.log = RequestLog::open(&dir).map_err(SandboxError::Data)?;
        }
        Ok(world)
    }

    fn empty(config: Config, url: String) -> Self {
        Self {
            faults: Injector::new(config.rules.clone(), config.seed),
            config,
            url,
            sessions: Vec::new(),
            by_session: HashMap::new(),
            by_video: HashMap::new(),
            assets: HashMap::new(),
            uploads: HashMap::new(),
            deleted: HashSet::new(),
            endpoints: Vec::new(),
            log: RequestLog::default(),
            in_flight: HashSet::new(),
            unfinished: Vec::new(),
            undelivered: Vec::new(),
            journal: None,
            is_closed: false,
            ids: 0,
        }
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Session(session) => self.take_session(*session),
            Line::Asset(asset) => {
                self.assets.insert(asset.asset_id.clone(), asset);
            }
            Line::Upload(upload) => {
                self.uploads.insert(upload.asset_id.clone(), *upload);
            }
            Line::Deleted(id) => {
                self.deleted.insert(id);
            }
            Line::Stopped { session_id, at_ms } => {
                if let Some(at) = self.by_session.get(&session_id) {
                    self.sessions[*at].stopped_ms.get_or_insert(at_ms);
                }
            }
            Line::Endpoint(endpoint) => self.endpoints.push(endpoint),
            Line::EndpointDeleted(id) => self.endpoints.retain(|e| e.endpoint_id != id),
        }
    }

    fn take_session(&mut self, session: Session) {
        let at = self.sessions.len();
        self.by_session.insert(session.session_id.clone(), at);
        self.by_video.insert(session.video_id.clone(), at);
        self.unfinished.push(at);
        self.undelivered.push(at);
        self.sessions.push(session);
    }

    /// Writes a change down, then makes it.
    pub(super) fn put(&mut self, line: Line) -> Result<(), Box<Answer>> {
        self.write(&line)
            .map_err(|e| Box::new(Answer::error(500, "internal_error", &e.to_string())))?;
        self.take(line);
        Ok(())
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        if self.is_closed {
            return Err(io::Error::other("the sandbox has stopped"));
        }
        match &mut self.journal {
            Some(journal) => journal.write(line),
            None => Ok(()),
        }
    }

    /// Nothing takes effect from here on, and the data directory is free for another.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.journal = None;
        self.log.close();
    }

    /// How many jobs of the account run now.
    pub(super) fn jobs(&mut self) -> usize {
        let now = now_ms();
        let sessions = &self.sessions;
        self.unfinished
            .retain(|at| sessions[*at].is_unfinished(now));
        self.unfinished.len()
    }

    /// What ended before this process began was delivered by the one before.
    pub(super) fn forget_undelivered(&mut self) {
        self.take_ended();
    }

    /// Sessions that ended since this was asked last.
    pub(super) fn take_ended(&mut self) -> Vec<usize> {
        let now = now_ms();
        let all = std::mem::take(&mut self.undelivered);
        let (open, ended) = all
            .into_iter()
            .partition(|at| self.sessions[*at].is_unfinished(now));
        self.undelivered = open;
        ended
    }

    /// In US dollars.
    pub(super) fn balance(&self) -> f64 {
        let now = now_ms();
        let spent: f64 = self.sessions.iter().map(|s| s.cost_usd(now)).sum();
        self.config.balance_usd - spent
    }

    pub(super) fn session(&self, id: &str) -> Option<&Session> {
        self.by_session.get(id).map(|at| &self.sessions[*at])
    }

    /// The session of a video that exists by now.
    pub(super) fn session_of_video(&self, id: &str) -> Option<&Session> {
        let session = &self.sessions[*self.by_video.get(id)?];
        self.shows_video(session).then_some(session)
    }

    pub(super) fn shows_video(&self, session: &Session) -> bool {
        session.has_video(now_ms()) && !self.deleted.contains(&session.video_id)
    }

    /// A new id, unlike any before it.
    pub(super) fn id(&mut self, kind: &str) -> String {
        self.ids += 1;
        let part = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            let known = (
                self.ids,
                self.sessions.len(),
                self.uploads.len() + self.assets.len(),
                now_ms(),
            );
            (kind, salt, self.config.seed, known).hash(&mut hasher);
            hasher.finish()
        };
        format!("{kind}_{:016x}{:016x}", part(0), part(1))
    }

    /// How long a session's video takes: the same for the same id.
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
