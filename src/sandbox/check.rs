//! Is this a request HeyGen would take? Written from the reference, not from the client.

use std::collections::HashMap;

use base64::Engine;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::assets::{Asset, MAX_BYTES, mime_type};
use super::received::Received;

const FIELDS: [&str; 11] = [
    "prompt",
    "mode",
    "avatar_id",
    "voice_id",
    "style_id",
    "brand_kit_id",
    "orientation",
    "files",
    "callback_url",
    "callback_id",
    "incognito_mode",
];
pub(super) const MEDIA_TYPES: [&str; 7] = [
    "image/png",
    "image/jpeg",
    "video/mp4",
    "video/webm",
    "audio/mpeg",
    "audio/wav",
    "application/pdf",
];

/// Checks the body of `POST /v3/video-agents`; `assets` are those that were uploaded.
pub(super) fn check_create(body: &Value, assets: &HashMap<String, Asset>) -> Checked {
    let Value::Object(fields) = body else {
        return refuse("body", "the body must be a JSON object");
    };
    if let Some(unknown) = fields.keys().find(|k| !FIELDS.contains(&k.as_str())) {
        return refuse(unknown, "unknown field");
    }
    check_prompt(fields)?;
    for name in [
        "avatar_id",
        "voice_id",
        "style_id",
        "brand_kit_id",
        "callback_url",
        "callback_id",
    ] {
        if !matches!(
            fields.get(name),
            None | Some(Value::Null | Value::String(_))
        ) {
            return refuse(name, "must be a string");
        }
    }
    check_choice(fields, "mode", &["generate", "chat"], false)?;
    check_choice(fields, "orientation", &["landscape", "portrait"], true)?;
    if !matches!(fields.get("incognito_mode"), None | Some(Value::Bool(_))) {
        return refuse("incognito_mode", "must be a boolean");
    }
    check_files(fields, assets)
}

pub(super) type Checked = Result<(), Box<Answer>>;

pub(super) fn refuse(param: &str, message: &str) -> Checked {
    Err(Box::new(Answer::invalid(param, message)))
}

fn check_prompt(fields: &Map<String, Value>) -> Checked {
    let Some(prompt) = fields.get("prompt").and_then(Value::as_str) else {
        return refuse("prompt", "required, a string");
    };
    match prompt.chars().count() {
        1..=10_000 => Ok(()),
        _ => refuse("prompt", "must have 1 to 10000 characters"),
    }
}

fn check_choice(
    fields: &Map<String, Value>,
    name: &str,
    choices: &[&str],
    nullable: bool,
) -> Checked {
    match fields.get(name) {
        None => Ok(()),
        Some(Value::Null) if nullable => Ok(()),
        Some(Value::String(s)) if choices.contains(&s.as_str()) => Ok(()),
        Some(_) => refuse(name, &format!("must be one of {}", choices.join(", "))),
    }
}

fn check_files(fields: &Map<String, Value>, assets: &HashMap<String, Asset>) -> Checked {
    let files = match fields.get("files") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(files)) => files,
        Some(_) => return refuse("files", "must be a list"),
    };
    if files.len() > 20 {
        return refuse("files", "at most 20 files");
    }
    for (at, file) in files.iter().enumerate() {
        if let Err(message) = check_file(file, assets) {
            return refuse(&format!("files.{at}"), &message);
        }
    }
    Ok(())
}

fn check_file(file: &Value, assets: &HashMap<String, Asset>) -> Result<(), String> {
    let text = |name: &str| {
        let value = file[name].as_str();
        value.ok_or_else(|| format!("{name} is required, a string"))
    };
    match text("type")? {
        "url" => {
            exactly(file, &["type", "url"])?;
            match text("url")?.starts_with("https://") {
                true => Ok(()),
                false => Err("url must be public HTTPS".to_owned()),
            }
        }
        "asset_id" => {
            exactly(file, &["type", "asset_id"])?;
            match assets.contains_key(text("asset_id")?) {
                true => Ok(()),
                false => Err("no such asset".to_owned()),
            }
        }
        "base64" => {
            exactly(file, &["type", "media_type", "data"])?;
            check_base64(text("media_type")?, text("data")?)
        }
        other => Err(format!("unknown type {other}")),
    }
}

fn exactly(file: &Value, names: &[&str]) -> Result<(), String> {
    let fields = file.as_object().ok_or("must be an object")?;
    match fields.keys().find(|k| !names.contains(&k.as_str())) {
        Some(unknown) => Err(format!("unknown field {unknown}")),
        None => Ok(()),
    }
}

/// The type is told by the bytes; what `media_type` says must be it.
fn check_base64(media_type: &str, data: &str) -> Result<(), String> {
    if !MEDIA_TYPES.contains(&media_type) {
        return Err("media_type is not accepted".to_owned());
    }
    let standard = base64::engine::general_purpose::STANDARD;
    let bytes = standard.decode(data).map_err(|_| "data is not base64")?;
    if bytes.len() > MAX_BYTES {
        return Err("data has more than 32 MB".to_owned());
    }
    match mime_type(&bytes) {
        Some(told) if told == media_type => Ok(()),
        _ => Err("data is not of its media_type".to_owned()),
    }
}

/// The body, if it says to be JSON and is.
pub(super) fn check_json(received: &Received) -> Result<Value, Box<Answer>> {
    let kind = received.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let message = "the content type must be application/json";
        return Err(Box::new(Answer::invalid("Content-Type", message)));
    }
    serde_json::from_slice(&received.body)
        .map_err(|_| Box::new(Answer::invalid("body", "the body is not JSON")))
}

/// The `Idempotency-Key`; where one is given it must look like one.
pub(super) fn check_key(received: &Received) -> Result<Option<&str>, Box<Answer>> {
    let refused = || Answer::invalid("Idempotency-Key", "1 to 255 of [A-Za-z0-9_:.-]");
    let Some(value) = received.headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().map_err(|_| Box::new(refused()))?;
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-:.".contains(&b);
    match (1..=255).contains(&key.len()) && key.bytes().all(is_allowed) {
        true => Ok(Some(key)),
        false => Err(Box::new(refused())),
    }
}
