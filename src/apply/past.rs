//! What follows from comparing a state that can't vouch for the past with HeyGen's sessions.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::settle::Match;
use crate::state::{AdoptedBy, Attempt, Entry, Ledger, StateError, Vouch};
use crate::video::{Spec, VideoHash};

/// From here on the state knows of everything that was submitted.
pub fn vouch(ledger: &mut Ledger, now: Timestamp) -> Result<(), StateError> {
    let vouch = Vouch {
        at: now,
        unproven: None,
    };
    ledger.write(vec![Entry::Vouch(vouch)])
}

/// Records the newest session found for each hash as its attempt. Each session is taken once.
/// Returns what was taken.
pub fn adopt_found(
    ledger: &mut Ledger,
    found: &[(Match, &Spec)],
    now: Timestamp,
) -> Result<HashMap<VideoHash, String>, StateError> {
    let mut adopted = HashMap::new();
    let mut taken = HashSet::new();
    for (found, spec) in found {
        if adopted.contains_key(&found.hash) || !taken.insert(found.session_id.as_str()) {
            continue;
        }
        ledger.put_spec(spec)?;
        ledger.write(vec![Entry::Attempt(attempt(ledger, found, now))])?;
        adopted.insert(found.hash, found.session_id.clone());
    }
    Ok(adopted)
}

fn attempt(ledger: &Ledger, found: &Match, now: Timestamp) -> Attempt {
    let number = ledger.recorded().next_number(&found.hash);
    let made = Timestamp::from_second(found.created_at).unwrap_or(now);
    let mut attempt = Attempt {
        intent_at_heygen: Some(made),
        answered_at: Some(made),
        ..Attempt::intent(found.hash, number, found.name.clone(), made)
    };
    attempt.adopt(found.session_id.clone(), AdoptedBy::Prompt, now);
    attempt
}
