//! What HeyGen's delivered events say of attempts: the surest proof, and the latest.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::decide::Named;
use crate::heygen::{DeliveredEvent, ReadError, Reader};
use crate::video::VideoHash;

/// Events are asked for no further back than so many pages of a hundred.
const MAX_PAGES: usize = 20;

/// The sessions that events since `until` name for each of these hashes, without those that are
/// known already. What can't be read is left out: no event proves nothing.
pub(super) async fn named(
    reader: &Reader,
    hashes: &HashSet<VideoHash>,
    known: &HashSet<String>,
    until: Timestamp,
) -> HashMap<VideoHash, Vec<Named>> {
    let mut named: HashMap<_, Vec<Named>> = HashMap::new();
    for (hash, session_id) in sessions(reader, hashes, until).await {
        if known.contains(&session_id) {
            continue;
        }
        if let Ok(session) = reader.session(&session_id).await
            && let Some(created_at) = session.created_at
        {
            let entry = named.entry(hash).or_default();
            entry.push(Named {
                session_id,
                created_at,
            });
        }
    }
    named
}

async fn sessions(
    reader: &Reader,
    hashes: &HashSet<VideoHash>,
    until: Timestamp,
) -> HashSet<(VideoHash, String)> {
    let mut found = HashSet::new();
    let walked = walk(reader, until, |event| {
        let data = &event.event_data;
        let hash = data.callback_id.as_deref().and_then(|id| id.parse().ok());
        if let (Some(hash), Some(session_id)) = (hash, &data.session_id)
            && hashes.contains(&hash)
        {
            found.insert((hash, session_id.clone()));
        }
    })
    .await;
    if let Err(error) = walked {
        tracing::debug!(%error, "the delivered events could not be read to their end");
    }
    found
}

async fn walk(
    reader: &Reader,
    until: Timestamp,
    mut visit: impl FnMut(&DeliveredEvent),
) -> Result<(), ReadError> {
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let page = reader.events(token.as_deref()).await?;
        for event in &page.items {
            let told: Result<Timestamp, _> = event.created_at.parse();
            if told.is_ok_and(|at| at < until) {
                return Ok(());
            }
            visit(event);
        }
        match page.next {
            Some(next) => token = Some(next),
            None => return Ok(()),
        }
    }
    Ok(())
}
