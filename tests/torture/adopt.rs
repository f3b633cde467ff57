//! Somebody else's videos, and a person who says of one that it belongs to a name from now on.

use std::process::{Child, Command};
use std::time::Duration;

use reconcile::state::{AdoptedBy, Attempt, Entry, Recorded};
use serde_json::{Value, json};

use crate::evidence::{Session, THEIRS, string};
use crate::process::{finish_by_hand, killed_at, spawn, told};
use crate::support::Ran;
use crate::tally::count;
use crate::wishes::{Wish, short};
use crate::world::World;

/// What nobody here ever wishes for begins so.
pub const THEIR_OWN: &str = "Their own number";
/// Where it dies, for those that are killed at a system call, and up to which one.
const CALLS: [(&str, u64); 5] = [
    ("fdatasync", 2),
    ("pwrite64", 5),
    ("fsync", 8),
    ("rename", 2),
    ("recvfrom", 3),
];

/// A session that is a name's since somebody said so.
#[derive(Debug, Clone)]
pub struct Adopted {
    pub session: String,
    pub hash: String,
    /// So many sessions there were by then: one that was made later came after it.
    pub made: usize,
}

/// What is asked for.
struct Asked {
    session: Session,
    name: String,
    hash: String,
    /// How the session is named.
    option: [String; 2],
}

/// Somebody makes a video by other means; no fault strikes them but those that shape what they made.
/// One that has a prompt of ours would stop a state that can't vouch for the past.
pub fn somebody_makes_a_video(world: &mut World) {
    let prompts: Vec<_> = world.wishes.now.values().map(|w| &w.prompt).collect();
    let prompt = match world.is_vouched() && world.rng.one_in(3) {
        true => world.rng.pick(&prompts).to_string(),
        false => format!("{THEIR_OWN} {}.", world.rng.within(0..1_000)),
    };
    let faults = match world.rng.within(0..6) {
        0 => json!([{"kind": {"fail_render": {"early": world.rng.one_in(2)}}}]),
        1 => {
            json!([{"kind": {"late_messages": {"ms": world.rng.within(50..600)}}, "method": "POST"}])
        }
        _ => json!([]),
    };
    world.heygen.faults(faults);
    let body = json!({"prompt": prompt, "callback_id": THEIRS});
    let (status, _) = world
        .heygen
        .send("POST", "/v3/video-agents", Some("theirs"), Some(body));
    world.tell(format!("somebody makes a video: {prompt:?}: {status}"));
}

/// `alone`: nothing else writes meanwhile, so that what it changed can be told.
pub fn adopt(world: &mut World, traces: bool, alone: bool) -> (String, String) {
    let before = world.recorded();
    let Some(asked) = ask(world, &before) else {
        return ("state adopt with nothing to do".to_owned(), String::new());
    };
    let ran = run(world, &asked, traces);
    let after = world.recorded();
    let new = new_attempt(&asked, &before, &after);
    if let Some(how) = wrong(&asked, &ran, new) {
        let how = format!("{how}: {ran:#?}");
        world.broke("an adoption is what was asked for", how);
    }
    if alone && !is_whole(&before, &after, new) {
        let how = format!("{new:?} of {ran:#?}, from {before:#?} to {after:#?}");
        world.broke("an adoption is recorded whole, and nothing else is", how);
    }
    if new.is_some() {
        let made = world.heygen.sessions().len();
        world.adopted.push(asked.adopted(made));
    }
    (
        kind(&ran, new.is_some()),
        format!("{asked}: {}", told(&ran)),
    )
}

impl Asked {
    fn adopted(&self, made: usize) -> Adopted {
        Adopted {
            session: self.session.id.clone(),
            hash: self.hash.clone(),
            made,
        }
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [option, id] = &self.option;
        write!(f, "{} ({}) {option} {id}", self.name, short(&self.hash))
    }
}

/// Mostly a stranger's session; at times one of ours, which is never another's.
fn ask(world: &mut World, recorded: &Recorded) -> Option<Asked> {
    let ours = world.rng.one_in(6);
    let sessions = world.heygen.sessions();
    let sessions = sessions.iter().map(|value| (Session::from(value), value));
    let fits = |(session, _): &(Session, &Value)| match ours {
        true => !session.foreign && is_known(recorded, session),
        false => session.foreign,
    };
    let mut fitting: Vec<_> = sessions.filter(fits).collect();
    // What is somebody's already is refused: fewer of these.
    let free = |(s, _): &(Session, &Value)| !holds(recorded, s);
    if !world.rng.one_in(5) && fitting.iter().any(free) {
        fitting.retain(free);
    }
    let (session, value) = fitting.swap_remove(world.rng.index(fitting.len())?);
    let option = match world.rng.one_in(3) {
        true => ["--video".to_owned(), string(&value["video_id"])],
        false => ["--session".to_owned(), session.id.clone()],
    };
    let (name, hash) = name_for(world, &session, recorded);
    Some(Asked {
        session,
        name,
        hash,
        option,
    })
}

