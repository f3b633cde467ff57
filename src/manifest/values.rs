//! Fields that manifests and defaults have in common, read the same way in both.

use std::collections::BTreeMap;

use super::fields::{Checker, Fields};
use super::node::{Node, Value};
use super::suggest::nearest;
use crate::video::{Orientation, Prompt, Spec};

pub(super) const MAX_ID: usize = 256;
pub(super) const MAX_LABELS: usize = 64;
pub(super) const MAX_LABEL: usize = 256;
pub(super) const MAX_URL: usize = 1_000;

/// The fields of the picture that are a value of their own.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Look {
    avatar_id: Option<String>,
    voice_id: Option<String>,
    style_id: Option<String>,
    brand_kit_id: Option<String>,
    orientation: Option<Orientation>,
    incognito_mode: Option<bool>,
}

impl Look {
    /// What `fields` says; `defaults` where it is silent, which null is not.
    pub(super) fn read(checker: &mut Checker<'_>, fields: &Fields, defaults: &Self) -> Self {
        let mut id = |name, default: &Option<String>| match fields.get(name) {
            None => default.clone(),
            Some(_) => checker.id(fields, name),
        };
        Self {
            avatar_id: id("avatar_id", &defaults.avatar_id),
            voice_id: id("voice_id", &defaults.voice_id),
            style_id: id("style_id", &defaults.style_id),
            brand_kit_id: id("brand_kit_id", &defaults.brand_kit_id),
            orientation: match fields.get("orientation") {
                None => defaults.orientation,
                Some(_) => checker.orientation(fields),
            },
            incognito_mode: match fields.get("incognito_mode") {
                None => defaults.incognito_mode,
                Some(_) => checker.boolean(fields, "incognito_mode"),
            },
        }
    }

    pub(super) fn spec(self, prompt: Prompt, revision: u32) -> Spec {
        Spec {
            avatar_id: self.avatar_id,
            voice_id: self.voice_id,
            style_id: self.style_id,
            brand_kit_id: self.brand_kit_id,
            orientation: self.orientation,
            incognito_mode: self.incognito_mode.unwrap_or(false),
            revision,
            ..Spec::new(prompt)
        }
    }
}

impl Checker<'_> {
    /// Refuses the one field that is never anybody's to say, and counts it as known.
    pub(super) fn refuse_callback_id(&mut self, node: &Node, known: &mut Vec<&'static str>) {
        let found = match &node.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| &*k.text == "callback_id"),
            _ => None,
        };
        if let Some((key, _)) = found {
            let message = "`callback_id` is always the hash of the manifest: reconcile finds its \
                           submissions again by it";
            let way_out = "remove it; use `labels` for ids of your own";
            self.problem_with("callback_id", key.span, message, way_out);
            known.push("callback_id");
        }
    }

    fn id(&mut self, fields: &Fields, name: &'static str) -> Option<String> {
        let id = self.string(fields, name)?;
        if id.chars().count() > MAX_ID || !is_id(&id) {
            let message = format!("`{name}` is an id: at most {MAX_ID} characters, no white space");
            self.problem("id", fields.span_of(name), message);
            return None;
        }
        Some(id)
    }

    fn orientation(&mut self, fields: &Fields) -> Option<Orientation> {
        let text = self.string(fields, "orientation")?;
        match text.as_str() {
            "landscape" => Some(Orientation::Landscape),
            "portrait" => Some(Orientation::Portrait),
            other => {
                let message = "`orientation` is landscape or portrait";
                let span = fields.span_of("orientation");
                match nearest(other, &["landscape", "portrait"]) {
                    Some(near) => self.problem_with(
                        "orientation",
                        span,
                        message,
                        format!("did you mean `{near}`?"),
                    ),
                    None => self.problem("orientation", span, message),
                }
                None
            }
        }
    }

    /// The labels of `fields` on top of `defaults`: its own win, and a null leaves one out.
    pub(super) fn labels(
        &mut self,
        fields: &Fields,
        defaults: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let Some(node) = fields.get("labels") else {
            return defaults.clone();
        };
        let Value::Map(entries) = &node.value else {
            if !node.is_null() {
                let message = format!("`labels` is a map of strings, this is {}", node.kind());
                let way_out = "write `labels: {team: web}`";
                self.problem_with("wrong_type", node.span, message, way_out);
            }
            return BTreeMap::new();
        };
        let known: Vec<_> = entries.iter().map(|(key, _)| &*key.text).collect();
        self.fields(node, "`labels`", &known);
        if entries.len() > MAX_LABELS {
            let message = format!("{} labels; at most {MAX_LABELS}", entries.len());
            self.problem("labels", node.span, message);
        }
        let mut labels = defaults.clone();
        for (key, value) in entries.iter() {
            labels.remove(&*key.text);
            if let Some(text) = self.string_value(&key.text, value) {
                if key.text.len() > MAX_LABEL || text.len() > MAX_LABEL {
                    let message =
                        format!("a label's name and value have at most {MAX_LABEL} bytes");
                    self.problem("labels", key.span, message);
                }
                labels.insert(key.text.to_string(), text);
            }
        }
        labels
    }

    /// Where the webhook goes; null and absent are `None`.
    pub fn callback_url(&mut self, fields: &Fields) -> Option<String> {
        let url = self.string(fields, "callback_url")?;
        match check_https(&url, "callback_url") {
            Ok(()) => Some(url),
            Err(message) => {
                self.problem("callback_url", fields.span_of("callback_url"), message);
                None
            }
        }
    }
}

/// HeyGen's ids have neither white space nor control characters.
pub(super) fn is_id(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// An https URL of bounded length, without white space or a password: whatever HeyGen calls or
/// fetches, it does from outside.
pub(super) fn check_https(url: &str, what: &str) -> Result<(), String> {
    if url.len() > MAX_URL {
        return Err(format!("`{what}` has at most {MAX_URL} bytes"));
    }
    let parsed = url::Url::parse(url).map_err(|e| format!("`{what}` is not a URL: {e}"))?;
    if !url.starts_with("https://")
        || url.contains(['"', '\\'])
        || url.contains(char::is_whitespace)
    {
        return Err(format!("`{what}` is an https URL"));
    }
    if parsed.password().is_some() {
        return Err(format!("`{what}` must not hold a password"));
    }
    Ok(())
}
