//! What is refused, and how; lists and their pages; uploads and their keys.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::client::{AGENTS, PNG, Sand, quick, send, slow, text};

#[tokio::test]
async fn no_key_and_a_wrong_one_answer_alike() {
    let sand = Sand::start(reconcile::sandbox::Config {
        required_key: Some("right".to_owned()),
        ..slow()
    })
    .await;
    let me = "/v3/users/me";
    let none = send(sand.bare("GET", me)).await;
    let wrong = sand.get(me).await;
    assert_eq!((none.status, wrong.status), (401, 401));
    assert_eq!(none.json(), wrong.json());
    assert_eq!(none.code(), "unauthorized");
    let right = send(sand.bare("GET", me).header("x-api-key", "right")).await;
    assert_eq!(right.status, 200);
}

#[tokio::test]
async fn a_key_may_name_its_account() {
    let sand = Sand::start(slow()).await;
    let me = |key| send(sand.bare("GET", "/v3/users/me").header("x-api-key", key));
    assert_eq!(me("a").await.data()["username"], "sandbox");
    assert_eq!(me("b").await.data()["username"], "sandbox");
    assert_eq!(me("a@other").await.data()["username"], "other");
}

#[tokio::test]
async fn every_answer_has_a_date_and_an_id_of_its_own() {
    let sand = Sand::start(slow()).await;
    let mut ids = HashSet::new();
    for path in ["/v3/users/me", "/v3/nothing", "/files/a/b", AGENTS] {
        let got = sand.get(path).await;
        assert!(got.header("date").ends_with("GMT"), "{got:?}");
        assert!(ids.insert(got.header("x-request-id").to_owned()), "{got:?}");
    }
    let nothing = sand.get("/v3/nothing").await;
    assert_eq!(
        (nothing.status, nothing.code().as_str()),
        (404, "not_found")
    );
}

