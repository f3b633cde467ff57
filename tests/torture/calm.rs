//! After the storm: nothing fails any more, and everything has to come to rest.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::checks::check;
use crate::evidence::Evidence;
use crate::process::{APPLY, finish, spawn, told};
use crate::tally::count;
use crate::world::{SETTLE_DELAY_MS, World};

const MOST_TRIES: u32 = 8;
/// No video of a round takes longer.
const LONGEST_RENDER: Duration = Duration::from_secs(3);

/// Applies until there is nothing to do, then judges.
pub fn come_to_rest(world: &mut World) {
    world.heygen.faults(json!([]));
    world.tell("calm");
    for _ in 0..MOST_TRIES {
        apply(world);
        // What an event has to put right needs the event.
        until_all_have_ended(world);
        refresh(world);
        if is_at_rest(world) {
            break;
        }
        std::thread::sleep(Duration::from_millis(SETTLE_DELAY_MS));
    }
    let evidence = Evidence::gather(world);
    world.broken.extend(check(&evidence));
    tally_up(&evidence, world);
    films_are_whole(world);
    one_more_sends_nothing(world);
}

fn until_all_have_ended(world: &World) {
    let ended =
        |s: &serde_json::Value| matches!(s["status"].as_str(), Some("completed" | "failed"));
    let begun = Instant::now();
    while !world.heygen.sessions().iter().all(ended) && begun.elapsed() < LONGEST_RENDER {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn apply(world: &mut World) {
    let arguments = [&APPLY[..], &["--wait", "--timeout", "20s"]].concat();
    let child = spawn(world.project.command(&arguments));
    let ran = finish(world, "apply in the calm", child);
    world.tell(format!("apply: {}", told(&ran)));
}

fn refresh(world: &mut World) {
    let child = spawn(world.project.command(&["refresh"]));
    let ran = finish(world, "refresh in the calm", child);
    world.tell(format!("refresh: {}", told(&ran)));
}

/// Nothing is planned, other than what only a person can decide, and every video has ended: an
/// event may have put another session in the place of a finished one.
fn is_at_rest(world: &mut World) -> bool {
    let evidence = Evidence::gather(world);
    let planned = evidence.left_to_do().len();
    let arguments = ["plan", "--format", "json", "--detailed-exitcode"];
    let child = spawn(world.project.command(&arguments));
    let ran = finish(world, "plan", child);
    if ran.code == Some(0) && planned > 0 {
        world.broke(
            "the exit code tells whether there is something to do",
            &ran.stdout,
        );
    }
    planned == 0 && !evidence.is_rendering()
}

fn one_more_sends_nothing(world: &mut World) {
    let before = world.heygen.count("POST", "/v3/video-agents");
    apply(world);
    let sent = world.heygen.count("POST", "/v3/video-agents") - before;
    if sent > 0 {
        world.broke("nothing left to do", format!("one more apply sends {sent}"));
    }
}

/// Whatever happened on the way, each finished video has its film, of the recorded length.
fn films_are_whole(world: &mut World) {
    let child = spawn(world.project.command(&["download", "-q"]));
    let ran = finish(world, "download in the calm", child);
    for video in world.project.status() {
        let name = video["name"].as_str().unwrap();
        if video["phase"] != "completed" || !world.wishes.now.contains_key(name) {
            continue;
        }
        let path = world.project.path(&format!("downloads/{name}.mp4"));
        let bytes = std::fs::metadata(path).map(|m| m.len()).ok();
        if bytes.is_none() || bytes != video["file"]["bytes"].as_u64() {
            world.broke(
                "every film is whole",
                format!("{video}: {bytes:?}, {ran:#?}"),
            );
        }
    }
}

/// What the round went through.
fn tally_up(evidence: &Evidence, world: &World) {
    for attempt in evidence.attempts() {
        let adopted = attempt.adopted_by.map_or("", |by| by.as_str());
        count(&format!("attempt {} {adopted}", attempt.phase.as_str()));
    }
    for request in world.heygen.requests() {
        for fault in request["faults"].as_array().unwrap() {
            let name = fault.as_str().unwrap();
            let method = request["method"].as_str().unwrap();
            count(&format!("fault {name} on a {method}"));
        }
    }
}
