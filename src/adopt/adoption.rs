//! Whether a video may be recorded as a manifest's, and what is recorded then. Pure.

use jiff::Timestamp;

use super::Found;
use crate::follow::{Seen, observe};
use crate::manifest::Manifest;
use crate::settle::prompt_key;
use crate::state::{AdoptedBy, Attempt, Entry, Phase, Record, Recorded};
use crate::video::Name;

/// What is to be recorded.
#[derive(Debug, Clone)]
pub struct Adoption {
    pub attempt: Attempt,
    pub record: Record,
    pub prompt: Compared,
}

/// The prompt the video was made of, beside the manifest's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    Same,
    /// What its user wrote.
    Other(String),
    /// HeyGen does not tell.
    Unreadable,
}

/// An attempt whose outcome is not known, and how its session would be told.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub name: Name,
    /// As [`prompt_key`] has it, where the state holds the text.
    pub prompt: Option<String>,
    pub candidates: Vec<String>,
    /// Its session was not made before.
    pub since: Timestamp,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is left to do.
    #[error("it is recorded as this name's video already")]
    Already,
    #[error("{0} has an attempt whose outcome is not known")]
    Unsettled(Name),
    #[error("it may be the lost answer of {0}, whose attempt is not settled")]
    Awaited(Name),
    /// Its video may be this one.
    #[error("{0} has a session whose video is not known yet, and this video names no session")]
    NotKnownYet(Name),
    #[error("{what} is that of {owner}, attempt {number}")]
    Taken {
        what: String,
        owner: Name,
        number: u32,
    },
    #[error("what the manifest wishes has {what} already, {phase}, made for {owner}")]
    Live {
        what: String,
        phase: &'static str,
        owner: Name,
        /// It is this name's own video.
        shown: bool,
    },
    #[error("its video failed ({0})")]
    Failed(String),
    #[error("its video is missing at HeyGen")]
    Missing,
}

/// What is recorded when this video becomes the manifest's.
pub fn adoption(
    recorded: &Recorded,
    waiting: &[Waiting],
    manifest: &Manifest,
    found: &Found,
    now: Timestamp,
) -> Result<Adoption, Refusal> {
    refuse_unsettled(recorded, manifest)?;
    refuse_own(recorded, manifest, found)?;
    refuse_taken(recorded, manifest, found)?;
    refuse_not_known_yet(recorded, found)?;
    refuse_live(recorded, manifest)?;
    refuse_awaited(waiting, found)?;
    if let Seen::Missing = found.seen {
        return Err(Refusal::Missing);
    }
    let attempt = attempt(recorded, manifest, found, now);
    if let Some(failure) = attempt
        .failure
        .as_ref()
        .filter(|_| !attempt.phase.is_live())
    {
        return Err(Refusal::Failed(format!(
            "{}: {}",
            failure.code, failure.message
        )));
    }
    Ok(Adoption {
        record: recorded.next_record(
            &manifest.name,
            &manifest.path,
            manifest.hash,
            manifest.is_protected(),
            now,
        ),
        prompt: compare(manifest, found),
        attempt,
    })
}

impl Adoption {
    #[must_use]
    pub fn entries(&self) -> [Entry; 2] {
        [
            Entry::Attempt(self.attempt.clone()),
            Entry::Record(self.record.clone()),
        ]
    }
}

/// The attempt, of its hash, for its name, or of the hash its record shows.
fn refuse_unsettled(recorded: &Recorded, manifest: &Manifest) -> Result<(), Refusal> {
    let own = recorded.records.get(&manifest.name).map(|r| r.hash);
    let is_meant =
        |a: &&&Attempt| a.name == manifest.name || a.hash == manifest.hash || Some(a.hash) == own;
    let unsettled = recorded.attempts_where(Phase::is_unsettled);
    match unsettled.iter().find(is_meant) {
        None => Ok(()),
        Some(attempt) => Err(Refusal::Unsettled(attempt.name.clone())),
    }
}

/// A file may be given again, with more lines.
fn refuse_own(recorded: &Recorded, manifest: &Manifest, found: &Found) -> Result<(), Refusal> {
    let record = recorded.records.get(&manifest.name);
    let shown = record.filter(|r| r.hash == manifest.hash);
    match shown.and_then(|r| recorded.live_attempt(&r.hash)) {
        Some(own)
            if same(&own.session_id, &found.session_id) || same(&own.video_id, &found.video_id) =>
        {
            Err(Refusal::Already)
        }
        _ => Ok(()),
    }
}

