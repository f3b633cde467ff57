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
    let mut film = b"\0\0\0\x20ftypisom".to_vec();
    film.resize(32_000_001, 0);
    project.write("videos/film.mp4", film);
    project.write(
        "videos/film.yaml",
        "prompt: Film.\nfiles: [{path: film.mp4}]\n",
    );
    project.write(
        "videos/all.yaml",
        "prompt: All.\navatar_id: a\nvoice_id: v\nstyle_id: s\nbrand_kit_id: b\norientation: portrait\n\
         incognito_mode: true\ncallback_url: https://example.com/hook\nfiles:\n  - url: https://example.com/a.png\n",
    );
    project.expect(0, &["apply", "--auto-approve", "--wait"]);
    project.expect(0, &["refresh"]);
    for kind in ["avatars", "voices", "styles", "brand-kits"] {
        project.expect(0, &["catalog", kind]);
    }
    adopt(&heygen, &project);
    project.expect(0, &["download"]);
    let mut requests = heygen.requests();
    let files = requests.extract_if(.., |r| r["path"].as_str().unwrap().starts_with("/files/"));
    assert!(
        files
            .map(|file| assert_eq!(file["key_present"], false))
            .count()
            > 8
    );
    let mut posts = 0;
    for request in &requests {
        let (method, path) = (
            request["method"].as_str().unwrap(),
            request["path"].as_str().unwrap(),
        );
        if method == "PUT" && path.starts_with("/uploads/") {
            // The storage, which is no part of the API: the key is not for it.
            assert_eq!(request["key_present"], false, "{request}");
            continue;
        }
        let (template, operation) = api
            .operation(method, path)
            .unwrap_or_else(|| panic!("no operation: {method} {path}"));
        check_parameters(&api, operation, request);
        assert!(!request.to_string().contains(KEY), "{request}");
        if api.body_schema(method, path).is_none() {
            continue;
        }
        let sent: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        let wrong = api.validate_request(method, path, &sent);
        assert!(wrong.is_empty(), "{wrong:?}: {sent}");
        if (method, template) != ("POST", "/v3/video-agents") {
            continue;
        }
        posts += 1;
        assert_valid(&body, &sent, "a submission");
        assert_eq!(request["idempotency_key"], sent["callback_id"]);
    }
    let simple = requests.iter().filter(|r| r["path"] == "/v3/assets");
    assert_eq!(simple.count(), 1, "the sample's picture");
    assert_eq!(heygen.count("PUT", "/uploads/"), 1, "the film");
    assert_eq!(posts, heygen.sessions().len());
    assert!(posts > 8);
}

/// By a video alone, so that its session is asked for.
fn adopt(heygen: &Heygen, project: &Project) {
    let video = heygen.sessions()[0]["video_id"]
        .as_str()
        .unwrap()
        .to_owned();
    project.wish("adopted", "Something else.");
    let arguments = ["state", "adopt", "adopted", "--video", &video];
    let ran = project.expect(1, &[&arguments[..], &["--auto-approve"]].concat());
    assert!(ran.stderr.contains("is that of"), "{ran:#?}");
    let path = format!("/v3/videos/{video}");
    assert!(heygen.count("GET", &path) > 0 && heygen.count("GET", "/v3/webhooks/events") > 0);
}

/// Every query parameter and `Idempotency-Key` is declared and has a value that fits.
fn check_parameters(api: &Api, operation: &Value, request: &Value) {
    let declared = operation["parameters"].as_array();
    let declared: Vec<_> = declared
        .into_iter()
        .flatten()
        .map(|p| api.resolve(p))
        .collect();
    let query = request["query"].as_array().unwrap().iter();
    let query = query.map(|pair| ("query", pair[0].clone(), pair[1].as_str().unwrap()));
    let key = request["idempotency_key"].as_str();
    let key = key.map(|value| ("header", Value::from("Idempotency-Key"), value));
    for (place, name, value) in query.chain(key) {
        let parameter = declared
            .iter()
            .find(|p| p["in"] == place && p["name"] == name);
        let parameter = parameter.unwrap_or_else(|| panic!("{name} is not declared: {request}"));
        let value = match parameter["schema"]["type"] == "integer" {
            true => Value::from(value.parse::<i64>().unwrap()),
            false => Value::from(value),
        };
        assert_valid(
            &api.validator(&parameter["schema"]),
            &value,
            &name.to_string(),
        );
    }
}
