//! What a state store guarantees.

use std::path::PathBuf;

use super::{Entry, Recorded};
use crate::video::VideoHash;

/// Reading. Never waits for a writer and never writes, so it works on a read-only checkout.
pub trait ReadState {
    /// A consistent state: every entry whose write had been acknowledged when this was called,
    /// and possibly later ones, in their order.
    fn load(&self) -> Result<Recorded, StateError>;

    /// The canonical JSON of a wish as it was submitted, or `None` if it was never written.
    fn spec(&self, hash: &VideoHash) -> Result<Option<String>, StateError>;
}

/// Writing. Whoever holds one is the only writer; it ends with the value.
///
/// After an error nothing more may be written through the same value: what the failed call left
/// on the disk is decided when the state is opened again.
pub trait WriteState: ReadState {
    /// Appends entries, in order and all together. Durable (on the disk, not in its cache) when it
    /// returns; after an error it may hold all of them or none.
    fn append(&mut self, entries: &[Entry]) -> Result<(), StateError>;

    /// Makes a wish's canonical JSON durable. Writing the same again is free.
    fn put_spec(&mut self, hash: &VideoHash, canonical: &str) -> Result<(), StateError>;

    /// Makes sure that the answers of `attempts` submissions, beside those still to be written for
    /// earlier intents, can be written, or fails: called before a POST, so that a full disk is found
    /// out while nothing is owed yet.
    fn reserve(&mut self, attempts: usize) -> Result<(), StateError>;

    /// Where the state stands: equal positions mean that nothing was written in between. `None` if
    /// the store can't tell.
    fn position(&self) -> Option<Position> {
        None
    }
}

/// See [`WriteState::position`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub(super) journal: String,
    pub(super) end: u64,
}

/// What can go wrong with a state. The message says what happened; the edge adds the way out.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the state is damaged: {} at byte {offset}: {what}", path.display())]
    Damaged {
        path: PathBuf,
        offset: u64,
        what: String,
    },
    #[error("the state has format {found}, this program reads up to {known}")]
    NewerFormat { found: u32, known: u32 },
    #[error("the state is locked by {holder}")]
    Locked { holder: String },
    #[error("an earlier write failed; nothing more is written until the state is opened again")]
    Poisoned,
    #[error("an entry of {size} bytes is over the limit of {limit}")]
    EntryTooLarge { size: usize, limit: usize },
}
