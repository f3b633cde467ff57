//! The embedded store: what a command that changes the state opens.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::index::Index;
use super::journal::JournalWriter;
use super::lock::Lock;
use super::objects::Objects;
use super::{
    Doubted, Entry, Phase, Position, ReadState, Recorded, StateError, WriteState, disk, reader,
    rewrite,
};
use crate::video::VideoHash;

/// What one submission may take: an intent and an answer, each an attempt and a record.
const SUBMISSION: u64 = 16 << 10;

/// The one writer of a state directory. Dropping it closes the index, then gives the lock back.
#[derive(Debug)]
pub struct EmbeddedState {
    index: Mutex<Index>,
    journal: JournalWriter,
    objects: Objects,
    /// Intents written through this value whose answers are still to come.
    unanswered: HashSet<(VideoHash, u32)>,
    lock: Lock,
}

impl EmbeddedState {
    /// Opens the directory that `lock` is for, making what is missing.
    pub fn open(dir: &Path, lock: Lock) -> Result<Self, StateError> {
        if lock.dir() != dir {
            return Err(StateError::Locked {
                holder: format!("nobody; the lock taken is for {}", lock.dir().display()),
            });
        }
        disk::create_state_dir(dir)?;
        let objects = Objects::new(dir);
        if !dir.join("journal").exists() {
            reader::check_never_written(dir, &objects)?;
        }
        let mut journal = JournalWriter::open(dir)?;
        let index = Index::open(dir, &mut journal)?;
        let mut state = Self {
            index: Mutex::new(index),
            journal,
            objects,
            unanswered: HashSet::new(),
            lock,
        };
        state.write_anew_if_needed()?;
        Ok(state)
    }

    fn write_anew_if_needed(&mut self) -> Result<(), StateError> {
        let journal = self.journal.journal();
        // Entries come before texts: texts alone show that the entries were lost.
        let oldest_text = match self.journal.end() == journal.start() {
            true => self.objects.oldest(),
            false => None,
        };
        let doubted = match self.journal.is_torn() || oldest_text.is_some() {
            true => Some(Doubted::Repaired),
            false => self.journal.is_foreign().then_some(Doubted::Restored),
        };
        let index = self.index.get_mut().unwrap_or_else(PoisonError::into_inner);
        let rewrite = match doubted {
            Some(cause) => {
                let now = self.lock.since();
                rewrite::doubting(self.lock.dir(), journal, cause, oldest_text, now)?
            }
            None => match rewrite::compacting(self.lock.dir(), journal, index.live())? {
                Some(rewrite) => rewrite,
                None => return Ok(()),
            },
        };
        self.journal.replace(self.lock.dir(), rewrite)?;
        index.restart(&mut self.journal)
    }

    fn note_answers(&mut self, entries: &[Entry]) {
        for entry in entries {
            let Entry::Attempt(attempt) = entry else {
                continue;
            };
            let key = (attempt.hash, attempt.number);
            if attempt.phase == Phase::Submitting {
                self.unanswered.insert(key);
            } else {
                self.unanswered.remove(&key);
            }
        }
    }
}

impl ReadState for EmbeddedState {
    fn load(&self) -> Result<Recorded, StateError> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        match index.load(self.journal.journal())? {
            Some(recorded) => Ok(recorded),
            None => self.journal.journal().load(),
        }
    }

    fn spec(&self, hash: &VideoHash) -> Result<Option<String>, StateError> {
        self.objects.get(hash)
    }
}

impl WriteState for EmbeddedState {
    fn append(&mut self, entries: &[Entry]) -> Result<(), StateError> {
        let lines = self.journal.append(entries)?;
        self.note_answers(entries);
        let index = self.index.get_mut().unwrap_or_else(PoisonError::into_inner);
        index.follow(entries, &lines);
        Ok(())
    }

    fn put_spec(&mut self, hash: &VideoHash, canonical: &str) -> Result<(), StateError> {
        self.objects.put(hash, canonical)
    }

    fn reserve(&mut self, attempts: usize) -> Result<(), StateError> {
        let submissions = (self.unanswered.len() + attempts) as u64;
        self.journal.reserve(submissions * SUBMISSION)
    }

    fn position(&self) -> Option<Position> {
        Some(Position {
            journal: self.journal.journal().id().to_owned(),
            end: self.journal.end(),
        })
    }
}
