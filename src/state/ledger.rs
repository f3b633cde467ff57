//! A store being written, together with what it holds.

use super::{Entry, Position, Recorded, StateError, WriteState};
use crate::video::{Spec, VideoHash};

/// What is recorded and what is durable can't drift apart: the only way to change the one is to
/// write the other.
pub struct Ledger {
    store: Box<dyn WriteState + Send>,
    recorded: Recorded,
}

/// What a closed ledger held, and where the store stood then.
#[derive(Debug)]
pub struct Known {
    position: Position,
    recorded: Recorded,
}

impl Known {
    #[must_use]
    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }
}

impl Ledger {
    pub fn open(store: Box<dyn WriteState + Send>) -> Result<Self, StateError> {
        let recorded = store.load()?;
        Ok(Self { store, recorded })
    }

    /// As [`Ledger::open`], without reading again what did not change since.
    pub fn reopen(
        store: Box<dyn WriteState + Send>,
        known: Option<Known>,
    ) -> Result<Self, StateError> {
        match known {
            Some(known) if store.position().as_ref() == Some(&known.position) => Ok(Self {
                store,
                recorded: known.recorded,
            }),
            _ => Self::open(store),
        }
    }

    /// Closes the store; what is recorded can be had again without reading it.
    #[must_use]
    pub fn close(self) -> Option<Known> {
        Some(Known {
            position: self.store.position()?,
            recorded: self.recorded,
        })
    }

    #[must_use]
    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// Durable when it returns, and visible in [`Ledger::recorded`] only then.
    pub fn write(&mut self, entries: Vec<Entry>) -> Result<(), StateError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.store.append(&entries)?;
        for entry in entries {
            self.recorded.put(entry);
        }
        Ok(())
    }

    pub fn put_spec(&mut self, spec: &Spec) -> Result<(), StateError> {
        self.store.put_spec(&spec.hash(), &spec.canonical())
    }

    /// See [`WriteState::reserve`].
    pub fn reserve(&mut self, attempts: usize) -> Result<(), StateError> {
        self.store.reserve(attempts)
    }

    /// The wish behind a hash, where it was ever submitted.
    pub fn spec(&self, hash: &VideoHash) -> Result<Option<Spec>, StateError> {
        let json = self.store.spec(hash)?;
        Ok(json.and_then(|json| Spec::from_canonical(&json).ok()))
    }
}
