//! The rules, judged from the server's side and the state's. Each says what broke it.

use std::collections::HashMap;

use reconcile::state::{AdoptedBy, Attempt, Phase};

use crate::evidence::{Evidence, Session, string};
use crate::wishes::{Wish, short};

/// Judges the evidence and adds what breaks it.
type Rule = fn(&Evidence, &mut Vec<String>);

/// Every way in which the rules are broken.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let rules: [(&str, Rule); 10] = [
        ("paid once", paid_once),
        ("nothing sent again that took effect", not_repeated),
        ("nothing forgotten", not_forgotten),
        ("what was adopted stays", adoptions_stay),
        ("what was adopted is not paid for", adoptions_pay),
        ("nothing under the wrong name", right_names),
        ("no stranger's video in place of ours", no_stranger),
        ("no name stuck", not_stuck),
        ("every record explainable", explainable),
        ("nothing left to do", nothing_left),
    ];
    let mut broken = Vec::new();
    for (rule, judge) in rules {
        let mut found = Vec::new();
        judge(evidence, &mut found);
        broken.extend(found.into_iter().map(|how| format!("{rule}: {how}")));
    }
    broken
}

/// One key makes one session, and one wish makes another only after the one before failed
/// or was deleted, or where another take was asked for.
fn paid_once(evidence: &Evidence, broken: &mut Vec<String>) {
    let mut asked_for = evidence.replaces.clone();
    let mut before: HashMap<&str, &Session> = HashMap::new();
    let mut keys: HashMap<&str, &Session> = HashMap::new();
    for session in evidence.ours() {
        if let Some(first) = keys.insert(&session.key, session) {
            broken.push(format!("one key made {first:?} and {session:?}"));
        }
        let earlier = before.insert(&session.hash, session);
        if let Some(earlier) = earlier.filter(|s| s.status != "failed" && s.video_exists) {
            match asked_for.get_mut(&session.hash).filter(|left| **left > 0) {
                Some(left) => *left -= 1,
                None => broken.push(format!("one wish made {earlier:?} and {session:?}")),
            }
        }
    }
}

/// Whether HeyGen honours the key or not, a request is not sent again once it has a session.
fn not_repeated(evidence: &Evidence, broken: &mut Vec<String>) {
    for session in evidence.ours() {
        let again = evidence
            .posts
            .iter()
            .find(|(key, arrived)| *key == session.key && *arrived > session.made_ms);
        if let Some((_, arrived)) = again {
            broken.push(format!("at {arrived} again what made {session:?}"));
        }
    }
}

fn not_forgotten(evidence: &Evidence, broken: &mut Vec<String>) {
    for session in evidence.ours() {
        let same = |a: &&Attempt| a.session_id.as_deref() == Some(&session.id);
        let attempts: Vec<_> = evidence.attempts().filter(same).collect();
        match attempts.as_slice() {
            [one] if one.hash.to_string() == session.hash => {}
            others => broken.push(format!("{session:?} is in the state as {others:?}")),
        }
    }
}

/// Whatever a person said is a name's is its content's for good, and nobody else's.
fn adoptions_stay(evidence: &Evidence, broken: &mut Vec<String>) {
    for adopted in &evidence.adopted {
        let session = evidence.session(&adopted.session);
        let has = |a: &&Attempt| session.is_some_and(|s| s.is_of(a));
        let attempts: Vec<_> = evidence.attempts().filter(has).collect();
        match attempts.as_slice() {
            [one] if one.hash.to_string() == adopted.hash && by_person(one) => {}
            others => broken.push(format!("{adopted:?} is in the state as {others:?}")),
        }
    }
}

fn by_person(attempt: &Attempt) -> bool {
    attempt.adopted_by == Some(AdoptedBy::Person)
}

/// What it answers is asked for again only after it failed or was deleted, or where another take was
/// asked for.
fn adoptions_pay(evidence: &Evidence, broken: &mut Vec<String>) {
    for adopted in &evidence.adopted {
        let session = evidence.session(&adopted.session);
        let answers = session.is_some_and(|s| s.status != "failed" && s.video_exists);
        let later = &evidence.sessions[adopted.made..];
        let paid: Vec<_> = later.iter().filter(|s| s.hash == adopted.hash).collect();
        let asked_for = evidence.replaces.get(&adopted.hash).copied();
        if answers && paid.len() > asked_for.unwrap_or_default() {
            broken.push(format!("{adopted:?} and then {paid:?}"));
        }
    }
}

/// What a name shows was made from what its manifest says, or is what a person said it is.
fn right_names(evidence: &Evidence, broken: &mut Vec<String>) {
    for (name, wish) in &evidence.wishes {
        let shown = &evidence.status[name];
        let session = evidence.shown(name);
        if string(&shown["hash"]) != wish.hash() {
            if !evidence.is_held(name, wish) {
                broken.push(format!(
                    "{name} wishes {} and is {shown}",
                    short(&wish.hash())
                ));
            }
        } else if let Some(session) = session.filter(|s| !is_of(evidence, s, wish)) {
            broken.push(format!("{name} wishes {wish:?} and shows {session:?}"));
        }
    }
}

