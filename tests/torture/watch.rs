//! A `watch` that lives for a while: manifests change under its eyes, others work beside it, and it
//! is told to stop, or killed.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::adopt;
use crate::moves::{start, wait_for_requests};
use crate::process::{finish, finish_by_hand, killed_at, signal, spawn, told};
use crate::tally::count;
use crate::world::World;

/// Where it dies, for those that are killed at a system call, and up to which one.
const CALLS: [(&str, u64); 6] = [
    ("fdatasync", 20),
    ("pwrite64", 20),
    ("connect", 8),
    ("recvfrom", 12),
    ("renameat", 6),
    ("fsync", 8),
];

/// Where there is a film to fetch, it is asked for by then.
const PATIENCE: Duration = Duration::from_secs(1);

pub fn for_a_while(world: &mut World, traces: bool) -> (String, String) {
    let dies = traces && world.rng.one_in(3);
    let mut child = match dies {
        true => killed_later_at_a_call(world),
        false => spawn(command(world)),
    };
    let beside = world.rng.one_in(5).then(|| start(world).0);
    for _ in 0..world.rng.within(0..4) {
        pause(world, 120);
        world.change_wishes();
    }
    if world.rng.one_in(4) {
        adopted_beside(world, traces);
    }
    let fetching = !dies && world.fetches && world.rng.one_in(2) && is_fetching(world, &mut child);
    let how = match fetching {
        true => *world.rng.pick(&["-KILL", "-KILL", "-TERM"]),
        false => *world.rng.pick(&["-KILL", "-TERM", "-TERM", "-INT"]),
    };
    pause(world, if fetching { 60 } else { 500 });
    end(&child, how, dies);
    let ran = finish(world, "watch", child);
    if let Some(beside) = beside {
        // A name may be gone meanwhile, which is wrong usage then.
        finish_by_hand(world, "apply beside a watch", beside);
    }
    // One that was told to stop before it could hear of it just dies.
    let heard = !ran.stdout.is_empty();
    if how == "-TERM" && !dies && heard && ran.code != Some(0) {
        world.broke(
            "a watch that is told to stop ends well",
            format!("{ran:#?}"),
        );
    }
    let what = if fetching { " that fetches" } else { "" };
    (format!("watch{what} ended by {how}"), told(&ran))
}

fn adopted_beside(world: &mut World, traces: bool) {
    let (kind, said) = adopt::adopt(world, traces, false);
    count(&format!("{kind} beside a watch"));
    world.tell(format!("{kind} beside a watch: {said}"));
}

/// Films break off on their way, and one is.
fn is_fetching(world: &mut World, child: &mut Child) -> bool {
    let seen = world.heygen.requests().len();
    let cut = |at: u64| json!({"kind": {"cut_file": {"at": at}}, "times": 4, "probability": 0.7});
    let rules = [(); 3].map(|()| cut(world.rng.within(0..22_000)));
    world.heygen.faults(json!(rules));
    let is_film = |r: &Value| r["path"].as_str().is_some_and(|p| p.starts_with("/files/"));
    wait_for_requests(world, child, seen, (1, PATIENCE), is_film)
}

fn command(world: &World) -> Command {
    world.project.command(&["watch", "--format", "json", "-q"])
}

fn killed_later_at_a_call(world: &mut World) -> Child {
    let (call, most) = *world.rng.pick(&CALLS);
    let nth = world.rng.within(1..most + 1);
    spawn(killed_at(&command(world), call, nth))
}

/// `strace` would let go of what it traces and end alone: its child is what has to end.
fn end(child: &Child, how: &str, traced: bool) {
    match traced {
        false => signal(child, how),
        true => {
            let pid = child.id().to_string();
            let _ = Command::new("pkill").args([how, "-P", &pid]).output();
        }
    }
}

fn pause(world: &mut World, most: u64) {
    let until = Instant::now() + Duration::from_millis(world.rng.within(1..most));
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}
