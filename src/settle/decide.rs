//! What was seen, and what it means. Pure: money hangs on it.

use super::Question;
use crate::state::AdoptedBy;

/// A session in the attempt's time that no record knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub session_id: String,
    /// Unix seconds.
    pub created_at: i64,
    /// What its user wrote, as [`super::prompt_key`] has it; empty while it can't be read.
    pub prompts: Vec<String>,
}

/// A session that an event with the attempt's hash named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub session_id: String,
    /// Unix seconds.
    pub created_at: i64,
}

/// What one look showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    pub candidates: Vec<Candidate>,
    /// The walk reached back far enough without a page failing.
    pub complete: bool,
    /// From events; no event proves nothing.
    pub named: Vec<Named>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The session is this attempt's.
    Adopt {
        session_id: String,
        by: AdoptedBy,
    },
    /// It had no effect.
    NotSent,
    Undecided(Undecided),
}

/// Why it can't be decided, and between which sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    pub code: &'static str,
    pub text: String,
    pub candidates: Vec<String>,
}

impl Undecided {
    /// The state lost the text of the wish.
    #[must_use]
    pub fn without_spec() -> Self {
        Self {
            code: "text_missing",
            text: "the state does not hold what was submitted, so nothing can be compared".into(),
            candidates: Vec::new(),
        }
    }
}

/// What the evidence says of an attempt whose time has come (see [`super::remaining`]).
#[must_use]
pub fn decide(question: &Question, evidence: &Evidence) -> Verdict {
    if let Some(verdict) = by_event(question, &evidence.named) {
        return verdict;
    }
    let candidates = candidates(question, &evidence.candidates);
    let unreadable = ids(&candidates, |c| c.prompts.is_empty());
    let matches = ids(&candidates, |c| c.prompts.contains(&question.prompt));
    match (matches.as_slice(), unreadable.is_empty()) {
        _ if !evidence.complete => undecided(
            "list_unreadable",
            "HeyGen's list of sessions could not be read to its end",
            [matches, unreadable].concat(),
        ),
        (_, false) => undecided(
            "prompt_unreadable",
            "the prompt of a session that may be this one can't be read yet",
            [matches, unreadable].concat(),
        ),
        ([], true) if question.incognito => undecided(
            "incognito",
            "HeyGen does not list incognito sessions, so only an event or a person can tell",
            Vec::new(),
        ),
        ([], true) => Verdict::NotSent,
        ([one], true) => by_prompt(question, &candidates, one),
        (_, true) => undecided(
            "several_candidates",
            "several sessions have this prompt",
            matches,
        ),
    }
}

fn by_event(question: &Question, named: &[Named]) -> Option<Verdict> {
    let mut sessions: Vec<_> = named
        .iter()
        .filter(|n| question.could_make(n.created_at))
        .map(|n| n.session_id.clone())
        .collect();
    sessions.sort_unstable();
    sessions.dedup();
    match sessions.as_slice() {
        [] => None,
        [one] => Some(Verdict::Adopt {
            session_id: one.clone(),
            by: AdoptedBy::Event,
        }),
        _ => Some(undecided(
            "several_events",
            "events with this hash name several sessions",
            sessions,
        )),
    }
}

fn candidates<'a>(question: &Question, all: &'a [Candidate]) -> Vec<&'a Candidate> {
    let could = |c: &&Candidate| {
        c.created_at >= question.walk_until().as_second()
            && !question.seen_before.contains(&c.session_id)
    };
    all.iter().filter(could).collect()
}

fn ids(candidates: &[&Candidate], wanted: impl Fn(&Candidate) -> bool) -> Vec<String> {
    let wanted = candidates.iter().filter(|c| wanted(c));
    wanted.map(|c| c.session_id.clone()).collect()
}

/// One session has the prompt. It is this attempt's unless it may be somebody else's.
fn by_prompt(question: &Question, candidates: &[&Candidate], one: &str) -> Verdict {
    let made = candidates.iter().find(|c| c.session_id == one);
    let before = made.is_some_and(|c| c.created_at < question.intent.as_second());
    let doubt = match question {
        q if q.incognito => Some((
            "incognito",
            "a session has this prompt, but HeyGen does not list incognito sessions",
        )),
        q if q.shared => Some((
            "prompt_shared",
            "another attempt with the same prompt is not settled either",
        )),
        q if before && !q.seen_all => Some((
            "maybe_older",
            "the one session with this prompt may be older than this attempt",
        )),
        _ => None,
    };
    match doubt {
        Some((code, text)) => undecided(code, text, vec![one.to_owned()]),
        None => Verdict::Adopt {
            session_id: one.to_owned(),
            by: AdoptedBy::Prompt,
        },
    }
}

fn undecided(code: &'static str, text: &str, candidates: Vec<String>) -> Verdict {
    Verdict::Undecided(Undecided {
        code,
        text: text.to_owned(),
        candidates,
    })
}
