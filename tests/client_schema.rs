//! HeyGen's API description judges what the real binary sends.

#[path = "support/openapi.rs"]
mod openapi;
mod support;

use openapi::{Api, assert_valid};
use serde_json::Value;
use support::{Heygen, KEY, Project, copy_from_repository};

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
