//! What tests and people ask of the sandbox itself, below `/_sandbox`. Needs no key, is not logged
//! and never misbehaves.

use serde_json::json;

use super::answer::Answer;
use super::received::Received;
use super::world::World;

pub(super) fn control(received: &Received, world: &mut World) -> Answer {
    match (received.method.as_str(), received.path.as_str()) {
        ("GET", "/_sandbox/requests") => match received.parameter("since").map(str::parse) {
            None => Answer::data(world.log.since(0)),
            Some(Ok(seq)) => Answer::data(world.log.since(seq)),
            Some(Err(_)) => Answer::invalid("since", "must be a number"),
        },
        ("GET", "/_sandbox/sessions") => Answer::data(world.all_sessions()),
        ("GET", "/_sandbox/faults") => Answer::data(world.faults.show()),
        ("POST", "/_sandbox/faults") => match serde_json::from_slice(&received.body) {
            Ok(rules) => {
                world.faults.replace(rules);
                Answer::data(world.faults.show())
            }
            Err(e) => Answer::invalid("body", &e.to_string()),
        },
        ("DELETE", "/_sandbox/faults") => {
            world.faults.replace(Vec::new());
            Answer::data(json!([]))
        }
        _ => Answer::not_found("operation"),
    }
}
