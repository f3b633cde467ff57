//! HeyGen's API description judges both sides: what the sandbox answers, what it refuses, and what
//! the real binary sends.

#[path = "support/openapi.rs"]
mod openapi;
mod support;

use std::time::Duration;

use openapi::{Api, assert_valid};
use reconcile::sandbox::Config;
use serde_json::{Value, json};
use support::{Heygen, KEY, Project, copy_from_repository};

#[test]
fn every_answer_of_the_sandbox_is_one_the_document_describes() {
    let api = Api::load();
    let heygen = Heygen::start(Config {
        render_time: Duration::from_millis(50),
        ..Config::default()
    });
    let create = |body: Value| heygen.send("POST", "/v3/video-agents", Some(KEY), Some(body));
    let (_, first) = create(json!({"prompt": "One."}));
    let session = first["data"]["session_id"].as_str().unwrap().to_owned();
    support::until("it is finished", || {
        heygen.sessions()[0]["status"] == "completed"
    });
    let video = heygen.sessions()[0]["video_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut seen = Vec::new();
    for (method, path, body) in [
        (
            "POST",
            "/v3/video-agents".to_owned(),
            Some(json!({"prompt": "Two."})),
        ),
        (
            "POST",
            "/v3/video-agents".to_owned(),
            Some(json!({"prompt": ""})),
        ),
        ("GET", "/v3/video-agents".to_owned(), None),
        ("GET", "/v3/video-agents?limit=1".to_owned(), None),
        ("GET", format!("/v3/video-agents/{session}"), None),
        ("GET", "/v3/video-agents/nobody".to_owned(), None),
        ("GET", format!("/v3/video-agents/{session}/videos"), None),
        ("POST", format!("/v3/video-agents/{session}/stop"), None),
        ("GET", format!("/v3/videos/{video}"), None),
        ("GET", "/v3/videos/nobody".to_owned(), None),
        (
            "GET",
            format!("/v3/videos/statuses?video_ids={video},nobody"),
            None,
        ),
        ("GET", "/v3/users/me".to_owned(), None),
        ("GET", "/v3/avatars/looks".to_owned(), None),
        ("GET", "/v3/voices".to_owned(), None),
        ("GET", "/v3/video-agents/styles".to_owned(), None),
        ("GET", "/v3/brand-kits".to_owned(), None),
        ("GET", "/v3/webhooks/events".to_owned(), None),
        (
            "POST",
            "/v3/webhooks/endpoints".to_owned(),
            Some(json!({"url": "https://a.b/c"})),
        ),
        ("GET", "/v3/webhooks/endpoints".to_owned(), None),
        ("DELETE", format!("/v3/videos/{video}"), None),
        ("DELETE", format!("/v3/videos/{video}"), None),
    ] {
        let (status, answer) = heygen.send(method, &path, Some(KEY), body);
        let bare = path.split('?').next().unwrap();
        let schema = api.answer_schema(method, bare, status);
        let schema = schema.unwrap_or_else(|| panic!("{method} {path} answers {status}"));
        assert_valid(&api.validator(schema), &answer, &format!("{method} {path}"));
        seen.push(status);
    }
    assert!(seen.contains(&400) && seen.contains(&404), "{seen:?}");
    let (status, answer) = heygen.send("GET", "/v3/users/me", None, None);
    assert_eq!(status, 401);
    let schema = api.answer_schema("GET", "/v3/users/me", 401).unwrap();
    assert_valid(&api.validator(schema), &answer, "without a key");
    let busy = Heygen::start(Config {
        max_jobs: 1,
        ..Config::default()
    });
    let third = json!({"prompt": "Three."});
    busy.send("POST", "/v3/video-agents", Some(KEY), Some(third.clone()));
    let (status, answer) = busy.send("POST", "/v3/video-agents", Some(KEY), Some(third));
    assert_eq!(status, 429, "{answer}");
    let schema = api.answer_schema("POST", "/v3/video-agents", 429).unwrap();
    assert_valid(&api.validator(schema), &answer, "the second job of one");
}

#[test]
fn the_sandbox_refuses_what_the_document_refuses() {
    let api = Api::load();
    let validator = api.validator(&api.request_schema());
    let heygen = Heygen::start(Config {
        max_jobs: 1_000,
        ..Config::default()
    });
    let file = json!({"type": "url", "url": "https://a.b/c.png"});
    let many: Vec<_> = std::iter::repeat_n(&file, 21).collect();
    for body in [
        json!({"prompt": "x"}),
        json!({"prompt": "é".repeat(10_000)}),
        json!({"prompt": "é".repeat(10_001)}),
        json!({"prompt": ""}),
        json!({"prompt": 7}),
        json!({}),
        json!([]),
        json!({"prompt": "x", "colour": "red"}),
        json!({"prompt": "x", "avatar_id": null, "voice_id": "v", "callback_id": "c"}),
        json!({"prompt": "x", "avatar_id": 7}),
        json!({"prompt": "x", "orientation": "portrait"}),
        json!({"prompt": "x", "orientation": null}),
        json!({"prompt": "x", "orientation": "square"}),
        json!({"prompt": "x", "mode": "chat"}),
        json!({"prompt": "x", "mode": null}),
        json!({"prompt": "x", "incognito_mode": true}),
        json!({"prompt": "x", "incognito_mode": null}),
        json!({"prompt": "x", "files": null}),
        json!({"prompt": "x", "files": [file]}),
        json!({"prompt": "x", "files": many}),
        json!({"prompt": "x", "files": {}}),
        json!({"prompt": "x", "files": [{"type": "url", "url": "http://a.b"}]}),
        json!({"prompt": "x", "files": [{"type": "url", "asset_id": "a"}]}),
        json!({"prompt": "x", "files": [{"type": "asset_id", "asset_id": "a", "url": "https://a.b"}]}),
        json!({"prompt": "x", "files": [{"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}]}),
        json!({"prompt": "x", "files": [{"type": "file", "path": "a"}]}),
        json!({"prompt": "x", "files": ["https://a.b"]}),
    ] {
        let (status, _) = heygen.send("POST", "/v3/video-agents", Some(KEY), Some(body.clone()));
        let expected = if validator.is_valid(&body) { 200 } else { 400 };
        let shown: String = body.to_string().chars().take(200).collect();
        assert_eq!(status, expected, "{shown}");
    }
}

#[test]
fn every_request_of_the_binary_is_one_the_document_describes() {
    let api = Api::load();
    let body = api.validator(&api.request_schema());
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    copy_from_repository("videos", &project.path("videos"));
    project.write(
        "videos/all.yaml",
        "prompt: All.\navatar_id: a\nvoice_id: v\nstyle_id: s\nbrand_kit_id: b\norientation: portrait\n\
         incognito_mode: true\ncallback_url: https://example.com/hook\nfiles:\n  - url: https://example.com/a.png\n",
    );
    project.expect(0, &["apply", "--auto-approve", "--wait"]);
    project.expect(0, &["refresh"]);
    let requests = heygen.requests();
    let mut posts = 0;
    for request in &requests {
        let (method, path) = (
            request["method"].as_str().unwrap(),
            request["path"].as_str().unwrap(),
        );
        let (template, operation) = api
            .operation(method, path)
            .unwrap_or_else(|| panic!("no operation: {method} {path}"));
        check_query(&api, operation, request);
        if (method, template) != ("POST", "/v3/video-agents") {
            continue;
        }
        posts += 1;
        let sent: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        assert_valid(&body, &sent, "a submission");
        assert_eq!(request["idempotency_key"], sent["callback_id"]);
        assert!(!request.to_string().contains(KEY));
    }
    assert_eq!(posts, heygen.sessions().len());
    assert!(posts > 8);
}

fn check_query(api: &Api, operation: &Value, request: &Value) {
    let declared = operation["parameters"].as_array();
    let declared: Vec<_> = declared
        .into_iter()
        .flatten()
        .map(|p| api.resolve(p))
        .collect();
    for pair in request["query"].as_array().unwrap() {
        let known = declared
            .iter()
            .any(|p| p["in"] == "query" && p["name"] == pair[0]);
        assert!(known, "{request}");
    }
}
