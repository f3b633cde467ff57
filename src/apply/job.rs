//! Submissions on their way, and what keeps one from starting.

use std::collections::{HashMap, HashSet, VecDeque};

use unicode_normalization::UnicodeNormalization;

use crate::manifest::Manifest;
use crate::plan::Action;
use crate::video::{Name, Sha256Hex, VideoHash};

/// One submission of the plan.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) action: Action,
    pub(super) manifest: Box<Manifest>,
    /// Connections that failed so far.
    pub(super) unreachable: u32,
    /// A remembered asset was refused, forgotten and uploaded again.
    pub(super) assets_renewed: bool,
    /// Its prompt as [`prompt_key`] has it.
    prompt: String,
}

/// Jobs that have not been accepted or refused yet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Job>,
    /// Prompts whose request is under way.
    in_flight: HashSet<String>,
    /// Prompts of attempts that must be settled first, and the names they were for.
    held: HashMap<String, Name>,
    uploading: HashSet<Sha256Hex>,
}

impl Job {
    pub(super) fn new(action: Action, manifest: Box<Manifest>) -> Self {
        Self {
            prompt: prompt_key(manifest.spec.prompt.as_str()),
            action,
            manifest,
            unreachable: 0,
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

/// The form in which prompts are compared when a lost answer is looked for: two prompts alike in
/// this form could be mistaken for each other.
pub(super) fn prompt_key(prompt: &str) -> String {
    let mut key = String::with_capacity(prompt.len());
    for word in prompt.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        key.extend(word.nfc());
    }
    key
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

    pub(super) fn hold(&mut self, prompt: &str, name: &Name) {
        self.held.insert(prompt_key(prompt), name.clone());
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

    /// Takes out the jobs that an unsettled attempt of the same prompt holds, each with its holder.
    pub(super) fn take_held(&mut self) -> Vec<(Job, Name)> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let (mut held, mut free) = (Vec::new(), VecDeque::new());
        for job in self.waiting.drain(..) {
            match self.held.get(&job.prompt) {
                Some(holder) => held.push((job, holder.clone())),
                None => free.push_back(job),
            }
        }
        self.waiting = free;
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_that_differ_in_white_space_or_normal_form_are_one() {
        assert_eq!(prompt_key(" a\n\u{a0}b  c"), "a b c");
        assert_eq!(prompt_key("e\u{301}"), prompt_key("\u{e9}"));
        assert_ne!(prompt_key("a b"), prompt_key("ab"));
    }
}
