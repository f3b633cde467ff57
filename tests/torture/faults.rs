//! What goes wrong at HeyGen in a step.
//!
//! Everything stays within what the settling assumes: a session appears in the list within
//! `settle_delay` of the end of its attempt. See [`crate::world::SETTLE_DELAY_MS`].

use serde_json::{Value, json};

use crate::rng::Rng;

const CREATE: &str = "/v3/video-agents";

pub fn some(rng: &mut Rng) -> Vec<Value> {
    let mut rules: Vec<_> = (0..rng.within(0..4)).map(|_| on_submission(rng)).collect();
    rules.extend((0..rng.within(0..2)).map(|_| on_session(rng)));
    rules.extend((0..rng.within(0..2)).map(|_| on_read(rng)));
    rules.extend((0..rng.within(0..3)).map(|_| on_film(rng)));
    if rng.one_in(3) {
        rules.extend(trap(rng));
    }
    not_too_late(rules)
}

/// An effect after a long silence and a delay would come later than settling waits.
fn not_too_late(mut rules: Vec<Value>) -> Vec<Value> {
    let is = |rule: &Value, kind: &str| rule["kind"].get(kind).is_some();
    if rules.iter().any(|rule| is(rule, "drop_late_effect")) {
        rules.retain(|rule| !is(rule, "silence") && !is(rule, "slow"));
    }
    rules
}

/// Somebody else submits the prompt of a submission whose answer is lost, or which never arrives.
/// The client may take their session for its own until an event says whose it is.
fn trap(rng: &mut Rng) -> Vec<Value> {
    let ends = [
        "drop_after",
        "drop_after",
        "not_json",
        "drop_before",
        "error_in_200",
    ];
    let mut kinds = vec![json!("foreign_session"), json!(*rng.pick(&ends))];
    match rng.within(0..5) {
        // Beyond what settling assumes, and yet an event has to put it right.
        0 => kinds.push(json!({"list_lag": {"ms": rng.within(900..1_200)}})),
        1 => kinds.push(json!({"late_messages": {"ms": rng.within(400..900)}})),
        2 => kinds.push(json!({"skew_created_at": {"seconds": *rng.pick(&[-2, 2])}})),
        _ => {}
    }
    let skip = rng.within(0..3);
    let rule = |kind| json!({"kind": kind, "method": "POST", "path_prefix": CREATE, "skip": skip});
    kinds.into_iter().map(rule).collect()
}

fn with_chance(rng: &mut Rng, mut rule: Value) -> Value {
    rule["times"] = json!(rng.within(1..4));
    rule["skip"] = json!(*rng.pick(&[0, 0, 1, 3]));
    rule["probability"] = json!(*rng.pick(&[1.0, 0.5]));
    rule
}

/// How a submission ends.
fn on_submission(rng: &mut Rng) -> Value {
    let kind = match rng.within(0..14) {
        0 => json!("drop_before"),
        1 | 2 => json!("drop_after"),
        3 => json!({"drop_late_effect": {"delay_ms": rng.within(10..100)}}),
        4 => json!("reset_mid_answer"),
        5 => json!({"status_after": {"status": *rng.pick(&[500, 502])}}),
        6 => json!({"status_before": {"status": *rng.pick(&[500, 503])}}),
        7 => json!("not_json"),
        8 => json!("error_in_200"),
        9 => json!({"silence": {"ms": rng.within(450..700)}}),
        10 => json!({"silence": {"ms": rng.within(20..200)}}),
        // With and without the client's patience: it gives up after REQUEST_TIMEOUT_MS.
        11 => json!({"slow": {"ms": *rng.pick(&[50, 150, 300, 430, 450])}}),
        12 => json!({"rate_limit": {"retry_after": 0}}),
        _ if rng.one_in(4) => json!("unauthorized"),
        _ => json!({"rate_limit": {"retry_after": null}}),
    };
    with_chance(rng, json!({"kind": kind}))
}

/// What becomes of the session a submission makes.
fn on_session(rng: &mut Rng) -> Value {
    let (kind, method) = match rng.within(0..8) {
        0 | 1 => (json!("foreign_session"), "POST"),
        2 => (json!({"list_lag": {"ms": rng.within(20..100)}}), "POST"),
        3 => (json!({"list_lag": {"ms": rng.within(20..100)}}), "GET"),
        4 => {
            let method = *rng.pick(&["GET", "POST"]);
            (
                json!({"late_messages": {"ms": rng.within(50..600)}}),
                method,
            )
        }
        5 => (json!({"fail_render": {"early": true}}), "POST"),
        6 => (json!({"fail_render": {"early": false}}), "POST"),
        _ => {
            let seconds = *rng.pick(&[-2, -1, 1, 2]);
            (json!({"skew_created_at": {"seconds": seconds}}), "POST")
        }
    };
    with_chance(rng, json!({"kind": kind, "method": method}))
}

/// What becomes of a film on its way.
fn on_film(rng: &mut Rng) -> Value {
    let (at, ms) = (rng.within(0..22_000), rng.within(20..200));
    let kind = match rng.within(0..10) {
        0..=2 => json!({"slow": {"ms": ms}}),
        3..=5 => json!({"cut_file": {"at": at}}),
        6 => json!({"wrong_length": {"more": at}}),
        7 => json!("no_ranges"),
        8 => json!("forbidden"),
        _ => json!("drop_before"),
    };
    with_chance(
        rng,
        json!({"kind": kind, "method": "GET", "path_prefix": "/files/"}),
    )
}

fn on_read(rng: &mut Rng) -> Value {
    let kind = match rng.within(0..9) {
        0 => json!("drop_before"),
        1 => json!({"status_before": {"status": *rng.pick(&[500, 503])}}),
        2 => json!("not_json"),
        3 => json!("reset_mid_answer"),
        4 => json!("error_in_200"),
        5 => json!({"rate_limit": {"retry_after": 0}}),
        6 => json!({"slow": {"ms": rng.within(20..300)}}),
        7 if rng.one_in(3) => json!("unauthorized"),
        _ => json!({"silence": {"ms": rng.within(20..300)}}),
    };
    let paths = [
        "/v3/video-agents",
        "/v3/video-agents",
        "/v3/videos",
        "/v3/webhooks/events",
        "/v3/users/me",
    ];
    let path = *rng.pick(&paths);
    with_chance(
        rng,
        json!({"kind": kind, "method": "GET", "path_prefix": path}),
    )
}
