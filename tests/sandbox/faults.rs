//! Each kind of misbehaviour: what the client sees, and whether it took effect.

use std::time::{Duration, Instant};

use reconcile::sandbox::{Config, Kind, Rule};
use serde_json::{Value, json};

use crate::client::{AGENTS, Got, Sand, quick, send, slow, text, try_send};

/// Submits once under a fault; returns what came back and how many sessions there are then.
async fn under(fault: Value) -> (Result<Got, reqwest::Error>, Sand) {
    let sand = Sand::start(slow()).await;
    sand.faults(json!([fault])).await;
    let request = sand.request("POST", AGENTS).json(&json!({"prompt": "x"}));
    let got = try_send(request).await;
    (got, sand)
}

#[tokio::test]
async fn an_answer_instead_of_the_effect() {
    for (fault, status, code) in [
        (
            json!({"kind": "rate_limit", "retry_after": 7}),
            429,
            "rate_limit_exceeded",
        ),
        (
            json!({"kind": "status_before", "status": 502}),
            502,
            "internal_error",
        ),
        (json!({"kind": "error_in_200"}), 200, "internal_error"),
        (json!({"kind": "unauthorized"}), 401, "unauthorized"),
        (
            json!({"kind": "payment_required"}),
            402,
            "insufficient_credit",
        ),
        (json!({"kind": "forbidden"}), 403, "forbidden"),
        (
            json!({"kind": "access_denied"}),
            403,
            "resource_access_denied",
        ),
        (
            json!({"kind": "reject", "param": "avatar_id"}),
            400,
            "invalid_parameter",
        ),
    ] {
        let (got, sand) = under(fault.clone()).await;
        let got = got.unwrap();
        assert_eq!((got.status, got.code().as_str()), (status, code), "{fault}");
        assert_eq!(sand.told("sessions").await.len(), 0, "{fault}");
        let logged = &sand.told("requests").await[0];
        assert_eq!(logged["faults"], json!([fault["kind"]]));
        assert_eq!(logged["status"], status);
        assert_eq!(sand.create("x").await.status, 200, "it strikes once");
    }
}

#[tokio::test]
async fn a_rate_limit_says_how_long() {
    let (got, _sand) = under(json!({"kind": "rate_limit", "retry_after": 7})).await;
    assert_eq!(got.unwrap().header("retry-after"), "7");
    let (got, _sand) = under(json!({"kind": "rate_limit"})).await;
    assert_eq!(got.unwrap().header("retry-after"), "");
}

