//! Direct uploads, as strict as the document and as S3.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{AGENTS, Got, Sand, send, slow, text};

pub const BEGIN: &str = "/v3/assets/direct-uploads";
const SIZE: usize = 32_000_001;

/// A film of just over 32 MB, to its signature.
pub fn film() -> Vec<u8> {
    let mut film = b"\0\0\0\x20ftypisom".to_vec();
    film.resize(SIZE, 0);
    film
}

pub fn described(film: &[u8]) -> Value {
    json!({
        "filename": "film.mp4", "content_type": "video/mp4", "size_bytes": film.len(),
        "checksum_sha256": hex::encode(Sha256::digest(film)),
    })
}

/// The PUT that the answer to a begin asks for.
pub fn put(sand: &Sand, begun: &Value, film: &[u8]) -> RequestBuilder {
    let put = sand.bare("PUT", &text(&begun["upload_url"]));
    let headers = begun["upload_headers"].as_object().unwrap().iter();
    headers
        .fold(put, |put, (name, value)| put.header(name, text(value)))
        .body(film.to_vec())
}

fn complete(begun: &Value) -> String {
    format!("/v3/assets/{}/complete", text(&begun["asset_id"]))
}

async fn begin(sand: &Sand, film: &[u8]) -> Value {
    sand.post(BEGIN, &described(film)).await.data()
}

fn code(got: &Got) -> (u16, String) {
    let text = String::from_utf8_lossy(&got.body).into_owned();
    let (_, rest) = text.split_once("<Code>").unwrap_or_default();
    let code = rest.split('<').next().unwrap_or_default();
    (got.status, code.to_owned())
}

#[tokio::test]
async fn an_asset_is_there_once_its_bytes_are_and_it_was_completed() {
    let sand = Sand::start(slow()).await;
    let film = film();
    let begun = begin(&sand, &film).await;
    let used =
        json!({"prompt": "x", "files": [{"type": "asset_id", "asset_id": begun["asset_id"]}]});
    assert_eq!(sand.post(AGENTS, &used).await.param(), "files.0");
    let early = sand.post(&complete(&begun), &json!({})).await;
    assert_eq!((early.status, early.param()), (400, json!("asset_id")));
    assert_eq!(send(put(&sand, &begun, &film)).await.status, 200);
    assert_eq!(sand.post(AGENTS, &used).await.param(), "files.0");
    let wrong = json!({"checksum_sha256": "0".repeat(64)});
    let wrong = sand.post(&complete(&begun), &wrong).await;
    assert_eq!(wrong.param(), "checksum_sha256");
    let done = sand.post(&complete(&begun), &json!({})).await.json();
    assert_eq!(done["data"]["size_bytes"], SIZE);
    assert_eq!(sand.post(&complete(&begun), &json!({})).await.json(), done);
    assert_eq!(sand.post(AGENTS, &used).await.status, 200);
    assert_eq!(
        sand.post("/v3/assets/nobody/complete", &json!({}))
            .await
            .status,
        404
    );
    assert_eq!(sand.told("requests").await[3]["bytes"], SIZE);
}

#[tokio::test]
async fn the_storage_takes_only_what_was_signed() {
    let sand = Sand::start(slow()).await;
    let film = film();
    let begun = begin(&sand, &film).await;
    let url = text(&begun["upload_url"]);
    let refused = |status: u16, code: &str| (status, code.to_owned());
    let mismatch = refused(403, "SignatureDoesNotMatch");
    let bare = sand.bare("PUT", &url).body(film.clone());
    assert_eq!(code(&send(bare).await), mismatch);
    assert_eq!(code(&send(put(&sand, &begun, b"short")).await), mismatch);
    let forged = json!({"upload_url": url.replace("expires=", "expires=9"), "upload_headers": begun["upload_headers"]});
    assert_eq!(code(&send(put(&sand, &forged, &film)).await), mismatch);
    let key = put(&sand, &begun, &film).header("x-api-key", "key");
    assert_eq!(code(&send(key).await), refused(400, "InvalidArgument"));
    let mut other = film.clone();
    other[100] = 1;
    let got = send(put(&sand, &begun, &other)).await;
    assert_eq!(code(&got), refused(400, "BadDigest"));
    sand.faults(json!([{"kind": "expired_url"}])).await;
    let expired = begin(&sand, &film).await;
    let got = send(put(&sand, &expired, &film)).await;
    assert_eq!(code(&got), refused(403, "AccessDenied"));
    sand.faults(json!([{"kind": "cut_body", "bytes": 1_000_000}]))
        .await;
    assert!(put(&sand, &begun, &film).send().await.is_err());
    assert_eq!(sand.post(&complete(&begun), &json!({})).await.status, 400);
}

#[tokio::test]
async fn a_begin_says_what_comes_and_a_repeat_gets_the_same_answer() {
    let sand = Sand::start(slow()).await;
    let right = described(&film());
    for (field, value) in [
        ("filename", Value::Null),
        ("content_type", json!("text/plain")),
        ("size_bytes", json!("many")),
        ("size_bytes", json!(32_000_000)),
        ("size_bytes", json!(6_000_000_000_u64)),
        ("checksum_sha256", json!("abc")),
    ] {
        let mut wrong = right.clone();
        wrong[field] = value;
        let got = sand.post(BEGIN, &wrong).await;
        assert_eq!((got.status, got.param()), (400, json!(field)), "{wrong}");
    }
    sand.faults(json!([{"kind": "max_bytes", "bytes": 32_000_000}]))
        .await;
    assert_eq!(sand.post(BEGIN, &right).await.param(), "size_bytes");
    let with_key = || {
        sand.request("POST", BEGIN)
            .header("idempotency-key", "k")
            .json(&right)
    };
    let first = send(with_key()).await.json();
    assert_eq!(send(with_key()).await.json(), first);
    assert_ne!(sand.post(BEGIN, &right).await.json(), first);
}
