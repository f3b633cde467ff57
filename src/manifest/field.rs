//! The fields of a manifest: the one list that decoding, defaults and the schema go by.

use serde_json::Value;

use super::schema;

/// A field, and what an editor is told about it.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// `defaults` in the settings may say it.
    pub(super) has_default: bool,
    /// It changes the picture, so that it counts for the hash.
    pub(super) is_picture: bool,
    pub(super) schema: fn() -> Value,
}

/// In the order in which people are told them.
pub(super) const ALL: [Field; 13] = [
    of_manifest("name", schema::name),
    of_picture("prompt", schema::prompt),
    of_picture("prompt_file", schema::prompt_file),
    of_picture("avatar_id", schema::avatar_id).with_default(),
    of_picture("voice_id", schema::voice_id).with_default(),
    of_picture("style_id", schema::style_id).with_default(),
    of_picture("brand_kit_id", schema::brand_kit_id).with_default(),
    of_picture("orientation", schema::orientation).with_default(),
    of_picture("files", schema::files).with_default(),
    of_picture("incognito_mode", schema::incognito_mode).with_default(),
    of_picture("revision", schema::revision),
    of_manifest("labels", schema::labels).with_default(),
    of_manifest("callback_url", schema::callback_url).with_default(),
];

const fn of_manifest(name: &'static str, schema: fn() -> Value) -> Field {
    Field {
        name,
        has_default: false,
        is_picture: false,
        schema,
    }
}

const fn of_picture(name: &'static str, schema: fn() -> Value) -> Field {
    Field {
        is_picture: true,
        ..of_manifest(name, schema)
    }
}

impl Field {
    const fn with_default(self) -> Self {
        Self {
            has_default: true,
            ..self
        }
    }
}

pub(super) fn names() -> Vec<&'static str> {
    ALL.iter().map(|f| f.name).collect()
}

pub(super) fn defaultable() -> impl Iterator<Item = &'static Field> {
    ALL.iter().filter(|f| f.has_default)
}