/// Mostly one that has no video yet, of the session's prompt if there is one.
fn name_for(world: &mut World, session: &Session, recorded: &Recorded) -> (String, String) {
    let live = |wish: &Wish| {
        let mut live = attempts(recorded).filter(|a| a.phase.is_live());
        live.any(|a| a.hash.to_string() == wish.hash())
    };
    let mut from: Vec<_> = world.wishes.now.iter().collect();
    let wanted: [&dyn Fn(&Wish) -> bool; 2] =
        [&|wish| !live(wish), &|wish| wish.prompt == session.prompt];
    for is_wanted in wanted {
        let some = from.iter().any(|(_, wish)| is_wanted(wish));
        if some && !world.rng.one_in(4) {
            from.retain(|(_, wish)| is_wanted(wish));
        }
    }
    let (name, wish) = world.rng.pick(&from);
    (name.to_string(), wish.hash())
}

/// Whoever says of a session that was ours that it is another's errs: nothing can know until it is told
/// whose it is.
fn is_known(recorded: &Recorded, session: &Session) -> bool {
    let mut unsettled = attempts(recorded).filter(|a| a.phase.is_unsettled());
    holds(recorded, session) || unsettled.any(|a| a.idempotency_key() == session.key)
}

fn holds(recorded: &Recorded, session: &Session) -> bool {
    attempts(recorded).any(|a| session.is_of(a))
}

fn attempts(recorded: &Recorded) -> impl Iterator<Item = &Attempt> {
    recorded.attempts.values().flatten()
}

fn run(world: &mut World, asked: &Asked, traces: bool) -> Ran {
    let [option, id] = &asked.option;
    let arguments = ["state", "adopt", &asked.name, option, id];
    let end = ["--auto-approve", "--format", "json"];
    let command = world.project.command(&[&arguments[..], &end].concat());
    let child = match world.rng.within(0..6) {
        0 => killed_after_a_while(world, command),
        1 | 2 if traces => {
            let (call, most) = *world.rng.pick(&CALLS);
            let nth = world.rng.within(1..most + 1);
            spawn(killed_at(&command, call, nth))
        }
        _ => spawn(command),
    };
    finish_by_hand(world, "state adopt", child)
}

fn killed_after_a_while(world: &mut World, command: Command) -> Child {
    let mut child = spawn(command);
    std::thread::sleep(Duration::from_millis(world.rng.within(1..60)));
    let _ = child.kill();
    child
}

/// The attempt that has the session since.
fn new_attempt<'a>(asked: &Asked, before: &Recorded, after: &'a Recorded) -> Option<&'a Attempt> {
    let person = |a: &&Attempt| a.adopted_by == Some(AdoptedBy::Person);
    let had = |a: &&Attempt| {
        before
            .attempt(&a.key())
            .is_some_and(|b| asked.session.is_of(b))
    };
    let mut found = attempts(after).filter(person).filter(|a| !had(a));
    found.find(|a| asked.session.is_of(a))
}

fn wrong(asked: &Asked, ran: &Ran, new: Option<&Attempt>) -> Option<String> {
    let said = serde_json::from_str::<Value>(&ran.stdout).unwrap_or_default();
    let said = said["adopted"].as_array().is_some_and(|a| !a.is_empty());
    match new {
        None => said.then(|| "it was told, and is not recorded".to_owned()),
        Some(new) if !asked.session.foreign => Some(format!("ours is another's: {new:?}")),
        Some(new) if new.hash.to_string() != asked.hash || new.name.as_str() != asked.name => {
            Some(format!("of another content: {new:?}"))
        }
        Some(new) if ran.code.is_some_and(|code| code != 0) => {
            Some(format!("it was refused, and is recorded: {new:?}"))
        }
        Some(_) => None,
    }
}

/// Attempt and record are there, or neither is, and all the rest is as it was.
fn is_whole(before: &Recorded, after: &Recorded, new: Option<&Attempt>) -> bool {
    let mut expected = before.clone();
    if let Some(attempt) = new {
        let Some(record) = after.records.get(&attempt.name) else {
            return false;
        };
        expected.put(Entry::Attempt(attempt.clone()));
        expected.put(Entry::Record(record.clone()));
        if record.hash != attempt.hash {
            return false;
        }
    }
    (expected.attempts, expected.records) == (after.attempts.clone(), after.records.clone())
}

fn kind(ran: &Ran, adopted: bool) -> String {
    let how = match (ran.code, adopted) {
        (None | Some(137), false) => "killed before",
        (None | Some(137), true) => "killed after",
        (_, true) => "done",
        (Some(0), false) => "already",
        (Some(_), false) => "refused",
    };
    if how == "refused" {
        count(&format!("state adopt refused: {}", why(&ran.stderr)));
    }
    format!("state adopt {how}")
}

/// In words that are the same for every name.
fn why(stderr: &str) -> &'static str {
    let reasons = [
        ("whose outcome is not known", "unsettled"),
        ("may be the lost answer", "awaited"),
        ("is not known yet", "not known yet"),
        ("is that of", "taken"),
        ("what the manifest wishes has", "live"),
        ("its video failed", "failed"),
        ("missing at HeyGen", "missing"),
        ("in this account", "no such video"),
    ];
    let said = reasons.iter().find(|(words, _)| stderr.contains(words));
    said.map_or("for another reason", |(_, reason)| reason)
}
