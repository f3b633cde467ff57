//! What a webhook said: a hint, confirmed at HeyGen before anything is recorded.

use crate::apply::{Event, Pace};
use crate::heygen::Reader;
use crate::settle::Question;
use crate::state::{AdoptedBy, Attempt, Entry, Ledger, StateError, is_usable_id};
use crate::video::VideoHash;

/// A session that is said to have ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hint {
    pub hash: VideoHash,
    pub session_id: String,
}

/// Has the videos looked at that are said to have ended, and settles an attempt whose session is
/// named. Returns what was settled.
pub(super) async fn take(
    ledger: &mut Ledger,
    reader: &Reader,
    pace: &mut Pace,
    hints: &[Hint],
    now: jiff::Timestamp,
) -> Result<Vec<Event>, StateError> {
    let mut settled = Vec::new();
    for hint in hints {
        let attempts = ledger.recorded().attempts_of(&hint.hash);
        let same = |a: &&Attempt| a.session_id.as_deref() == Some(&hint.session_id);
        if let Some(attempt) = attempts.iter().find(same) {
            if attempt.phase.is_unfinished() {
                pace.look_now(attempt.key());
            }
            continue;
        }
        if let Some(attempt) = adoptable(ledger, reader, hint).await? {
            let mut attempt = attempt;
            attempt.adopt(hint.session_id.clone(), AdoptedBy::Event, now);
            ledger.write(vec![Entry::Attempt(attempt.clone())])?;
            pace.look_now(attempt.key());
            settled.push(Event::Settled(attempt));
        }
    }
    Ok(settled)
}

/// The unsettled attempt of this hash, if HeyGen knows the session and made it in the attempt's time.
async fn adoptable(
    ledger: &Ledger,
    reader: &Reader,
    hint: &Hint,
) -> Result<Option<Attempt>, StateError> {
    let recorded = ledger.recorded();
    let last = recorded.last_attempt(&hint.hash);
    let Some(attempt) = last.filter(|a| a.phase.is_unsettled()) else {
        return Ok(None);
    };
    if !is_usable_id(&hint.session_id) || recorded.sessions().contains(&hint.session_id) {
        return Ok(None);
    }
    let Some(spec) = ledger.spec(&hint.hash)? else {
        return Ok(None);
    };
    let question = Question::new(attempt, &spec, recorded);
    let made = match reader.session(&hint.session_id).await {
        Ok(session) => session.created_at,
        Err(error) => {
            tracing::debug!(%error, session = hint.session_id, "a webhook could not be confirmed");
            None
        }
    };
    let fits = made.is_some_and(|at| question.could_make(at));
    Ok(fits.then(|| attempt.clone()))
}
