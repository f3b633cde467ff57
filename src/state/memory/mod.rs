//! A state in memory, for tests: stricter than the stores that keep something.
//!
//! It panics where a caller breaks a rule that would cost money or lose history, so that a test
//! notices. What the rules are is [`rules`]' part.

mod rules;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Entry, Phase, ReadState, Recorded, StateError, WriteState};
use crate::video::VideoHash;

/// Clones share one state: keep one to look at what happened. [`MemoryState::reopen`] is what the
/// next process would see.
#[derive(Debug, Clone, Default)]
pub struct MemoryState {
    shared: Arc<Mutex<Shared>>,
    poisoned: bool,
}

#[derive(Debug, Default)]
struct Shared {
    recorded: Recorded,
    history: Vec<Vec<Entry>>,
    specs: HashMap<VideoHash, String>,
    unanswered: HashSet<(VideoHash, u32)>,
    reserved: usize,
    appends: usize,
    fails_at: Option<Failing>,
    no_room: bool,
    lenient: bool,
}

#[derive(Debug, Clone, Copy)]
struct Failing {
    append: usize,
    written: bool,
}

impl MemoryState {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes any entry, as an import needs.
    #[must_use]
    pub fn lenient() -> Self {
        let state = Self::default();
        state.shared().lenient = true;
        state
    }

    /// Begins with these entries, whatever they are.
    #[must_use]
    pub fn with(entries: Vec<Entry>) -> Self {
        let state = Self::default();
        for entry in entries {
            state.shared().recorded.put(entry);
        }
        state
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the `nth` append from now (0 is the next one) fail. `written` says whether the entries
    /// turn out to be there when the state is opened again: a failed write leaves that open.
    pub fn fail_append(&self, nth: usize, written: bool) {
        let mut shared = self.shared();
        let append = shared.appends + nth;
        shared.fails_at = Some(Failing { append, written });
    }

    /// Lets every [`WriteState::reserve`] fail, as on a full disk.
    pub fn no_room(&self, no_room: bool) {
        self.shared().no_room = no_room;
    }

    /// Every batch that was written, in order.
    #[must_use]
    pub fn history(&self) -> Vec<Vec<Entry>> {
        self.shared().history.clone()
    }

    /// What another process sees that opens the same state, also after this one failed.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let mut shared = self.shared();
        shared.reserved = 0;
        shared.unanswered.clear();
        drop(shared);
        let shared = Arc::clone(&self.shared);
        Self {
            shared,
            poisoned: false,
        }
    }
}

impl ReadState for MemoryState {
    fn load(&self) -> Result<Recorded, StateError> {
        Ok(self.shared().recorded.clone())
    }

    fn spec(&self, hash: &VideoHash) -> Result<Option<String>, StateError> {
        Ok(self.shared().specs.get(hash).cloned())
    }
}

impl WriteState for MemoryState {
    /// # Panics
    /// When an entry breaks a rule.
    fn append(&mut self, entries: &[Entry]) -> Result<(), StateError> {
        if self.poisoned {
            return Err(StateError::Poisoned);
        }
        for entry in entries {
            entry.to_json()?;
        }
        let mut shared = self.shared();
        let failing = shared.fails_at.filter(|f| f.append == shared.appends);
        shared.appends += 1;
        if failing.is_none_or(|f| f.written) {
            shared.put(entries);
        }
        drop(shared);
        self.poisoned = failing.is_some();
        failing.map_or(Ok(()), |_| Err(failed("write")))
    }

    /// # Panics
    /// When the text is not the one of the hash.
    fn put_spec(&mut self, hash: &VideoHash, canonical: &str) -> Result<(), StateError> {
        let right = VideoHash::of_canonical(canonical) == *hash;
        assert!(right, "the text is not the one of {hash}");
        self.shared().specs.insert(*hash, canonical.into());
        Ok(())
    }

    fn reserve(&mut self, attempts: usize) -> Result<(), StateError> {
        if self.poisoned {
            return Err(StateError::Poisoned);
        }
        let mut shared = self.shared();
        if shared.no_room {
            return Err(failed("reserve room in"));
        }
        shared.reserved = shared.reserved.max(attempts);
        Ok(())
    }
}

impl Shared {
    fn put(&mut self, entries: &[Entry]) {
        for entry in entries {
            if let Err(broken) = self.check(entry) {
                panic!("{broken}: {entry:?}");
            }
            self.note_answer(entry);
            self.recorded.put(entry.clone());
        }
        self.history.push(entries.to_vec());
    }

    fn check(&self, entry: &Entry) -> Result<(), String> {
        let Entry::Attempt(attempt) = entry else {
            return Ok(());
        };
        if self.lenient {
            return Ok(());
        }
        rules::attempt(&self.recorded, attempt)?;
        let key = (attempt.hash, attempt.number);
        if attempt.phase == Phase::Submitting && !self.unanswered.contains(&key) {
            rules::require(self.specs.contains_key(&attempt.hash), || {
                "its spec was not put first".into()
            })?;
            rules::require(self.reserved > 0, || "no room was reserved first".into())?;
        }
        Ok(())
    }

    fn note_answer(&mut self, entry: &Entry) {
        let Entry::Attempt(attempt) = entry else {
            return;
        };
        let key = (attempt.hash, attempt.number);
        if attempt.phase != Phase::Submitting {
            self.unanswered.remove(&key);
        } else if self.unanswered.insert(key) {
            self.reserved = self.reserved.saturating_sub(1);
        }
    }
}

fn failed(action: &'static str) -> StateError {
    StateError::Io {
        action,
        path: "memory".into(),
        source: std::io::ErrorKind::StorageFull.into(),
    }
}