fn same(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_some() && one == other
}

/// No two attempts have one session, or one video. One of this very content is told of as live.
fn refuse_taken(recorded: &Recorded, manifest: &Manifest, found: &Found) -> Result<(), Refusal> {
    let own = |a: &&Attempt| a.hash == manifest.hash && a.phase.is_live();
    let attempts = recorded.attempts.values().flatten();
    for attempt in attempts.filter(|a| !own(a)) {
        let what = match (&found.session_id, &found.video_id) {
            (Some(id), _) if same(&attempt.session_id, &found.session_id) => {
                format!("session {id}")
            }
            (_, Some(id)) if same(&attempt.video_id, &found.video_id) => format!("video {id}"),
            _ => continue,
        };
        return Err(Refusal::Taken {
            what,
            owner: attempt.name.clone(),
            number: attempt.number,
        });
    }
    Ok(())
}

/// A video that names no session is told apart from ours by the ids of ours.
fn refuse_not_known_yet(recorded: &Recorded, found: &Found) -> Result<(), Refusal> {
    let without = recorded.attempts_where(Phase::is_unfinished);
    let without = without.into_iter().find(|a| a.video_id.is_none());
    match without.filter(|_| found.session_id.is_none()) {
        None => Ok(()),
        Some(attempt) => Err(Refusal::NotKnownYet(attempt.name.clone())),
    }
}

/// Another attempt of the hash would hide the one that was paid for.
fn refuse_live(recorded: &Recorded, manifest: &Manifest) -> Result<(), Refusal> {
    let Some(live) = recorded.live_attempt(&manifest.hash) else {
        return Ok(());
    };
    let what = match (&live.session_id, &live.video_id) {
        (Some(id), _) => format!("session {id}"),
        (None, id) => format!("video {}", id.as_deref().unwrap_or("-")),
    };
    let record = recorded.records.get(&manifest.name);
    Err(Refusal::Live {
        what,
        phase: live.phase.as_str(),
        owner: live.name.clone(),
        shown: record.is_some_and(|r| r.hash == manifest.hash),
    })
}

/// Taken for another's, it would count as never made, and be paid for again.
fn refuse_awaited(waiting: &[Waiting], found: &Found) -> Result<(), Refusal> {
    let texts: Vec<_> = found.texts.iter().map(|t| prompt_key(t)).collect();
    let may_be = |w: &&Waiting| {
        let named = |id: &String| w.candidates.contains(id);
        // What can't be compared yet may be it, unless it was there before.
        let comparable = !texts.is_empty() && w.prompt.is_some();
        let in_time = found.made.is_none_or(|made| made >= w.since);
        found.session_id.as_ref().is_some_and(named)
            || w.prompt.as_ref().is_some_and(|p| texts.contains(p))
            || (!comparable && in_time)
    };
    match waiting.iter().find(may_be) {
        None => Ok(()),
        Some(waiting) => Err(Refusal::Awaited(waiting.name.clone())),
    }
}

fn attempt(recorded: &Recorded, manifest: &Manifest, found: &Found, now: Timestamp) -> Attempt {
    let number = recorded.next_number(&manifest.hash);
    // What HeyGen says of the past can't lie ahead.
    let made = found.made.map_or(now, |made| made.min(now));
    let attempt = Attempt {
        phase: match found.video_id {
            Some(_) => Phase::Rendering,
            None => Phase::Submitted,
        },
        intent_at_heygen: Some(made),
        answered_at: Some(made),
        session_id: found.session_id.clone(),
        video_id: found.video_id.clone(),
        adopted_by: Some(AdoptedBy::Person),
        ..Attempt::intent(manifest.hash, number, manifest.name.clone(), made)
    };
    observe(&attempt, &found.seen, now).unwrap_or(attempt)
}

fn compare(manifest: &Manifest, found: &Found) -> Compared {
    let wished = prompt_key(manifest.spec.prompt.as_str());
    match found.texts.last() {
        None => Compared::Unreadable,
        Some(_) if found.texts.iter().any(|t| prompt_key(t) == wished) => Compared::Same,
        // The first thing that was said.
        Some(text) => Compared::Other(text.clone()),
    }
}
