//! The JSON Schema of a manifest, for editors: what can be said of each field without reading files.
//!
//! Null is allowed wherever it means absent. Descriptions are what an editor shows when the pointer
//! rests on a field; `errorMessage` and `patternErrorMessage` are what yaml-language-server shows in
//! place of a type or a pattern, and mean nothing to others.

use serde_json::{Map, Value, json};

use super::field::{self, Field};
use super::files::SOURCES;
use super::values::{MAX_ID, MAX_LABEL, MAX_LABELS, MAX_URL};
use crate::video::{MAX_FILES, MAX_PROMPT_CHARS, MAX_REVISION, MediaType};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of one document of a manifest file.
#[must_use]
pub fn manifest_schema() -> Value {
    let mut schema = map_of(field::ALL.iter());
    schema["$schema"] = DRAFT.into();
    schema["title"] = "a manifest of reconcile".into();
    schema["description"] = "A wish: this video should exist.".into();
    schema["oneOf"] = json!([only("prompt", "prompt_file"), only("prompt_file", "prompt"),]);
    schema
}

/// The schema of `defaults` in the settings.
#[must_use]
pub fn defaults_schema() -> Value {
    let mut schema = map_of(field::defaultable());
    schema["type"] = json!(["object", "null"]);
    schema["description"] = "What every manifest says unless it says otherwise. Lists replace, \
        labels merge, and null in a manifest leaves a field out. The hash is of the result, so a \
        change here is a new submission of every video it concerns: look at the plan first."
        .into();
    schema
}