fn is_of(evidence: &Evidence, session: &Session, wish: &Wish) -> bool {
    let hash = wish.hash();
    let made = session.prompt == wish.prompt && (session.foreign || session.hash == hash);
    made || evidence.is_adopted(session, &hash)
}

fn no_stranger(evidence: &Evidence, broken: &mut Vec<String>) {
    for attempt in evidence.attempts() {
        let Some(session) = evidence.session_of(attempt).flatten() else {
            continue;
        };
        let key = attempt.idempotency_key();
        let ours = evidence.ours().find(|s| s.key == key);
        if let Some(ours) = ours.filter(|_| session.foreign) {
            broken.push(format!("{attempt:?} has {session:?}, ours is {ours:?}"));
        }
    }
}

fn not_stuck(evidence: &Evidence, broken: &mut Vec<String>) {
    for (name, wish) in &evidence.wishes {
        let shown = &evidence.status[name];
        let used_up = |a: &&serde_json::Value| {
            string(&a["name"]) == *name && a["reason"]["code"] == "failed_exhausted"
        };
        let fine = match shown["phase"].as_str() {
            Some("completed") => true,
            Some("failed") => evidence.plan.iter().any(|a| used_up(&a)),
            _ => false,
        };
        if !fine && !evidence.is_held(name, wish) {
            broken.push(format!("{name} stays {shown}"));
        }
    }
}

/// Each attempt has a phase it can have, and what that phase needs.
fn explainable(evidence: &Evidence, broken: &mut Vec<String>) {
    for hash in &evidence.without_text {
        broken.push(format!("the text of {} is lost", short(hash)));
    }
    for attempts in evidence.recorded.attempts.values() {
        for (at, attempt) in attempts.iter().enumerate() {
            let is_last = at + 1 == attempts.len();
            let numbered = usize::try_from(attempt.number).unwrap() == at + 1;
            let is_over = matches!(attempt.phase, Phase::Failed | Phase::Deleted | Phase::Gone);
            let is_replaced = attempts.get(at + 1).is_some_and(|next| next.replace);
            if !numbered || !(is_last || is_over || is_replaced) {
                broken.push(format!("attempt {} of {attempts:?}", at + 1));
            }
        }
    }
    let undecidable = evidence.undecidable();
    for attempt in evidence.attempts() {
        let allowed = undecidable.iter().any(|a| a.key() == attempt.key());
        if let Some(why) = unexplained(evidence, attempt, allowed) {
            broken.push(format!("{why}: {attempt:?}"));
        }
    }
}

fn unexplained(evidence: &Evidence, attempt: &Attempt, undecidable: bool) -> Option<&'static str> {
    let session = evidence.session_of(attempt);
    let ended = |status: &str| session.flatten().is_some_and(|s| s.status == status);
    let is_wished = |(name, wish): &(String, Wish)| {
        wish.hash() == attempt.hash.to_string() && !evidence.is_held(name, wish)
    };
    let wished = evidence.wishes.iter().any(is_wished);
    match attempt.phase {
        _ if session == Some(None) => Some("the server does not know its session"),
        Phase::Submitted if session.is_none() => Some("submitted, and no session"),
        Phase::Rendering if session.is_none() || attempt.video_id.is_none() => {
            Some("rendering, and no video")
        }
        Phase::Submitted | Phase::Rendering => Some("its end was never seen"),
        Phase::Completed if attempt.video_id.is_none() || attempt.completed_at.is_none() => {
            Some("completed, and something is missing")
        }
        Phase::Completed if attempt.failure.is_some() => Some("completed, and failed"),
        Phase::Completed => (!ended("completed")).then_some("not completed at the server"),
        Phase::Failed if attempt.failure.is_none() => Some("failed, and no reason"),
        Phase::Failed => (!ended("failed")).then_some("not failed at the server"),
        Phase::NotSent if session.is_some() || attempt.video_id.is_some() => {
            Some("not sent, and it has a session")
        }
        // Another take is asked for once; the video that was there stays.
        Phase::NotSent if wished && !attempt.replace => Some("wished and not sent"),
        Phase::NotSent => None,
        Phase::Submitting | Phase::Unknown if session.is_some() => {
            Some("unsettled, with a session")
        }
        Phase::Submitting | Phase::Unknown => (!undecidable).then_some("not settled"),
        Phase::Deleted | Phase::Gone => session
            .flatten()
            .is_some_and(|s| s.video_exists)
            .then_some("missing, and there it is"),
        Phase::Rejected => Some("nothing here leads to this"),
    }
}

fn nothing_left(evidence: &Evidence, broken: &mut Vec<String>) {
    let left = evidence.left_to_do();
    broken.extend(left.iter().map(|action| format!("still planned: {action}")));
}
