//! How many may be connected at the same time, and who makes room for the next one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Connections at the same time.
const MOST: usize = 128;

/// When all places are taken, the connection that has been silent for longest has to go: whoever only
/// sits there keeps nobody out. One whose request is being answered is left alone.
#[derive(Debug)]
pub(super) struct Connections {
    room: Arc<Semaphore>,
    silent: Mutex<Silent>,
}

#[derive(Debug, Default)]
struct Silent {
    next: u64,
    /// Who has to be told to go, longest silent first.
    since: BTreeMap<u64, Arc<Notify>>,
}

/// A connection's place, given back when it is dropped. It begins silent.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    /// Since when it is silent, in the order of [`Silent`].
    turn: Mutex<Option<u64>>,
    has_to_go: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            room: Arc::new(Semaphore::new(MOST)),
            silent: Mutex::default(),
        })
    }

    /// Waits for a place, making one where somebody only sits. `None` is for a program that ends.
    pub(super) async fn place(self: &Arc<Self>) -> Option<Place> {
        if self.room.available_permits() == 0
            && let Some((_, silent)) = self.silent().since.pop_first()
        {
            silent.notify_one();
        }
        let permit = Arc::clone(&self.room).acquire_owned().await.ok()?;
        let place = Place {
            connections: Arc::clone(self),
            turn: Mutex::default(),
            has_to_go: Arc::default(),
            _permit: permit,
        };
        place.falls_silent();
        Some(place)
    }

    fn silent(&self) -> MutexGuard<'_, Silent> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Nothing is being answered from now on.
    pub(super) fn falls_silent(&self) {
        let mut silent = self.connections.silent();
        let turn = silent.next;
        silent.next += 1;
        silent.since.insert(turn, Arc::clone(&self.has_to_go));
        *self.turn() = Some(turn);
    }

    /// A request is being answered.
    pub(super) fn speaks(&self) {
        if let Some(turn) = self.turn().take() {
            self.connections.silent().since.remove(&turn);
        }
    }

    /// Ready when others need the place more.
    pub(super) async fn has_to_go(&self) {
        self.has_to_go.notified().await;
    }

    fn turn(&self) -> MutexGuard<'_, Option<u64>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.speaks();
    }
}
