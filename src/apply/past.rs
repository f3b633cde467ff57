//! What follows from comparing a state that can't vouch for the past with HeyGen's sessions.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::texts::Texts;
use crate::heygen::{ReadError, Reader};
use crate::plan::{Kind, Plan};
use crate::settle::{Match, Question, Wished, look_back, prompt_key};
use crate::state::{AdoptedBy, Attempt, Entry, Ledger, Phase, StateError, Vouch};
use crate::video::{Spec, VideoHash};

#[derive(Debug, thiserror::Error)]
pub enum PastError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    State(#[from] StateError),
}

/// The sessions since `since` that no record knows, whose prompt is one of those the plan would
/// submit, and that no unsettled attempt waits for.
pub async fn compare(
    ledger: &Ledger,
    reader: &Reader,
    since: Timestamp,
    plan: &Plan,
    texts: &Texts,
) -> Result<Vec<Match>, PastError> {
    let wished = wished(plan, texts);
    if wished.is_empty() {
        return Ok(Vec::new());
    }
    let known = ledger.recorded().sessions();
    let mut found = look_back(reader, since, &known, &wished).await?;
    let unsettled = unsettled(ledger)?;
    found.retain(|one| !unsettled.iter().any(|q| is_asked_for(q, one, &wished)));
    Ok(found)
}

/// What would be submitted. What has to be settled first has its own way of finding its session.
fn wished(plan: &Plan, texts: &Texts) -> Vec<Wished> {
    let submitted = plan.actions.iter().filter(|a| a.kind.submits());
    submitted
        .filter(|action| action.kind != Kind::Replace)
        .filter_map(|action| {
            let manifest = texts.wished.get(&action.name)?;
            Some(Wished {
                name: action.name.clone(),
                hash: action.hash,
                prompt: prompt_key(manifest.spec.prompt.as_str()),
            })
        })
        .collect()
}

/// The attempts that this run settles first.
fn unsettled(ledger: &Ledger) -> Result<Vec<Question>, StateError> {
    let recorded = ledger.recorded();
    let mut questions = Vec::new();
    for attempt in recorded.attempts_where(Phase::is_unsettled) {
        if let Some(spec) = ledger.spec(&attempt.hash)? {
            questions.push(Question::new(attempt, &spec, recorded));
        }
    }
    Ok(questions)
}

/// A session that may be the lost answer of an unsettled attempt is no forgotten one. Until that is
/// settled, nothing of the same prompt is sent.
fn is_asked_for(question: &Question, found: &Match, wished: &[Wished]) -> bool {
    let of_found = |w: &&Wished| w.name == found.name;
    let prompt = wished.iter().find(of_found).map(|w| &w.prompt);
    prompt == Some(&question.prompt)
        && question.could_make(found.created_at)
        && !question.seen_before.contains(&found.session_id)
}

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
