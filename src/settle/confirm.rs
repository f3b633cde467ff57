//! Whether an adoption by prompt was right: an event with the attempt's hash overrules it.

use std::collections::{HashMap, HashSet};

use super::decide::Named;
use super::{Question, events};
use crate::heygen::Reader;
use crate::state::{AdoptedBy, Attempt, AttemptKey, Phase, Recorded};
use crate::video::{Spec, VideoHash};

/// What events say of a session that was adopted by its prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// It is this attempt's.
    Right,
    /// This other one is.
    Other(String),
}

/// An adoption to be confirmed.
#[derive(Debug, Clone)]
pub struct Adoption {
    question: Question,
    session_id: String,
}

impl Adoption {
    /// The adoption of an attempt, where an event may still overrule it.
    #[must_use]
    pub fn of(attempt: &Attempt, spec: &Spec, recorded: &Recorded) -> Option<Self> {
        let ended = matches!(attempt.phase, Phase::Completed | Phase::Failed);
        let open = ended && attempt.adopted_by == Some(AdoptedBy::Prompt);
        Some(Self {
            session_id: attempt.session_id.clone().filter(|_| open)?,
            question: Question::new(attempt, spec, recorded),
        })
    }
}

/// Asks HeyGen's delivered events. What they say nothing of is left out.
pub async fn confirm(
    reader: &Reader,
    adoptions: Vec<Adoption>,
    mut known: HashSet<String>,
) -> Vec<(AttemptKey, Confirmation)> {
    let Some(until) = adoptions.iter().map(|a| a.question.walk_until()).min() else {
        return Vec::new();
    };
    for adoption in &adoptions {
        known.remove(&adoption.session_id);
    }
    let hashes = adoptions.iter().map(|a| a.question.key.hash).collect();
    let named = events::named(reader, &hashes, &known, until).await;
    let judged = adoptions
        .iter()
        .filter_map(|a| Some((a.question.key, judge(a, &named)?)));
    judged.collect()
}

fn judge(adoption: &Adoption, named: &HashMap<VideoHash, Vec<Named>>) -> Option<Confirmation> {
    let named = named.get(&adoption.question.key.hash)?;
    if named.iter().any(|n| n.session_id == adoption.session_id) {
        return Some(Confirmation::Right);
    }
    let mut others = named
        .iter()
        .filter(|n| adoption.question.could_make(n.created_at));
    match (others.next(), others.next()) {
        (Some(one), None) => Some(Confirmation::Other(one.session_id.clone())),
        _ => None,
    }
}
