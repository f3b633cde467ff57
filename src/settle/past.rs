//! Before the first submission of a state that can't vouch for the past: what may have been paid
//! for already?

use std::collections::HashSet;

use jiff::Timestamp;

use super::look::read;
use super::walk;
use crate::heygen::{ReadError, Reader};
use crate::video::{Name, VideoHash};

/// A longer list has to be judged by a person.
const MAX_PAGES: usize = 500;

/// A wish that would be submitted.
#[derive(Debug, Clone)]
pub struct Wished {
    pub name: Name,
    pub hash: VideoHash,
    /// As [`super::prompt_key`] has it.
    pub prompt: String,
}

/// A session that may be what a wish already made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub name: Name,
    pub hash: VideoHash,
    pub session_id: String,
    /// Unix seconds.
    pub created_at: i64,
}

/// Compares the sessions since `since` that no record knows with the wished prompts. The newest
/// comes first.
pub async fn look_back(
    reader: &Reader,
    since: Timestamp,
    known: &HashSet<String>,
    wished: &[Wished],
) -> Result<Vec<Match>, ReadError> {
    let mut sessions = walk(reader, since, MAX_PAGES).await?;
    sessions.retain(|s| !known.contains(&s.session_id));
    let mut matches = Vec::new();
    for session in read(reader, sessions).await {
        if session.prompts.is_empty() {
            return Err(ReadError::Shape(format!(
                "the prompt of session {} can't be read",
                session.session_id
            )));
        }
        let same = wished
            .iter()
            .filter(|w| session.prompts.contains(&w.prompt));
        matches.extend(same.map(|w| Match {
            name: w.name.clone(),
            hash: w.hash,
            session_id: session.session_id.clone(),
            created_at: session.created_at,
        }));
    }
    Ok(matches)
}
