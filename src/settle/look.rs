//! One look at HeyGen for all attempts whose time has come. Reads only.

use std::collections::{HashMap, HashSet};

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use super::decide::{Candidate, Evidence, Named, Verdict, decide};
use super::{Question, events, prompt_key, walk};
use crate::heygen::{ListedSession, ReadError, Reader};
use crate::state::{AttemptKey, is_usable_id};
use crate::video::VideoHash;

/// A walk that has not got there after so many pages of 100 is inconclusive.
const MAX_PAGES: usize = 100;
/// Sessions read at the same time.
const AT_ONCE: usize = 8;

/// What a look came to.
#[derive(Debug)]
pub struct Look {
    pub verdicts: Vec<(AttemptKey, Verdict)>,
    /// HeyGen refuses every read: no use looking again.
    pub refused: Option<ReadError>,
}

/// Looks for the answers of these attempts. `known` are the sessions that records know.
pub async fn look(reader: &Reader, questions: Vec<Question>, known: HashSet<String>) -> Look {
    let until = questions.iter().map(Question::walk_until).min();
    let until = until.unwrap_or(Timestamp::MAX);
    let hashes = questions.iter().map(|q| q.key.hash).collect();
    // Events first: what they name was made before the walk begins.
    let named = events::named(reader, &hashes, &known, until).await;
    let walked = walk(reader, until, MAX_PAGES).await;
    let complete = walked.is_ok();
    let (sessions, refused) = match walked {
        Ok(sessions) => (sessions, None),
        Err(error) => (Vec::new(), Some(error).filter(ReadError::refuses_all)),
    };
    let unknown = unknown(sessions, &questions, &known);
    let candidates = read(reader, unknown).await;
    let verdicts = verdicts(&questions, candidates, complete, named);
    Look { verdicts, refused }
}

/// The sessions that could be this attempt's: with its prompt, or with one that can't be read yet. The
/// newest comes first.
pub async fn candidates(
    reader: &Reader,
    question: &Question,
    known: &HashSet<String>,
) -> Result<Vec<Candidate>, ReadError> {
    let walked = walk(reader, question.walk_until(), MAX_PAGES).await?;
    let unknown = unknown(walked, std::slice::from_ref(question), known);
    let mut candidates = read(reader, unknown).await;
    candidates.retain(|c| c.prompts.is_empty() || c.prompts.contains(&question.prompt));
    Ok(candidates)
}

/// Those that no record knows and that were not there before every attempt.
fn unknown(
    sessions: Vec<ListedSession>,
    questions: &[Question],
    known: &HashSet<String>,
) -> Vec<ListedSession> {
    let is_asked_for = |s: &ListedSession| {
        let open = |q: &Question| !q.seen_before.contains(&s.session_id);
        !known.contains(&s.session_id) && questions.iter().any(open)
    };
    sessions.into_iter().filter(is_asked_for).collect()
}

fn verdicts(
    questions: &[Question],
    candidates: Vec<Candidate>,
    complete: bool,
    mut named: HashMap<VideoHash, Vec<Named>>,
) -> Vec<(AttemptKey, Verdict)> {
    let mut evidence = Evidence {
        candidates,
        complete,
        named: Vec::new(),
    };
    let verdict = |question: &Question| {
        evidence.named = named.remove(&question.key.hash).unwrap_or_default();
        (question.key, decide(question, &evidence))
    };
    questions.iter().map(verdict).collect()
}

/// The prompts of sessions, a few at a time. Those whose id could not be recorded are left out.
pub(super) async fn read(reader: &Reader, sessions: Vec<ListedSession>) -> Vec<Candidate> {
    let usable = sessions.into_iter().filter(|s| is_usable_id(&s.session_id));
    let reads: Vec<_> = usable
        .map(|session| candidate(reader.clone(), session))
        .collect();
    // No tasks of their own: where a run ends meanwhile, they end with it, and none is missing here.
    let mut candidates: Vec<_> = stream::iter(reads)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    candidates.sort_by(|a, b| (b.created_at, &b.session_id).cmp(&(a.created_at, &a.session_id)));
    candidates
}

async fn candidate(reader: Reader, listed: ListedSession) -> Candidate {
    let prompts = match reader.session(&listed.session_id).await {
        Ok(session) => session.user_texts().map(prompt_key).collect(),
        Err(error) => {
            tracing::debug!(%error, session = listed.session_id, "a session could not be read");
            Vec::new()
        }
    };
    Candidate {
        session_id: listed.session_id,
        created_at: listed.created_at,
        prompts,
    }
}
