//! What a person does beside applying: moves, forgets, exports, imports and settles records, and
//! downloads films. At times it is killed.

use std::fs;
use std::process::Child;
use std::time::Duration;

use reconcile::state::{Attempt, Recorded};

use crate::adopt::THEIR_OWN;
use crate::evidence::{Session, string};
use crate::process::{finish_by_hand, spawn, told};
use crate::world::World;

pub fn by_hand(world: &mut World) -> (String, String) {
    match world.rng.within(0..6) {
        0 => move_a_record(world),
        1 => forget(world),
        2 => export(world),
        3 => import(world),
        4 => download(world),
        _ => settle(world),
    }
}

/// A new name, with its manifest or without.
fn move_a_record(world: &mut World) -> (String, String) {
    let Some(old) = recorded_name(world) else {
        return nothing("state mv");
    };
    let along = world.rng.one_in(2) && world.wishes.now.contains_key(&old);
    let new = match along {
        true => world.wishes.rename(&old),
        false => world.wishes.new_name(),
    };
    world.write_manifests();
    change(world, &["mv", &old, &new])
}

fn forget(world: &mut World) -> (String, String) {
    match recorded_name(world) {
        Some(name) => change(world, &["rm", &name]),
        None => nothing("state rm"),
    }
}

fn export(world: &mut World) -> (String, String) {
    let child = spawn(world.project.command(&["state", "export"]));
    let ran = finish_by_hand(world, "state export", child);
    if ran.code != Some(0) {
        world.broke("an export works at any time", format!("{ran:#?}"));
    }
    fs::write(export_file(world), &ran.stdout).unwrap();
    ("state export".to_owned(), told(&ran))
}

/// Into the state it came from, which knows more by now. What was submitted since is compared with
/// HeyGen's sessions then, and strangers there would be a matter for a person: there are none, but for
/// what was adopted, and what has no prompt of ours.
fn import(world: &mut World) -> (String, String) {
    let sessions = world.heygen.sessions();
    let strangers = sessions.iter().map(Session::from).any(|session| {
        let adopted = world.adopted.iter().any(|a| a.session == session.id);
        session.foreign && !adopted && !session.prompt.starts_with(THEIR_OWN)
    });
    let file = export_file(world);
    if strangers {
        return nothing("state import");
    }
    if !file.exists() {
        return export(world);
    }
    world.names_first = true;
    change(world, &["import", file.to_str().unwrap()])
}

/// Somebody looked at HeyGen and knows: this session is ours.
fn settle(world: &mut World) -> (String, String) {
    let sessions = world.heygen.sessions();
    let recorded = world.recorded();
    let known = |id: &str| attempts(&recorded).any(|a| a.session_id.as_deref() == Some(id));
    let unsettled = attempts(&recorded).filter(|a| a.phase.is_unsettled());
    let ours = unsettled.filter_map(|attempt| {
        let session = sessions
            .iter()
            .find(|s| string(&s["idempotency_key"]) == attempt.idempotency_key())?;
        let id = string(&session["session_id"]);
        (!known(&id)).then(|| (attempt.name.to_string(), id))
    });
    let ours: Vec<_> = ours.collect();
    match world.rng.index(ours.len()) {
        Some(at) => {
            let (name, session) = &ours[at];
            change(world, &["settle", name, "--adopt", session])
        }
        None => nothing("state settle"),
    }
}

fn download(world: &mut World) -> (String, String) {
    let child = spawn(world.project.command(&["download", "--format", "json"]));
    ("download".to_owned(), ended(world, "download", child))
}

fn attempts(recorded: &Recorded) -> impl Iterator<Item = &Attempt> {
    recorded.attempts.values().flatten()
}

fn change(world: &mut World, arguments: &[&str]) -> (String, String) {
    let what = format!("state {}", arguments[0]);
    let command = [&["state"][..], arguments, &["--auto-approve"]].concat();
    let child = spawn(world.project.command(&command));
    let told = format!("{}: {}", arguments.join(" "), ended(world, &what, child));
    (what, told)
}

fn ended(world: &mut World, what: &str, mut child: Child) -> String {
    if world.rng.one_in(3) {
        std::thread::sleep(Duration::from_millis(world.rng.within(1..30)));
        let _ = child.kill();
    }
    told(&finish_by_hand(world, what, child))
}

fn nothing(what: &str) -> (String, String) {
    (format!("{what} with nothing to do"), String::new())
}

fn export_file(world: &World) -> std::path::PathBuf {
    world.project.path("export.jsonl")
}

fn recorded_name(world: &mut World) -> Option<String> {
    let recorded = world.recorded();
    let at = world.rng.index(recorded.records.len())?;
    recorded.records.keys().nth(at).map(ToString::to_string)
}
