//! HeyGen's API description judges the sandbox: every answer of every operation, and which
//! requests it takes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use reconcile::sandbox::Config;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::client::{AGENTS, Got, PNG, Sand, quick, send, slow, text};
use crate::direct::{BEGIN, described, film, put};
use crate::openapi::Api;

/// Bytes of a PNG, to its signature.
const PNG_BASE64: &str = "iVBORw0KGgo=";

/// Checks answers and remembers which operations gave which.
struct Judge {
    api: Api,
    seen: BTreeSet<(String, u16)>,
}

impl Judge {
    fn check(&mut self, method: &str, path: &str, got: &Got) {
        let bare = path.split('?').next().unwrap();
        let body = got.json();
        let wrong = self.api.validate_response(method, bare, got.status, &body);
        assert!(wrong.is_empty(), "{method} {path}: {wrong:?}\n{body:#}");
        let (_, operation) = self.api.operation(method, bare).unwrap();
        self.seen
            .insert((text(&operation["operationId"]), got.status));
    }

    /// Asks and checks; also without a key, and under each error.
    async fn ask(&mut self, sand: &Sand, method: &str, path: &str, body: Option<&Value>) -> Got {
        let with = |request: reqwest::RequestBuilder| match body {
            Some(body) => request.json(body),
            None => request,
        };
        let got = send(with(sand.bare(method, path))).await;
        assert_eq!(got.status, 401);
        self.check(method, path, &got);
        for fault in ["rate_limit", "forbidden", "payment_required"] {
            sand.faults(json!([{"kind": fault, "method": method}]))
                .await;
            let got = send(with(sand.request(method, path))).await;
            assert!(got.status >= 402, "{got:?}");
            self.check(method, path, &got);
        }
        let got = send(with(sand.request(method, path))).await;
        self.check(method, path, &got);
        got
    }
}

#[tokio::test]
async fn every_answer_is_one_the_document_describes() {
    let mut judge = Judge {
        api: Api::load(),
        seen: BTreeSet::new(),
    };
    let sand = Sand::start(quick()).await;
    sand.faults(json!([{"kind": "fail_render"}])).await;
    let failed = sand.session("Fails").await;
    let session = sand.session("One").await;
    let slow = Sand::start(slow()).await;
    let thinking = slow.session("Thinks").await;
    let video = text(&sand.told("sessions").await[1]["video_id"]);
    let hook = json!({"url": "https://example.com/hook", "events": null});
    for (method, path, body) in [
        (
            "POST",
            AGENTS.to_owned(),
            Some(json!({"prompt": "Two", "files": null})),
        ),
        ("POST", AGENTS.to_owned(), Some(json!({"prompt": ""}))),
        ("GET", format!("{AGENTS}?limit=1"), None),
        ("GET", format!("{AGENTS}/{session}"), None),
        ("GET", format!("{AGENTS}/{failed}"), None),
        ("GET", format!("{AGENTS}/nobody"), None),
        ("POST", format!("{AGENTS}/{session}/stop"), None),
        ("POST", format!("{AGENTS}/nobody/stop"), None),
        ("GET", format!("{AGENTS}/{session}/videos"), None),
        ("GET", format!("{AGENTS}/nobody/videos"), None),
        (
            "GET",
            format!("/v3/videos/statuses?video_ids={video},nobody"),
            None,
        ),
        ("GET", format!("/v3/videos/{video}"), None),
        ("GET", "/v3/users/me".to_owned(), None),
        ("GET", "/v3/avatars/looks".to_owned(), None),
        ("GET", "/v3/voices?limit=1".to_owned(), None),
        ("GET", "/v3/video-agents/styles".to_owned(), None),
        ("GET", "/v3/brand-kits".to_owned(), None),
        ("POST", "/v3/webhooks/endpoints".to_owned(), Some(hook)),
        (
            "POST",
            "/v3/webhooks/endpoints".to_owned(),
            Some(json!({"url": 7})),
        ),
        ("GET", "/v3/webhooks/endpoints".to_owned(), None),
        ("GET", "/v3/webhooks/events".to_owned(), None),
        ("DELETE", format!("/v3/videos/{video}"), None),
        ("DELETE", format!("/v3/videos/{video}"), None),
        ("GET", format!("/v3/videos/{video}"), None),
    ] {
        judge.ask(&sand, method, &path, body.as_ref()).await;
    }
    judge
        .ask(&slow, "GET", &format!("{AGENTS}/{thinking}"), None)
        .await;
    let strict = Sand::start(Config {
        check_ids: true,
        ..quick()
    })
    .await;
    let body = json!({"prompt": "A", "style_id": "nothing"});
    let refused = judge.ask(&strict, "POST", AGENTS, Some(&body)).await;
    assert_eq!(refused.status, 400);
    judge.check("POST", "/v3/assets", &sand.upload(PNG, None).await);
    judge.check("POST", "/v3/assets", &sand.upload(b"text", None).await);
    judge_direct_upload(&mut judge, &sand).await;
    let answered: BTreeSet<_> = judge.seen.iter().filter(|(_, s)| *s == 200).collect();
    let missing = |id: &String| !answered.contains(&(id.clone(), 200));
    let missing: Vec<_> = judge
        .api
        .operation_ids()
        .into_iter()
        .filter(missing)
        .collect();
    assert_eq!(missing, [""; 0]);
}

async fn judge_direct_upload(judge: &mut Judge, sand: &Sand) {
    let film = film();
    judge.ask(sand, "POST", BEGIN, Some(&json!({}))).await;
    let right = described(&film);
    assert_eq!(judge.api.validate_request("POST", BEGIN, &right), [""; 0]);
    let begun = judge.ask(sand, "POST", BEGIN, Some(&right)).await.data();
    let complete = format!("/v3/assets/{}/complete", text(&begun["asset_id"]));
    assert_eq!(send(put(sand, &begun, &film)).await.status, 200);
    let done = json!({"checksum_sha256": right["checksum_sha256"]});
    judge.ask(sand, "POST", &complete, Some(&done)).await;
    let nobody = "/v3/assets/nobody/complete";
    judge.ask(sand, "POST", nobody, Some(&done)).await;
}