#[tokio::test]
async fn an_effect_behind_a_wrong_answer() {
    let (got, sand) = under(json!({"kind": "status_after", "status": 500})).await;
    assert_eq!(got.unwrap().status, 500);
    assert_eq!(sand.told("sessions").await.len(), 1);
    let (got, sand) = under(json!({"kind": "not_json"})).await;
    let got = got.unwrap();
    assert_eq!((got.status, got.header("content-type")), (200, "text/html"));
    assert!(serde_json::from_slice::<Value>(&got.body).is_err());
    assert_eq!(sand.told("sessions").await.len(), 1);
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer() {
    for (kind, sessions) in [("drop_before", 0), ("drop_after", 1)] {
        let (got, sand) = under(json!({"kind": kind})).await;
        assert!(got.unwrap_err().is_request(), "{kind}");
        assert_eq!(sand.told("sessions").await.len(), sessions, "{kind}");
        assert_eq!(sand.told("requests").await[0]["status"], Value::Null);
    }
}

#[tokio::test]
async fn an_effect_that_comes_after_the_connection_closed() {
    let (got, sand) = under(json!({"kind": "drop_late_effect", "delay_ms": 600})).await;
    assert!(got.is_err());
    assert_eq!(sand.told("sessions").await.len(), 0);
    sand.until("/_sandbox/sessions", |got| got.list().len() == 1)
        .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off() {
    let (_, sand) = under(json!({"kind": "drop_before"})).await;
    sand.faults(json!([{"kind": "reset_mid_answer"}])).await;
    let request = sand.request("POST", AGENTS).json(&json!({"prompt": "x"}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "the head arrives");
    assert!(response.bytes().await.is_err(), "the body does not");
    assert_eq!(sand.told("sessions").await.len(), 1);
}

#[tokio::test]
async fn silence_hides_an_effect_and_slowness_delays_it() {
    let timeout = Duration::from_millis(100);
    for (kind, sessions) in [("silence", 1), ("slow", 0)] {
        let sand = Sand::start(slow()).await;
        sand.faults(json!([{"kind": kind, "ms": 1_500}])).await;
        let begun = Instant::now();
        let request = sand.request("POST", AGENTS).json(&json!({"prompt": "x"}));
        let got = try_send(request.timeout(timeout)).await;
        assert!(got.unwrap_err().is_timeout());
        assert_eq!(sand.told("sessions").await.len(), sessions, "{kind}");
        assert_eq!(
            sand.told("requests").await.len(),
            1,
            "it is logged as it came"
        );
        // Hanging up undoes nothing.
        sand.until("/_sandbox/sessions", |got| got.list().len() == 1)
            .await;
        assert!(kind == "silence" || begun.elapsed() >= Duration::from_millis(1_500));
    }
}

#[tokio::test]
async fn a_session_that_is_missing_from_the_list_at_first() {
    let lag = json!([{"kind": "list_lag", "ms": 1_000, "method": "POST"}]);
    let sand = Sand::start(slow()).await;
    sand.faults(lag).await;
    sand.session("Late").await;
    sand.session("In time").await;
    assert_eq!(sand.get(AGENTS).await.list().len(), 1);
    sand.until(AGENTS, |got| got.list().len() == 2).await;
    sand.faults(json!([{"kind": "list_lag", "ms": 60_000}]))
        .await;
    assert_eq!(sand.get(AGENTS).await.list().len(), 0);
    assert_eq!(sand.get(AGENTS).await.list().len(), 2);
}

#[tokio::test]
async fn messages_that_come_late() {
    let sand = Sand::start(slow()).await;
    sand.faults(json!([{"kind": "late_messages", "ms": 1_000, "method": "POST"}]))
        .await;
    let path = format!("{AGENTS}/{}", sand.session("Late").await);
    assert_eq!(sand.get(&path).await.data()["messages"], json!([]));
    sand.until(&path, |got| got.data()["messages"] != json!([]))
        .await;
}

#[tokio::test]
async fn a_rule_is_not_used_up_by_what_it_is_not_about() {
    let sand = Sand::start(quick()).await;
    let session = sand.session("x").await;
    let hour = 3_600_000;
    sand.faults(json!([
        {"kind": "list_lag", "ms": hour}, {"kind": "late_messages", "ms": hour},
        {"kind": "video_gone"}, {"kind": "drop_before"},
    ]))
    .await;
    sand.get("/v3/video-agents/styles").await;
    sand.post(&format!("{AGENTS}/{session}/stop"), &json!({}))
        .await;
    sand.get("/v3/voices").await;
    for told in sand.told("faults").await {
        assert_eq!(told["struck"], 0, "{told}");
    }
    let got = sand.get(&format!("{AGENTS}/{session}")).await.data();
    assert_eq!(got["messages"], json!([]));
    assert_eq!(sand.get(AGENTS).await.list().len(), 0);
    let video = format!("/v3/videos/{}", text(&got["video_id"]));
    assert_eq!(sand.get(&video).await.status, 404);
    for told in &sand.told("faults").await[..3] {
        assert_eq!(told["struck"], 1, "{told}");
    }
}

#[tokio::test]
async fn a_clock_that_is_off() {
    let sand = Sand::start(slow()).await;
    sand.faults(json!([{"kind": "skew_created_at", "seconds": -90}]))
        .await;
    let skewed = sand.create("x").await.data()["created_at"]
        .as_i64()
        .unwrap();
    let right = sand.create("x").await.data()["created_at"]
        .as_i64()
        .unwrap();
    assert!((90..=92).contains(&(right - skewed)));
    let listed = sand.get(AGENTS).await.list();
    assert_eq!(listed[1]["created_at"], skewed);
}

#[tokio::test]
async fn someone_else_with_the_same_prompt() {
    let sand = Sand::start(slow()).await;
    sand.faults(json!([{"kind": "foreign_session"}, {"kind": "drop_after"}]))
        .await;
    let request = sand
        .request("POST", AGENTS)
        .json(&json!({"prompt": "x", "callback_id": "c"}));
    assert!(try_send(request).await.is_err());
    let sessions = sand.told("sessions").await;
    assert_eq!(sessions[0]["foreign"], true);
    assert_eq!(sessions[0]["request"]["prompt"], "x");
    assert_ne!(sessions[0]["callback_id"], "c");
    assert_eq!(
        (&sessions[1]["foreign"], &sessions[1]["callback_id"]),
        (&json!(false), &json!("c"))
    );
    assert_eq!(sand.get(AGENTS).await.list().len(), 2);
}

#[tokio::test]
async fn a_render_that_fails() {
    let sand = Sand::start(quick()).await;
    sand.faults(json!([
        {"kind": "fail_render", "code": "bad_voice", "message": "No such voice."},
        {"kind": "fail_render", "early": true, "skip": 1},
    ]))
    .await;
    let fails = sand.session("x").await;
    let early = sand.session("x").await;
    let got = sand.get(&format!("{AGENTS}/{fails}")).await.data();
    assert_eq!(got["status"], "failed");
    assert_eq!(got["messages"][0]["content"], "No such voice.");
    let early = sand.get(&format!("{AGENTS}/{early}")).await.data();
    assert_eq!(
        (&early["status"], &early["video_id"]),
        (&json!("failed"), &Value::Null)
    );
}

#[tokio::test]
async fn a_video_that_vanishes() {
    let sand = Sand::start(quick()).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let session = sand.session("x").await;
        let got = sand.get(&format!("{AGENTS}/{session}")).await.data();
        ids.push(text(&got["video_id"]));
    }
    sand.faults(json!([{"kind": "video_gone"}])).await;
    let statuses = format!("/v3/videos/statuses?video_ids={}", ids.join(","));
    for _ in 0..2 {
        let got = sand.get(&statuses).await.list();
        assert_eq!(
            (&got[0]["status"], &got[1]["status"]),
            (&json!("not_found"), &json!("completed"))
        );
    }
    assert_eq!(
        sand.get(&format!("/v3/videos/{}", ids[0])).await.status,
        404
    );
}

#[tokio::test]
async fn a_rule_says_which_requests_how_often_and_how_likely() {
    let sand = Sand::start(slow()).await;
    let error = |rule: Value| {
        let mut rule = rule;
        rule["kind"] = json!({"status_before": {"status": 500}});
        json!([rule])
    };
    let statuses = async |rule: Value| {
        sand.faults(error(rule)).await;
        let mut seen = Vec::new();
        for path in ["/v3/users/me", "/v3/voices", "/v3/users/me", "/v3/voices"] {
            seen.push(sand.get(path).await.status);
        }
        seen
    };
    let voices = json!({"path_prefix": "/v3/voices", "times": null});
    assert_eq!(statuses(voices).await, [200, 500, 200, 500]);
    let second = json!({"method": "GET", "skip": 1, "times": 2});
    assert_eq!(statuses(second).await, [200, 500, 500, 200]);
    let never = json!({"method": "GET", "probability": 0.0, "times": null});
    assert_eq!(statuses(never).await, [200; 4]);
    assert_eq!(
        statuses(json!({})).await,
        [200; 4],
        "submissions unless told otherwise"
    );
    assert_eq!(sand.told("faults").await[0]["struck"], 0);
    send(sand.bare("DELETE", "/_sandbox/faults")).await;
    assert_eq!(sand.create("x").await.status, 200);
}

#[tokio::test]
async fn chance_repeats_itself_with_its_seed() {
    let draw = async |seed| {
        let mut rule = Rule::new(Kind::StatusBefore { status: 500 });
        rule.times = None;
        rule.probability = 0.5;
        let rules = vec![rule];
        let config = Config {
            max_jobs: 100,
            rules,
            seed,
            ..slow()
        };
        let sand = Sand::start(config).await;
        let mut seen = Vec::new();
        for _ in 0..40 {
            seen.push(sand.create("x").await.status);
        }
        seen
    };
    let first = draw(7).await;
    assert_eq!(draw(7).await, first);
    assert_ne!(draw(8).await, first);
    assert!(first.contains(&200) && first.contains(&500));
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused() {
    let sand = Sand::start(slow()).await;
    for bad in [
        json!([{}]),
        json!([{"kind": "explode"}]),
        json!([{"kind": "drop_before", "ms": 5}]),
        json!([{"kind": "silence"}]),
        json!([{"kind": {"silence": {"ms": 5}}, "tmes": 2}]),
        json!([{"kind": "drop_before", "times": -1}]),
        json!({"kind": "drop_before"}),
    ] {
        let got = sand.post("/_sandbox/faults", &bad).await;
        assert_eq!(got.status, 400, "{bad}");
    }
}
