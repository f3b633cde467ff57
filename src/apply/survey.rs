//! Before a run submits anything: whose account is it, and which sessions are there already.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::heygen::{Me, Reader};
use crate::settle::{WALK_BACK, walk};
use crate::state::{Account, AdoptedBy, Attempt, Entry, Ledger, Recorded, Run, StateError, Vouch};

/// A walk that has not got there after so many pages of 100 is incomplete.
const MAX_PAGES: usize = 10;
/// Longer ids are not remembered.
const MAX_ID: usize = 64;
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
    match ledger.recorded().account {
        None => begin(ledger, base, me, now).map(Ok),
        Some(_) => Ok(check_owner(ledger.recorded(), base, me)),
    }
}

/// Refuses another account or base than the state's.
pub fn check_owner(recorded: &Recorded, base: &str, me: &Me) -> Result<(), AccountError> {
    let Some(account) = &recorded.account else {
        return Ok(());
    };
    if account.base_url != base {
        return Err(AccountError::OtherBase {
            recorded: account.base_url.clone(),
            given: base.to_owned(),
        });
    }
    let username: String = me.username.chars().take(200).collect();
    match account.username == username {
        true => Ok(()),
        false => Err(AccountError::OtherAccount {
            recorded: account.username.clone(),
            given: username,
        }),
    }
}

/// A new state is somebody's from here on, and knows nothing of what was before.
fn begin(ledger: &mut Ledger, base: &str, me: &Me, now: Timestamp) -> Result<(), StateError> {
    let account = Account {
        base_url: base.to_owned(),
        username: me.username.chars().take(200).collect(),
        since: now,
    };
    let vouch = Vouch {
        at: now,
        unproven: ledger.recorded().unproven(now),
    };
    ledger.write(vec![Entry::Account(account), Entry::Vouch(vouch)])
}

/// Writes down which recent sessions are not ours. They were there before any attempt of this run,
/// so none of them can be an answer that this run loses.
pub async fn survey(
    ledger: &mut Ledger,
    reader: &Reader,
    heygen_now: Timestamp,
    now: Timestamp,
) -> Result<u64, StateError> {
    let walk = walk(reader, heygen_now - WALK_BACK, MAX_PAGES).await;
    let complete = walk.is_ok();
    let known = ledger.recorded().sessions();
    let mut foreign: Vec<_> = walk
        .unwrap_or_default()
        .into_iter()
        .map(|session| session.session_id)
        .filter(|id| !known.contains(id))
        .collect();
    let found = foreign.len();
    foreign.retain(|id| id.len() <= MAX_ID);
    let complete = complete && foreign.len() == found && found <= MAX_REMEMBERED;
    foreign.truncate(MAX_REMEMBERED);
    let number = free_number(ledger.recorded());
    let run = Run {
        number,
        at: now,
        foreign_sessions: foreign,
        complete,
    };
    ledger.write(vec![Entry::Run(run)])?;
    Ok(number)
}

/// A survey is of use as long as an attempt of its run is not settled for certain. Its number is given
/// again after that, so that whoever runs for months keeps few of them.
fn free_number(recorded: &Recorded) -> u64 {
    let open = |a: &&Attempt| a.phase.is_unsettled() || a.adopted_by == Some(AdoptedBy::Prompt);
    let attempts = recorded.attempts.values().flatten().filter(open);
    let used: HashSet<u64> = attempts.filter_map(|a| a.run).collect();
    (1..).find(|n| !used.contains(n)).unwrap_or(u64::MAX)
}
