//! Direct uploads: begun at the API, PUT into a storage that behaves as S3 does, completed at the
//! API. Of the bytes only size, SHA-256 and kind are kept.

use base64::Engine;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::assets::{Asset, MAX_BYTES};
use super::check::{Checked, MEDIA_TYPES, check_json, check_key, refuse};
use super::clock::now_ms;
use super::faults::Kind;
use super::journal::Line;
use super::media::signature;
use super::received::{Received, Stored};
use super::world::{REPLAYED_MS, World};

/// What S3 takes in one PUT.
const MAX_DIRECT: u64 = 5 << 30;
const LIFETIME_S: u64 = 60 * 60;

type Outcome = Result<Answer, Box<Answer>>;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) asset_id: String,
    content_type: String,
    size_bytes: u64,
    /// Hex.
    checksum_sha256: Option<String>,
    max_bytes: u64,
    /// Unix seconds.
    expires: u64,
    made_ms: u64,
    idempotency_key: Option<String>,
    stored: Option<Stored>,
}

impl World {
    /// `POST /v3/assets/direct-uploads`.
    pub(super) fn begin_upload(&mut self, received: &Received, faults: &[Kind]) -> Outcome {
        let key = check_key(received)?;
        let request = check_json(received)?;
        let most = faults.iter().find_map(|fault| match fault {
            Kind::MaxBytes { bytes } => Some(*bytes),
            _ => None,
        });
        let max_bytes = most.unwrap_or(MAX_DIRECT);
        check_begin(&request, max_bytes)?;
        let now = now_ms();
        let same = |u: &&Upload| key.is_some() && u.idempotency_key.as_deref() == key;
        let fresh = |u: &&Upload| now.saturating_sub(u.made_ms) < REPLAYED_MS;
        if let Some(first) = self.uploads.values().filter(fresh).find(same) {
            return Ok(self.begun(first));
        }
        let lifetime = match faults.contains(&Kind::ExpiredUrl) {
            true => 0,
            false => LIFETIME_S,
        };
        let text = |name: &str| request[name].as_str().map(str::to_owned);
        let upload = Upload {
            asset_id: self.id("asset"),
            content_type: text("content_type").unwrap_or_default(),
            size_bytes: request["size_bytes"].as_u64().unwrap_or_default(),
            checksum_sha256: text("checksum_sha256"),
            max_bytes,
            expires: now / 1_000 + lifetime,
            made_ms: now,
            idempotency_key: key.map(str::to_owned),
            stored: None,
        };
        let answer = self.begun(&upload);
        self.put(Line::Upload(Box::new(upload)))?;
        Ok(answer)
    }

    fn begun(&self, upload: &Upload) -> Answer {
        let (id, expires) = (&upload.asset_id, upload.expires);
        let signature = signature(id, "upload", expires);
        let url = &self.url;
        Answer::data(json!({
            "asset_id": id,
            "upload_url": format!("{url}/uploads/{id}?expires={expires}&signature={signature}"),
            "upload_headers": upload.headers(),
            "expires_in_seconds": LIFETIME_S,
            "max_bytes": upload.max_bytes,
            "status": "pending_upload",
        }))
    }

    /// The PUT of the bytes. Not HeyGen's API, so its key has no business here.
    pub(super) fn store(&mut self, asset_id: &str, received: &Received) -> Answer {
        let Some(upload) = self.uploads.get(asset_id) else {
            return storage_error(404, "NoSuchKey", "there is no such upload");
        };
        if let Err((status, code, message)) = upload.check_put(received) {
            return storage_error(status, code, message);
        }
        let stored = Upload {
            stored: received.stored.clone(),
            ..upload.clone()
        };
        match self.put(Line::Upload(Box::new(stored))) {
            Ok(()) => Answer::bytes("application/xml", ""),
            Err(_) => storage_error(500, "InternalError", "it could not be kept"),
        }
    }

