//! What a caller must keep to: the legal ways of an attempt. Pure.

use crate::state::{AdoptedBy, Attempt, Phase, Recorded};

type Kept = Result<(), String>;

pub(super) fn require(kept: bool, broken: impl FnOnce() -> String) -> Kept {
    if kept { Ok(()) } else { Err(broken()) }
}

/// Whether an attempt may be written after what is recorded.
pub(super) fn attempt(recorded: &Recorded, new: &Attempt) -> Kept {
    complete(new)?;
    let known = recorded.attempts_of(&new.hash);
    match known.iter().find(|old| old.number == new.number) {
        Some(old) => follows(old, new),
        None => begins(known.last(), new),
    }
}

/// What each phase can't be without.
fn complete(new: &Attempt) -> Kept {
    use Phase::{Completed, Deleted, Failed, Gone, Rejected, Rendering, Submitted};
    let session = new.session_id.is_some();
    let video = new.video_id.is_some();
    // Of a video that somebody adopted, HeyGen need not tell the session.
    let known = session || video && new.adopted_by == Some(AdoptedBy::Person);
    let whole = match new.phase {
        Submitted => session,
        Rendering | Gone => known,
        Completed | Deleted => known && video,
        Failed => new.failure.is_some(),
        Rejected => new.failure.is_some() && !session,
        Phase::NotSent | Phase::Submitting => !session && !video,
        Phase::Unknown => !session,
    };
    require(whole, || {
        let phase = new.phase.as_str();
        format!("an attempt that is {phase} has more, or less, than this one")
    })
}

fn begins(last: Option<&Attempt>, new: &Attempt) -> Kept {
    require(new.phase == Phase::Submitting, || {
        "an attempt begins with its intent".into()
    })?;
    let expected = last.map_or(1, |last| last.number + 1);
    require(new.number == expected, || {
        format!("the next number is {expected}")
    })?;
    let free = last.is_none_or(|last| !last.phase.is_unsettled() && last.phase != Phase::NotSent);
    require(free, || {
        "the number before is not used up, or not settled".into()
    })
}

fn follows(old: &Attempt, new: &Attempt) -> Kept {
    require(
        old.phase == new.phase || leads_to(old.phase, new.phase) || overrules(old, new),
        || {
            format!(
                "{} does not lead to {}",
                old.phase.as_str(),
                new.phase.as_str()
            )
        },
    )?;
    if old.phase == Phase::NotSent && new.phase == Phase::Submitting {
        return Ok(());
    }
    let same_intent = old.name == new.name
        && old.intent_at == new.intent_at
        && old.replace == new.replace
        && old.callback_url == new.callback_url;
    require(same_intent, || "what was intended changed".into())?;
    if overrules(old, new) {
        return Ok(());
    }
    require(kept(&old.session_id, &new.session_id), || {
        "the session changed".into()
    })?;
    require(kept(&old.video_id, &new.video_id), || {
        "the video changed".into()
    })
}

/// An event says more of whose session it is than a prompt, and a person may have been mistaken.
fn overrules(old: &Attempt, new: &Attempt) -> bool {
    use AdoptedBy::{Event, Person, Prompt};
    match (old.adopted_by, new.adopted_by) {
        (Some(Prompt), Some(Event)) => true,
        (Some(Person), Some(Person)) => {
            new.phase == Phase::Submitted && old.session_id != new.session_id
        }
        _ => false,
    }
}

fn kept<T: PartialEq>(old: &Option<T>, new: &Option<T>) -> bool {
    old.is_none() || old == new
}

fn leads_to(old: Phase, new: Phase) -> bool {
    use Phase::{
        Completed, Deleted, Failed, Gone, NotSent, Rejected, Rendering, Submitted, Submitting,
        Unknown,
    };
    match old {
        Submitting => !matches!(new, Deleted | Gone),
        Unknown => !matches!(new, Submitting | Deleted | Gone),
        Submitted => matches!(new, Rendering | Completed | Failed | Deleted | Gone),
        Rendering => matches!(new, Completed | Failed | Deleted | Gone),
        Completed => matches!(new, Failed | Deleted | Gone),
        Failed => matches!(new, Completed | Deleted | Gone),
        NotSent => matches!(new, Submitting),
        Rejected | Deleted | Gone => false,
    }
}
