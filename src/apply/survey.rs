//! Before a run submits anything: whose account is it, and which sessions are there already.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use crate::heygen::{Me, ReadError, Reader};
use crate::state::{Account, Entry, Ledger, Run, StateError};

/// How far back the session list is walked, in HeyGen's time.
const WALK_BACK: SignedDuration = SignedDuration::from_mins(15);
/// A walk that has not got there after so many pages of 100 is incomplete.
const MAX_PAGES: usize = 10;
/// More foreign sessions than this are not remembered: an entry of the state is bounded.
const MAX_REMEMBERED: usize = 800;

/// The state belongs to one account at one base.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error(
        "this state belongs to the account `{recorded}`, the key to `{given}`; nothing was sent"
    )]
    OtherAccount { recorded: String, given: String },
    #[error("this state belongs to {recorded}, not to {given}; nothing was sent")]
    OtherBase { recorded: String, given: String },
}

/// Refuses another account or base; the first use of a state writes down whose it is.
pub fn check_account(
    ledger: &mut Ledger,
    base: &str,
    me: &Me,
    now: Timestamp,
) -> Result<Result<(), AccountError>, StateError> {
    let Some(account) = &ledger.recorded().account else {
        let account = Account {
            base_url: base.to_owned(),
            username: me.username.chars().take(200).collect(),
            since: now,
        };
        return ledger.write(vec![Entry::Account(account)]).map(Ok);
    };
    if account.base_url != base {
        return Ok(Err(AccountError::OtherBase {
            recorded: account.base_url.clone(),
            given: base.to_owned(),
        }));
    }
    let username: String = me.username.chars().take(200).collect();
    if account.username != username {
        return Ok(Err(AccountError::OtherAccount {
            recorded: account.username.clone(),
            given: username,
        }));
    }
    Ok(Ok(()))
}

/// Writes down which recent sessions are not ours. They were there before any attempt of this run,
/// so none of them can be an answer that this run loses.
pub async fn survey(
    ledger: &mut Ledger,
    reader: &Reader,
    heygen_now: Timestamp,
    now: Timestamp,
) -> Result<u64, StateError> {
    let walk = walk(reader, heygen_now - WALK_BACK).await;
    let complete = walk.is_ok();
    let known: HashSet<&str> = known_sessions(ledger);
    let mut foreign: Vec<_> = walk
        .unwrap_or_default()
        .into_iter()
        .filter(|id| id.len() <= 64 && !known.contains(id.as_str()))
        .collect();
    let complete = complete && foreign.len() <= MAX_REMEMBERED;
    foreign.truncate(MAX_REMEMBERED);
    let number = ledger.recorded().runs.keys().last().map_or(1, |n| n + 1);
    let run = Run {
        number,
        at: now,
        foreign_sessions: foreign,
        complete,
    };
    ledger.write(vec![Entry::Run(run)])?;
    Ok(number)
}

fn known_sessions(ledger: &Ledger) -> HashSet<&str> {
    let attempts = ledger.recorded().attempts.values().flatten();
    attempts.filter_map(|a| a.session_id.as_deref()).collect()
}

/// Session ids from the newest back to `until`.
async fn walk(reader: &Reader, until: Timestamp) -> Result<Vec<String>, ReadError> {
    let mut ids = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let page = reader.sessions(token.as_deref()).await?;
        for session in page.sessions {
            if session.created_at < until.as_second() {
                return Ok(ids);
            }
            ids.push(session.session_id);
        }
        match page.next {
            Some(next) => token = Some(next),
            None => return Ok(ids),
        }
    }
    Err(ReadError::Shape("the session list does not end".to_owned()))
}