    /// `POST /v3/assets/{asset_id}/complete`.
    pub(super) fn complete_upload(&mut self, received: &Received, asset_id: &str) -> Outcome {
        let request = match received.body.is_empty() {
            true => json!({}),
            false => check_json(received)?,
        };
        let Some(upload) = self.uploads.get(asset_id) else {
            return Ok(Answer::not_found("asset"));
        };
        let Some(stored) = &upload.stored else {
            return Ok(Answer::invalid("asset_id", "its bytes were not uploaded"));
        };
        check_checksum(&request)?;
        let claimed = request["checksum_sha256"].as_str();
        if claimed.is_some_and(|sha256| sha256 != stored.sha256) {
            return Ok(Answer::invalid("checksum_sha256", "the bytes have another"));
        }
        if stored.mime_type.as_ref() != Some(&upload.content_type) {
            return Ok(Answer::invalid("content_type", "the bytes are of another"));
        }
        let asset = Asset {
            asset_id: asset_id.to_owned(),
            sha256: stored.sha256.clone(),
            mime_type: upload.content_type.clone(),
            size_bytes: usize::try_from(stored.bytes).unwrap_or(usize::MAX),
            idempotency_key: None,
            made_ms: upload.made_ms,
        };
        let answer = Answer::data(json!({
            "asset_id": asset_id,
            "url": format!("{}/assets/{asset_id}", self.url),
            "mime_type": asset.mime_type,
            "size_bytes": asset.size_bytes,
            "status": "completed",
        }));
        if !self.assets.contains_key(asset_id) {
            self.put(Line::Asset(asset))?;
        }
        Ok(answer)
    }
}

impl Upload {
    /// What has to come along verbatim.
    fn headers(&self) -> Value {
        let mut headers = Map::new();
        headers.insert("Content-Type".to_owned(), json!(self.content_type));
        let sum = self.checksum_sha256.as_deref();
        if let Some(sum) = sum.and_then(|sum| hex::decode(sum).ok()) {
            let sum = base64::engine::general_purpose::STANDARD.encode(sum);
            headers.insert("x-amz-checksum-sha256".to_owned(), json!(sum));
        }
        Value::Object(headers)
    }

    fn check_put(&self, received: &Received) -> Result<(), (u16, &'static str, &'static str)> {
        let value = |name| received.parameter(name).unwrap_or_default();
        let signed = signature(&self.asset_id, "upload", self.expires);
        if value("signature") != signed || value("expires") != self.expires.to_string() {
            return Err((403, "SignatureDoesNotMatch", "this URL is not ours"));
        }
        if self.expires <= now_ms() / 1_000 {
            return Err((403, "AccessDenied", "Request has expired"));
        }
        if received.headers.contains_key("x-api-key") {
            return Err((
                400,
                "InvalidArgument",
                "the key of the API does not belong here",
            ));
        }
        let headers = self.headers();
        let mut wanted = headers.as_object().into_iter().flatten();
        if !wanted.all(|(name, value)| received.header(name) == value.as_str()) {
            return Err((403, "SignatureDoesNotMatch", "an upload header is missing"));
        }
        let Some(length) = received.header("content-length") else {
            return Err((411, "MissingContentLength", "a Content-Length is needed"));
        };
        if length != self.size_bytes.to_string() {
            return Err((403, "SignatureDoesNotMatch", "another size was signed"));
        }
        let sum = received.stored.as_ref().map(|s| &s.sha256);
        match self.checksum_sha256.as_ref().is_none_or(|s| Some(s) == sum) {
            true => Ok(()),
            false => Err((400, "BadDigest", "the bytes have another checksum")),
        }
    }
}

fn check_begin(request: &Value, max_bytes: u64) -> Checked {
    if !request.is_object() {
        return refuse("body", "the body must be a JSON object");
    }
    if request["filename"].as_str().is_none_or(str::is_empty) {
        return refuse("filename", "required, a string");
    }
    let kind = request["content_type"].as_str().unwrap_or_default();
    if !MEDIA_TYPES.contains(&kind) {
        return refuse("content_type", "required, a type that is accepted");
    }
    match request["size_bytes"].as_u64() {
        None => return refuse("size_bytes", "required, an integer"),
        Some(bytes) if bytes <= MAX_BYTES as u64 => {
            return refuse("size_bytes", "up to 32 MB are for POST /v3/assets");
        }
        Some(bytes) if bytes > max_bytes => {
            return refuse("size_bytes", &format!("at most {max_bytes} bytes"));
        }
        Some(_) => {}
    }
    check_checksum(request)
}

fn check_checksum(request: &Value) -> Checked {
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    match &request["checksum_sha256"] {
        Value::Null => Ok(()),
        Value::String(sum) if sum.len() == 64 && sum.bytes().all(hex) => Ok(()),
        _ => refuse("checksum_sha256", "64 hexadecimal digits"),
    }
}

/// An error as S3 writes it.
fn storage_error(status: u16, code: &str, message: &str) -> Answer {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Answer {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        ..Answer::bytes("application/xml", xml)
    }
}