fn map_of<'a>(fields: impl Iterator<Item = &'a Field>) -> Value {
    let properties: Map<_, _> = fields.map(|f| (f.name.to_owned(), (f.schema)())).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// One of two fields is given, the other is not.
fn only(given: &str, absent: &str) -> Value {
    json!({
        "required": [given],
        "properties": {given: {"type": "string"}, absent: {"type": "null"}},
    })
}

pub(super) fn name() -> Value {
    json!({
        "type": ["string", "null"],
        "maxLength": 200,
        "pattern": "^(?!\\.\\.?(/|$))[A-Za-z0-9._-]+(/(?!\\.\\.?(/|$))[A-Za-z0-9._-]+)*$",
        "patternErrorMessage": "a name has ASCII letters, digits, `.`, `_`, `-`, and `/` between parts",
        "description": "The name of the video, at most 200 bytes: ASCII letters, digits, `.`, `_`, \
            `-`, with `/` between parts. Default: the file's path below the manifests' folder \
            without its ending. Every document of a file with several needs one. A new name for \
            the same content costs nothing.",
    })
}

pub(super) fn prompt() -> Value {
    json!({
        "type": ["string", "null"],
        "pattern": "\\S",
        "patternErrorMessage": "the prompt holds nothing but white space",
        "description": format!(
            "What the video should show: 1 to {} characters (white space at both ends does not \
             count). Either this or `prompt_file` is required.",
            thousands(MAX_PROMPT_CHARS),
        ),
    })
}

pub(super) fn prompt_file() -> Value {
    json!({
        "type": ["string", "null"],
        "minLength": 1,
        "pattern": "^(?!/)(?!(.*/)?\\.(?!\\.?(/|$)))(?!.*\\.ya?ml$)",
        "patternErrorMessage": "a prompt file is a text file inside the project, neither hidden nor \
            ending in `.yaml` or `.yml`",
        "description": format!(
            "A text file with the prompt, in place of `prompt`: relative to this file, inside the \
             project, UTF-8, 1 to {} characters, not hidden, not ending in `.yaml` or `.yml`. Its text counts, \
             not its name: moving a prompt into a file costs nothing.",
            thousands(MAX_PROMPT_CHARS),
        ),
    })
}

pub(super) fn avatar_id() -> Value {
    id("Who speaks: the id of an avatar look. HeyGen chooses if absent.")
}

pub(super) fn voice_id() -> Value {
    id("The voice. HeyGen chooses if absent.")
}

pub(super) fn style_id() -> Value {
    id("The visual style. HeyGen chooses if absent.")
}

pub(super) fn brand_kit_id() -> Value {
    id("Colours, fonts and logos of a brand kit at HeyGen.")
}

fn id(what: &str) -> Value {
    json!({
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": MAX_ID,
        "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f]*$",
        "patternErrorMessage": "an id has no white space",
        "errorMessage": "an id is a string: quote it",
        "description": format!(
            "{what} At most {MAX_ID} characters, no white space; quote it if it consists of digits."
        ),
    })
}

pub(super) fn orientation() -> Value {
    json!({
        "enum": ["landscape", "portrait", null],
        "description": "landscape or portrait. HeyGen chooses if absent.",
    })
}

pub(super) fn incognito_mode() -> Value {
    json!({
        "type": ["boolean", "null"],
        "default": false,
        "description": "Without the memory of earlier videos; HeyGen does not list its session \
            either, so that a lost answer is decided by an event or a person. Default: false.",
    })
}

pub(super) fn revision() -> Value {
    json!({
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": MAX_REVISION,
        "default": 1,
        "description": format!(
            "Raise it to get another take of the same wish; it costs a submission. 1 to \
             {MAX_REVISION}. Default: 1."
        ),
    })
}

pub(super) fn labels() -> Value {
    json!({
        "type": ["object", "null"],
        "maxProperties": MAX_LABELS,
        "propertyNames": {"maxLength": MAX_LABEL, "not": {"const": "<<"}},
        "additionalProperties": {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": MAX_LABEL,
        },
        "description": format!(
            "For people and other tools; no part of the video or its hash. At most {MAX_LABELS}, \
             each at most {MAX_LABEL} bytes. `prune: never` keeps the video from --prune."
        ),
    })
}

pub(super) fn callback_url() -> Value {
    https_schema(
        "Gets HeyGen's webhook when the video ends, in place of `callback_url` in reconcile.yaml; \
         no part of the hash.",
    )
}

/// The schema of an https URL.
#[must_use]
pub fn https_schema(what: &str) -> Value {
    json!({
        "type": ["string", "null"],
        "maxLength": MAX_URL,
        "pattern": "^https://[^\\s\"\\\\]+$",
        "patternErrorMessage": "this must be an https URL without white space",
        "description": format!(
            "{what} An https URL of at most {} bytes, without a password.",
            thousands(MAX_URL),
        ),
    })
}

pub(super) fn files() -> Value {
    json!({
        "type": ["array", "null"],
        "maxItems": MAX_FILES,
        "items": file(),
        "description": format!(
            "Pictures, clips, sound and documents the video may use, at most {MAX_FILES}. Each is \
             given by exactly one of `url`, `asset_id`, `path` and `data`."
        ),
    })
}

/// An item of `files`: exactly one source, and a type that agrees with it.
fn file() -> Value {
    let sources = SOURCES.map(given);
    json!({
        "type": "object",
        "properties": file_properties(),
        "additionalProperties": false,
        "oneOf": sources,
        "allOf": [
            agrees("url", "url", false),
            agrees("asset_id", "asset_id", false),
            agrees("path", "file", true),
            agrees("data", "base64", true),
        ],
    })
}

fn given(source: &str) -> Value {
    json!({"required": [source], "properties": {source: {"type": "string"}}})
}

fn agrees(source: &str, kind: &str, has_media_type: bool) -> Value {
    let mut then = json!({"type": {"enum": [kind, null]}});
    if !has_media_type {
        then["media_type"] = json!({"type": "null"});
    }
    json!({"if": given(source), "then": {"properties": then}})
}

fn file_properties() -> Value {
    let mut media_types: Vec<Value> = MediaType::ALL.map(|m| m.as_str().into()).into();
    media_types.push(Value::Null);
    json!({
        "url": https_schema("A public address that HeyGen fetches."),
        "asset_id": id("An asset that was uploaded to HeyGen before."),
        "path": {
            "type": ["string", "null"],
            "minLength": 1,
            "pattern": "^[^/]",
            "patternErrorMessage": "write a relative path inside the project",
            "description": "A local file: relative to this file, inside the project, at most 5 GiB. \
                Its bytes count for the hash, not its name.",
        },
        "data": {
            "type": ["string", "null"],
            "pattern": "^[A-Za-z0-9+/=\\s]*[A-Za-z0-9+/][A-Za-z0-9+/=\\s]*$",
            "patternErrorMessage": "this is not base64",
            "description": "The bytes in base64 (RFC 4648, section 4); white space is ignored.",
        },
        "type": {
            "enum": ["url", "asset_id", "file", "base64", null],
            "description": "The API's word for the source. May be left out, and must agree.",
        },
        "media_type": {
            "enum": media_types,
            "description": "With `path` and `data`. The bytes tell it: may be left out, and must agree.",
        },
    })
}

fn thousands(n: usize) -> String {
    match n / 1_000 {
        0 => n.to_string(),
        above => format!("{above},{:03}", n % 1_000),
    }
}
