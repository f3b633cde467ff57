//! After the storm: nothing fails any more, and everything has to come to rest.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::checks::check;
use crate::downloads;
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
    downloads::are_whole(world);
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
