//! Asking HeyGen about everything recorded, and recording what it says.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{Coarse, Seen, look_at_session, look_at_statuses, look_at_video, observe};
use crate::heygen::{ReadError, Reader, STATUS_BATCH};
use crate::settle::{Adoption, Confirmation, confirm};
use crate::state::{AdoptedBy, Attempt, AttemptKey, Entry, Ledger, Phase, StateError};
use crate::video::VideoHash;

/// A video that is not as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    pub before: Phase,
    pub after: Attempt,
}

#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    State(#[from] StateError),
}

/// Looks at the attempts of the given hashes. What was recorded before an error stays recorded.
pub async fn refresh(
    ledger: &mut Ledger,
    reader: &Reader,
    hashes: &HashSet<VideoHash>,
    now: Timestamp,
    drift: &mut Vec<Drift>,
) -> Result<(), RefreshError> {
    let (videos, sessions) = to_ask(ledger, hashes);
    for batch in videos.chunks(STATUS_BATCH) {
        let ids: Vec<_> = batch.iter().map(|(_, id)| id.clone()).collect();
        let statuses = look_at_statuses(reader, &ids).await?;
        let changed: HashSet<_> = statuses
            .into_iter()
            .filter(|(_, coarse)| *coarse == Coarse::Changed)
            .map(|(id, _)| id)
            .collect();
        for (key, id) in batch.iter().filter(|(_, id)| changed.contains(id)) {
            let seen = look_at_video(reader, id).await?;
            record(ledger, *key, &seen, now, drift)?;
        }
    }
    for (key, id) in sessions {
        let seen = look_at_session(reader, &id).await?;
        record(ledger, key, &seen, now, drift)?;
    }
    Ok(confirm_adoptions(ledger, reader, hashes, now, drift).await?)
}

/// What was adopted by its prompt is held against the events HeyGen delivered since.
async fn confirm_adoptions(
    ledger: &mut Ledger,
    reader: &Reader,
    hashes: &HashSet<VideoHash>,
    now: Timestamp,
    drift: &mut Vec<Drift>,
) -> Result<(), StateError> {
    let mut adoptions = Vec::new();
    for hash in hashes {
        for attempt in ledger.recorded().attempts_of(hash) {
            if attempt.adopted_by == Some(AdoptedBy::Prompt)
                && let Some(spec) = ledger.spec(hash)?
            {
                adoptions.extend(Adoption::of(attempt, &spec, ledger.recorded()));
            }
        }
    }
    for (key, confirmation) in confirm(reader, adoptions, ledger.recorded().sessions()).await {
        let Some(mut attempt) = ledger.recorded().attempt(&key).cloned() else {
            continue;
        };
        let before = attempt.phase;
        match confirmation {
            Confirmation::Right => attempt.adopted_by = Some(AdoptedBy::Event),
            Confirmation::Other(session) => attempt.adopt(session, AdoptedBy::Event, now),
        }
        write(ledger, before, attempt, drift)?;
    }
    Ok(())
}

fn write(
    ledger: &mut Ledger,
    before: Phase,
    after: Attempt,
    drift: &mut Vec<Drift>,
) -> Result<(), StateError> {
    ledger.write(vec![Entry::Attempt(after.clone())])?;
    if after.phase != before {
        drift.push(Drift { before, after });
    }
    Ok(())
}

type Asked = Vec<(AttemptKey, String)>;

/// Videos by id where one is known, sessions otherwise.
fn to_ask(ledger: &Ledger, hashes: &HashSet<VideoHash>) -> (Asked, Asked) {
    let (mut videos, mut sessions) = (Vec::new(), Vec::new());
    let asks = |phase: Phase| phase.is_live() || phase == Phase::Failed;
    for attempt in ledger.recorded().attempts_where(asks) {
        let key = attempt.key();
        match (&attempt.video_id, &attempt.session_id) {
            _ if !hashes.contains(&attempt.hash) => {}
            (Some(id), _) => videos.push((key, id.clone())),
            (None, Some(id)) if attempt.phase.is_unfinished() => sessions.push((key, id.clone())),
            _ => {}
        }
    }
    (videos, sessions)
}

fn record(
    ledger: &mut Ledger,
    key: AttemptKey,
    seen: &Seen,
    now: Timestamp,
    drift: &mut Vec<Drift>,
) -> Result<(), StateError> {
    let Some(before) = ledger.recorded().attempt(&key) else {
        return Ok(());
    };
    let (phase, after) = (before.phase, observe(before, seen, now));
    after.map_or(Ok(()), |after| write(ledger, phase, after, drift))
}