#[tokio::test]
async fn a_refusal_names_the_field() {
    let sand = Sand::start(slow()).await;
    let x = |field: &str, value: Value| json!({"prompt": "x", field: value});
    let file = |item: Value| json!({"prompt": "x", "files": [item]});
    let garbage = json!({"type": "base64", "media_type": "image/png", "data": "aGk="});
    for (body, param) in [
        (json!([]), "body"),
        (json!({}), "prompt"),
        (json!({"prompt": " ".repeat(10_001)}), "prompt"),
        (x("avatr_id", json!("a")), "avatr_id"),
        (x("voice_id", json!(7)), "voice_id"),
        (x("mode", json!("video")), "mode"),
        (x("orientation", json!("square")), "orientation"),
        (x("incognito_mode", json!("yes")), "incognito_mode"),
        (x("files", json!("f")), "files"),
        (file(json!({"type": "url", "url": "http://a.b"})), "files.0"),
        (
            file(json!({"type": "asset_id", "asset_id": "nobody"})),
            "files.0",
        ),
        (file(garbage), "files.0"),
    ] {
        let got = sand.post(AGENTS, &body).await;
        assert_eq!((got.status, got.param()), (400, json!(param)), "{body}");
        assert_eq!(got.code(), "invalid_parameter");
    }
    assert_eq!(sand.told("sessions").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_body_must_be_json_and_say_so() {
    let sand = Sand::start(slow()).await;
    let body = |kind: &str, text: &str| {
        let request = sand.request("POST", AGENTS).header("content-type", kind);
        send(request.body(text.to_owned()))
    };
    let whole = r#"{"prompt": "x"}"#;
    assert_eq!(
        body("application/json; charset=utf-8", whole).await.status,
        200
    );
    assert_eq!(body("text/plain", whole).await.param(), "Content-Type");
    assert_eq!(body("application/json", "{\"prompt").await.param(), "body");
}

#[tokio::test]
async fn an_idempotency_key_must_look_like_one() {
    let sand = Sand::start(slow()).await;
    let longest = "k".repeat(255);
    let too_long = "k".repeat(256);
    for (key, status) in [
        ("a.B:c_d-9", 200),
        (&longest, 200),
        ("", 400),
        ("a b", 400),
        (&too_long, 400),
    ] {
        let request = sand.request("POST", AGENTS).json(&json!({"prompt": "x"}));
        let got = send(request.header("idempotency-key", key)).await;
        assert_eq!(got.status, status, "{key:?}");
    }
}

#[tokio::test]
async fn a_page_follows_the_last_one_whatever_was_added_meanwhile() {
    let sand = Sand::start(quick()).await;
    let mut made = Vec::new();
    for n in 0..45 {
        made.insert(0, sand.session(&format!("Number {n}")).await);
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    for expected in [20, 20, 5] {
        let got = sand.get(&format!("{AGENTS}{token}")).await;
        assert_eq!(got.list().len(), expected);
        seen.extend(got.list().iter().map(|s| text(&s["session_id"])));
        let more = got.json()["has_more"] == true;
        assert_eq!(more, expected == 20);
        token = format!("?token={}", text(&got.json()["next_token"]));
        sand.session("Meanwhile").await;
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn lists_keep_to_their_limits() {
    let sand = Sand::start(slow()).await;
    for (path, most) in [
        (AGENTS, 100),
        ("/v3/video-agents/styles", 100),
        ("/v3/avatars/looks", 50),
        ("/v3/voices", 100),
        ("/v3/brand-kits", 100),
        ("/v3/webhooks/endpoints", 100),
        ("/v3/webhooks/events", 100),
    ] {
        let limit = async |limit: &str| {
            let got = sand.get(&format!("{path}?limit={limit}")).await;
            (got.status, got.param())
        };
        assert_eq!(limit(&most.to_string()).await.0, 200, "{path}");
        for bad in ["0", "-1", "x", &(most + 1).to_string()] {
            assert_eq!(limit(bad).await, (400, json!("limit")), "{path} {bad}");
        }
        let token = sand.get(&format!("{path}?token=nonsense")).await;
        assert_eq!(token.param(), "token", "{path}");
    }
    let voices = sand.get("/v3/voices?limit=2").await;
    assert_eq!(
        (voices.list().len(), &voices.json()["has_more"]),
        (2, &json!(true))
    );
    assert_eq!(sand.get("/v3/voices?type=private").await.list().len(), 0);
    assert_eq!(sand.get("/v3/voices?language=german").await.list().len(), 1);
}

#[tokio::test]
async fn statuses_answer_for_a_hundred_at_once_and_no_more() {
    let sand = Sand::start(quick()).await;
    let ids = |count| vec!["nobody"; count].join(",");
    let ask = async |ids: String| {
        sand.get(&format!("/v3/videos/statuses?video_ids={ids}"))
            .await
    };
    let got = ask(ids(100)).await;
    assert_eq!(got.list().len(), 100);
    assert_eq!(got.list()[0]["status"], "not_found");
    assert_eq!(ask(ids(101)).await.param(), "video_ids");
    assert_eq!(ask(String::new()).await.param(), "video_ids");
}

#[tokio::test]
async fn an_upload_is_what_its_bytes_are() {
    let sand = Sand::start(slow()).await;
    for (bytes, mime) in [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"\x1a\x45\xdf\xa3...", "video/webm"),
        (b"ID3\x04...", "audio/mpeg"),
        (b"RIFF....WAVE", "audio/wav"),
        (b"%PDF-1.7", "application/pdf"),
    ] {
        let got = sand.upload(bytes, None).await;
        assert_eq!(got.data()["mime_type"], mime, "{got:?}");
        assert_eq!(got.data()["size_bytes"], bytes.len());
        let file = json!({"type": "asset_id", "asset_id": got.data()["asset_id"]});
        let used = json!({"prompt": "x", "files": [file]});
        assert_eq!(sand.post(AGENTS, &used).await.status, 200);
    }
    for bad in [&b"hello"[..], b"", b"<svg>"] {
        let got = sand.upload(bad, None).await;
        assert_eq!((got.status, got.param()), (400, json!("file")));
    }
    let not_multipart = sand.post("/v3/assets", &json!({})).await;
    assert_eq!(not_multipart.param(), "file");
}

#[tokio::test]
async fn a_file_has_at_most_32_megabytes() {
    let sand = Sand::start(slow()).await;
    let mut bytes = PNG.to_vec();
    bytes.resize(33 << 20, 0);
    let got = sand.upload(&bytes, None).await;
    assert_eq!(
        (got.status, got.code().as_str()),
        (413, "request_too_large")
    );
    assert_eq!(sand.told("requests").await[0]["status"], 413);
}

#[tokio::test]
async fn a_repeated_upload_gets_the_first_answer() {
    let sand = Sand::start(slow()).await;
    let first = sand.upload(PNG, Some("k")).await.json();
    assert_eq!(sand.upload(PNG, Some("k")).await.json(), first);
    assert_eq!(sand.upload(b"%PDF-1.7", Some("k")).await.json(), first);
    assert_ne!(sand.upload(PNG, Some("l")).await.json(), first);
    assert_ne!(sand.upload(PNG, None).await.json(), first);
}

#[tokio::test]
async fn a_repeat_in_flight_is_refused() {
    let sand = Sand::start(slow()).await;
    let silence = json!([{"kind": "silence", "ms": 1_000, "path_prefix": "/v3/assets"}]);
    sand.faults(silence).await;
    let second = async {
        sand.until("/_sandbox/requests", |got| !got.list().is_empty())
            .await;
        sand.upload(PNG, Some("k")).await
    };
    let (first, second) = tokio::join!(sand.upload(PNG, Some("k")), second);
    assert_eq!(
        (second.status, second.code().as_str()),
        (409, "request_in_progress")
    );
    assert_eq!(first.status, 200);
    assert_eq!(sand.upload(PNG, Some("k")).await.json(), first.json());
}

#[tokio::test]
async fn a_webhook_secret_is_shown_once() {
    let sand = Sand::start(slow()).await;
    let path = "/v3/webhooks/endpoints";
    let body = json!({"url": "https://example.com/hook", "events": ["video_agent.success"]});
    let made = sand.post(path, &body).await.data();
    assert!(text(&made["secret"]).starts_with("whsec_"));
    let listed = sand.get(path).await.list();
    assert_eq!(listed[0]["endpoint_id"], made["endpoint_id"]);
    assert_eq!(listed[0]["secret"], Value::Null);
    for (bad, param) in [
        (json!({}), "url"),
        (json!({"url": "http://example.com"}), "url"),
        (
            json!({"url": "https://example.com", "events": "all"}),
            "events",
        ),
    ] {
        assert_eq!(sand.post(path, &bad).await.param(), param);
    }
}

#[tokio::test]
async fn the_log_has_everything_but_the_key() {
    let sand = Sand::start(slow()).await;
    let request = sand.bare("POST", AGENTS).header("x-api-key", "a-secret");
    let request = request
        .header("idempotency-key", "k-1")
        .json(&json!({"prompt": "x"}));
    send(request).await;
    send(sand.bare("GET", "/v3/voices?limit=3")).await;
    let log = sand.told("requests").await;
    assert_eq!(log[0]["method"], "POST");
    assert_eq!(log[0]["body"], r#"{"prompt":"x"}"#);
    assert_eq!(log[0]["headers"]["idempotency-key"], "k-1");
    assert_eq!(log[0]["headers"]["x-api-key"], "***");
    assert_eq!(log[0]["status"], 200);
    assert_eq!(log[1]["query"], json!([["limit", "3"]]));
    assert_eq!(
        (&log[1]["key_present"], &log[1]["status"]),
        (&json!(false), &json!(401))
    );
    assert!(!json!(log).to_string().contains("a-secret"));
    assert_eq!(sand.told("requests?since=1").await, log[1..]);
}
