//! Submissions on their way, and what keeps one from starting.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::manifest::Manifest;
use crate::plan::Action;
use crate::settle::prompt_key;
use crate::state::{Attempt, AttemptKey};
use crate::video::{Name, Sha256Hex, VideoHash};

/// One submission of the plan.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) action: Action,
    pub(super) manifest: Box<Manifest>,
    /// A remembered asset was refused, forgotten and uploaded again.
    pub(super) assets_renewed: bool,
    /// Its prompt as [`prompt_key`] has it.
    prompt: String,
}

/// An unsettled attempt.
#[derive(Debug, Clone)]
struct Holder {
    key: AttemptKey,
    name: Name,
}

/// Jobs that have not been accepted or refused yet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Job>,
    /// Prompts whose request is under way.
    in_flight: HashSet<String>,
    /// Prompts of attempts that must be settled first, and whose they are.
    held: HashMap<String, Vec<Holder>>,
    uploading: HashSet<Sha256Hex>,
}

impl Job {
    pub(super) fn new(action: Action, manifest: Box<Manifest>) -> Self {
        Self {
            prompt: prompt_key(manifest.spec.prompt.as_str()),
            action,
            manifest,
            assets_renewed: false,
        }
    }

    pub(super) fn name(&self) -> &Name {
        &self.action.name
    }

    pub(super) fn hash(&self) -> VideoHash {
        self.action.hash
    }
}

impl Queue {
    pub(super) fn push(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    /// Puts a job back that had no effect; it is the next to start.
    pub(super) fn put_back(&mut self, job: Job) {
        self.finish(&job);
        self.waiting.push_front(job);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn hold(&mut self, prompt: &str, attempt: &Attempt) {
        let holder = Holder {
            key: attempt.key(),
            name: attempt.name.clone(),
        };
        let holders = self.held.entry(prompt_key(prompt)).or_default();
        holders.retain(|h| h.key != holder.key);
        holders.push(holder);
    }

    /// How many unsettled attempts have this prompt.
    pub(super) fn holders(&self, prompt: &str) -> usize {
        self.held.get(prompt).map_or(0, Vec::len)
    }

    /// An attempt was settled: it holds nothing any more.
    pub(super) fn release(&mut self, key: &AttemptKey) {
        self.held.retain(|_, holders| {
            holders.retain(|h| h.key != *key);
            !holders.is_empty()
        });
    }

    /// Takes the first job that may start: no request of the same prompt is under way, and none of
    /// its files is being uploaded by another.
    pub(super) fn take_ready(&mut self) -> Option<Job> {
        let at = self.waiting.iter().position(|job| self.is_ready(job))?;
        let job = self.waiting.remove(at)?;
        self.in_flight.insert(job.prompt.clone());
        self.uploading
            .extend(job.manifest.contents.iter().map(|c| c.sha256));
        Some(job)
    }

    fn is_ready(&self, job: &Job) -> bool {
        !self.in_flight.contains(&job.prompt)
            && !self.held.contains_key(&job.prompt)
            && job
                .manifest
                .contents
                .iter()
                .all(|c| !self.uploading.contains(&c.sha256))
    }

    /// Its request is over.
    pub(super) fn finish(&mut self, job: &Job) {
        self.in_flight.remove(&job.prompt);
        for content in &job.manifest.contents {
            self.uploading.remove(&content.sha256);
        }
    }

    /// Takes out the jobs held by an attempt that this run does not settle, each with its holder.
    pub(super) fn take_held(&mut self, is_open: impl Fn(&AttemptKey) -> bool) -> Vec<(Job, Name)> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let (mut held, mut free) = (Vec::new(), VecDeque::new());
        for job in self.waiting.drain(..) {
            let holders = self.held.get(&job.prompt).into_iter().flatten();
            match holders.into_iter().find(|h| !is_open(&h.key)) {
                Some(holder) => held.push((job, holder.name.clone())),
                None => free.push_back(job),
            }
        }
        self.waiting = free;
        held
    }
}
