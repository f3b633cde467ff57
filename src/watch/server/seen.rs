//! Deliveries that came before: HeyGen sends an event again until it is answered, and later too.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest, Sha256};

/// So many are remembered.
const MOST: usize = 4_096;

type Id = [u8; 32];

#[derive(Debug, Default)]
pub(super) struct Seen {
    known: HashSet<Id>,
    order: VecDeque<Id>,
}

impl Seen {
    /// The event's id, or the body where it has none; of any length, so their digest is kept.
    pub(super) fn id(event_id: Option<&str>, body: &[u8]) -> Id {
        Sha256::digest(event_id.map_or(body, str::as_bytes)).into()
    }

    /// Whether it is new; it is known from here on.
    pub(super) fn insert(&mut self, id: Id) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// It could not be taken in: HeyGen is to send it again.
    pub(super) fn forget(&mut self, id: &Id) {
        self.known.remove(id);
        self.order.retain(|known| known != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_once_and_memory_is_bounded() {
        let mut seen = Seen::default();
        let id = |n: usize| Seen::id(Some(&n.to_string()), b"");
        assert!(seen.insert(id(0)) && !seen.insert(id(0)));
        seen.forget(&id(0));
        assert!(seen.insert(id(0)));
        (1..=MOST).for_each(|n| assert!(seen.insert(id(n))));
        assert_eq!((seen.known.len(), seen.order.len()), (MOST, MOST));
        assert!(seen.insert(id(0)));
        assert_ne!(Seen::id(None, b"a"), Seen::id(None, b"b"));
    }
}