struct Accepting {
    runtime: Runtime,
    sand: Sand,
    asset: String,
    validator: jsonschema::Validator,
}

/// One sandbox for all cases, with an asset that exists.
static ACCEPTING: LazyLock<Accepting> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let config = Config {
        balance_usd: 1e9,
        ..quick()
    };
    let sand = runtime.block_on(Sand::start(config));
    let asset = runtime.block_on(sand.upload(PNG, None)).data();
    let api = Api::load();
    Accepting {
        validator: api.validator(&api.request_schema()),
        asset: text(&asset["asset_id"]),
        runtime,
        sand,
    }
});

impl Accepting {
    fn agrees(&self, body: &Value) -> Result<(), TestCaseError> {
        let got = self.runtime.block_on(self.sand.post(AGENTS, body));
        let is_valid = self.validator.is_valid(body) && self.files_exist(body);
        let expected = if is_valid { 200 } else { 400 };
        prop_assert_eq!(got.status, expected, "{} {:?}", body, got);
        Ok(())
    }

    /// What no schema can say of a file: that the asset is there, that the bytes are what they say.
    fn files_exist(&self, body: &Value) -> bool {
        let files = body["files"].as_array().into_iter().flatten();
        files.into_iter().all(|file| match file["type"].as_str() {
            Some("asset_id") => file["asset_id"] == self.asset.as_str(),
            Some("base64") => file["media_type"] == "image/png" && file["data"] == PNG_BASE64,
            _ => true,
        })
    }
}

#[test]
fn the_fields_of_a_request_are_taken_as_the_document_has_them() {
    let url = json!({"type": "url", "url": "https://example.com/a.png"});
    let asset = json!({"type": "asset_id", "asset_id": ACCEPTING.asset});
    let base64 = json!({"type": "base64", "media_type": "image/png", "data": PNG_BASE64});
    let whole = json!({
        "prompt": "x", "mode": "chat", "avatar_id": "a", "voice_id": "v", "style_id": "s",
        "brand_kit_id": "b", "orientation": "portrait", "files": [url, asset, base64],
        "callback_url": "https://example.com/hook", "callback_id": "c", "incognito_mode": true,
    });
    let nothing = json!({
        "prompt": "x", "avatar_id": null, "voice_id": null, "style_id": null, "brand_kit_id": null,
        "orientation": null, "files": null, "callback_url": null, "callback_id": null,
    });
    let files = |count| json!({"prompt": "x", "files": vec![&url; count]});
    let prompt = |count| json!({"prompt": "\u{1f3ac}".repeat(count)});
    for body in [whole, nothing, files(20), prompt(1), prompt(10_000)] {
        assert!(ACCEPTING.validator.is_valid(&body), "{body}");
        ACCEPTING.agrees(&body).unwrap();
    }
    for body in [files(21), prompt(0), prompt(10_001), json!({}), json!([])] {
        assert!(!ACCEPTING.validator.is_valid(&body), "{body}");
        ACCEPTING.agrees(&body).unwrap();
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "url",
        "asset_id",
        "base64",
        "https://a.b/c",
        "http://a.b",
        "image/png",
        PNG_BASE64,
        "generate",
        "chat",
        "portrait",
        "square",
    ]);
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
        1 => "[a-z]{0,8}".prop_map(Value::from),
        6 => words.prop_map(Value::from),
        1 => Just(Value::from(ACCEPTING.asset.as_str())),
    ]
}

/// An item of `files` that is right, or has one field changed, taken away or added.
fn file() -> impl Strategy<Value = Value> {
    let right = prop::sample::select(vec![
        json!({"type": "url", "url": "https://a.b/c"}),
        json!({"type": "asset_id", "asset_id": ACCEPTING.asset}),
        json!({"type": "base64", "media_type": "image/png", "data": PNG_BASE64}),
    ]);
    let change = (
        any::<prop::sample::Index>(),
        prop::option::weighted(0.8, scalar()),
    );
    let changed = (right, prop::option::weighted(0.7, change)).prop_map(|(mut file, change)| {
        let mut names: Vec<_> = file.as_object().unwrap().keys().cloned().collect();
        names.push("name".to_owned());
        match change {
            Some((at, Some(value))) => file[at.get(&names).as_str()] = value,
            Some((at, None)) => drop(file.as_object_mut().unwrap().remove(at.get(&names))),
            None => {}
        }
        file
    });
    prop_oneof![12 => changed, 1 => scalar()]
}

fn files() -> impl Strategy<Value = Value> {
    prop_oneof![
        12 => prop::collection::vec(file(), 1..3).prop_map(Value::from),
        1 => scalar(),
        1 => Just(json!({})),
    ]
}

/// A request that is right but for a field or two.
fn request() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "prompt",
        "mode",
        "avatar_id",
        "voice_id",
        "style_id",
        "brand_kit_id",
        "orientation",
        "callback_url",
        "callback_id",
        "incognito_mode",
        "title",
    ]);
    let other = (names, scalar());
    let files = files().prop_map(|files| ("files", files));
    let fields = prop::collection::vec(prop_oneof![other, files], 1..3);
    fields.prop_map(|fields| {
        let mut body = json!({"prompt": "x"});
        for (name, value) in fields {
            body[name] = value;
        }
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_the_document_refuses_is_refused_and_nothing_else(body in request()) {
        ACCEPTING.agrees(&body)?;
    }
}
