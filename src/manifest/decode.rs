//! Documents of a manifest file → wishes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fields::{Checker, Fields};
use super::files::{LocalFiles, files};
use super::node::{Node, Span, Value};
use super::problem::Problem;
use super::source::Source;
use super::wish::{Content, Manifest};
use super::yaml;
use crate::video::{MAX_REVISION, Name, Orientation, Prompt, Spec};

const FIELDS: [&str; 12] = [
    "name",
    "prompt",
    "avatar_id",
    "voice_id",
    "style_id",
    "brand_kit_id",
    "orientation",
    "files",
    "incognito_mode",
    "revision",
    "labels",
    "callback_url",
];

const MAX_ID: usize = 256;
const MAX_LABELS: usize = 64;
const MAX_LABEL: usize = 256;
const MAX_URL: usize = 1_000;

/// The name a file gives its only document: from its path, or why that is no name.
pub type NameFromPath = Result<Name, String>;

/// Everything a manifest file wishes, and everything wrong with it.
pub fn decode(
    path: &Arc<str>,
    bytes: &[u8],
    name_from_path: &NameFromPath,
    local: &dyn LocalFiles,
) -> (Vec<Manifest>, Vec<Problem>) {
    let source = match Source::new(path.clone(), bytes) {
        Ok(source) => source,
        Err(problem) => return (Vec::new(), vec![*problem]),
    };
    let documents = match yaml::documents(&source) {
        Ok(documents) => documents,
        Err(problem) => return (Vec::new(), vec![*problem]),
    };
    let mut decoder = Decoder {
        checker: Checker::new(&source),
        name_from_path,
        local,
        single: documents.len() == 1,
    };
    if documents.iter().all(Node::is_null) {
        decoder.empty();
        return (Vec::new(), decoder.checker.problems);
    }
    let manifests = documents
        .iter()
        .filter_map(|d| decoder.document(d))
        .collect();
    (manifests, decoder.checker.problems)
}

struct Decoder<'a> {
    checker: Checker<'a>,
    name_from_path: &'a NameFromPath,
    local: &'a dyn LocalFiles,
    /// The file holds one document, so that its path can name it.
    single: bool,
}

impl Decoder<'_> {
    fn empty(&mut self) {
        let top = Span {
            line: 1,
            column: 1,
            width: 1,
        };
        let way_out =
            "a manifest needs at least `prompt: …`; a name that begins with `_` is not a manifest";
        self.checker
            .problem_with("empty_file", top, "this file wishes nothing", way_out);
    }

    /// One wish, unless anything in it is wrong.
    fn document(&mut self, node: &Node) -> Option<Manifest> {
        let before = self.checker.problems.len();
        if node.is_null() {
            let way_out = "remove the `---` before it, or write a manifest";
            self.checker.problem_with(
                "empty_document",
                node.span,
                "this document is empty",
                way_out,
            );
            return None;
        }
        let fields = self.map(node)?;
        let name = self.name(&fields);
        let prompt = self.prompt(&fields);
        let (files, contents) = files(&mut self.checker, &fields, self.local);
        let labels = self.labels(&fields);
        let callback_url = self.callback_url(&fields);
        let look = self.look(&fields);
        if self.checker.problems.len() > before {
            return None;
        }
        let spec = Spec {
            files,
            ..look(prompt?)
        };
        self.manifest(node, name?, spec, labels, callback_url, contents)
    }

    fn manifest(
        &self,
        node: &Node,
        name: Name,
        spec: Spec,
        labels: BTreeMap<String, String>,
        callback_url: Option<String>,
        contents: Vec<Content>,
    ) -> Option<Manifest> {
        Some(Manifest {
            name,
            path: self.checker.source.path.clone(),
            line: node.span.line,
            hash: spec.hash(),
            spec,
            labels,
            callback_url,
            contents,
        })
    }

    fn map(&mut self, node: &Node) -> Option<Fields> {
        let callback_id = match &node.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| &*k.text == "callback_id"),
            _ => None,
        };
        let mut known = FIELDS.to_vec();
        if let Some((key, _)) = callback_id {
            let message = "`callback_id` is always the hash of the manifest: reconcile finds its \
                           submissions again by it";
            let way_out = "remove it; use `labels` for ids of your own";
            self.checker
                .problem_with("callback_id", key.span, message, way_out);
            known.push("callback_id");
        }
        self.checker.fields(node, "a manifest", &known)
    }

    fn name(&mut self, fields: &Fields) -> Option<Name> {
        if fields.given("name").is_some() {
            let text = self.checker.string(fields, "name")?;
            return match Name::parse(&text) {
                Ok(name) => Some(name),
                Err(error) => {
                    self.checker
                        .problem("name", fields.span_of("name"), error.to_string());
                    None
                }
            };
        }
        if !self.single {
            let message = "every document of a file with several needs a name";
            let way_out = "add `name: …`";
            self.checker
                .problem_with("name_missing", fields.span, message, way_out);
            return None;
        }
        match self.name_from_path {
            Ok(name) => Some(name.clone()),
            Err(why) => {
                let message = format!("the file's path makes no name: {why}");
                let way_out = "rename the file, or add `name: …`";
                self.checker
                    .problem_with("name", fields.span, message, way_out);
                None
            }
        }
    }

    fn prompt(&mut self, fields: &Fields) -> Option<Prompt> {
        if fields.given("prompt").is_none() {
            let way_out = "say what the video should show: `prompt: …`";
            let span = fields
                .get("prompt")
                .map_or(fields.span, |_| fields.key_span("prompt"));
            self.checker
                .problem_with("prompt_missing", span, "a manifest needs a prompt", way_out);
            return None;
        }
        let text = self.checker.string(fields, "prompt")?;
        match Prompt::parse(&text) {
            Ok(prompt) => Some(prompt),
            Err(error) => {
                let span = fields.key_span("prompt");
                self.checker
                    .problem("prompt_length", span, error.to_string());
                None
            }
        }
    }

    /// The fields that need nothing but themselves, checked even where the prompt is wrong.
    fn look(&mut self, fields: &Fields) -> impl FnOnce(Prompt) -> Spec + use<> {
        let revision = self
            .checker
            .integer(fields, "revision", 1, MAX_REVISION.into());
        let revision = revision.and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
        let avatar_id = self.id(fields, "avatar_id");
        let voice_id = self.id(fields, "voice_id");
        let style_id = self.id(fields, "style_id");
        let brand_kit_id = self.id(fields, "brand_kit_id");
        let orientation = self.orientation(fields);
        let incognito_mode = self
            .checker
            .boolean(fields, "incognito_mode")
            .unwrap_or(false);
        move |prompt| Spec {
            avatar_id,
            voice_id,
            style_id,
            brand_kit_id,
            orientation,
            incognito_mode,
            revision,
            ..Spec::new(prompt)
        }
    }

    fn id(&mut self, fields: &Fields, name: &'static str) -> Option<String> {
        let id = self.checker.string(fields, name)?;
        if id.chars().count() > MAX_ID || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
            let message = format!("`{name}` is an id: at most {MAX_ID} characters, no white space");
            self.checker.problem("id", fields.span_of(name), message);
            return None;
        }
        Some(id)
    }

    fn orientation(&mut self, fields: &Fields) -> Option<Orientation> {
        let text = self.checker.string(fields, "orientation")?;
        match text.as_str() {
            "landscape" => Some(Orientation::Landscape),
            "portrait" => Some(Orientation::Portrait),
            other => {
                let message = "`orientation` is landscape or portrait";
                let span = fields.span_of("orientation");
                match super::suggest::nearest(other, &["landscape", "portrait"]) {
                    Some(near) => self.checker.problem_with(
                        "orientation",
                        span,
                        message,
                        format!("did you mean `{near}`?"),
                    ),
                    None => self.checker.problem("orientation", span, message),
                }
                None
            }
        }
    }

    fn labels(&mut self, fields: &Fields) -> BTreeMap<String, String> {
        let Some(node) = fields.given("labels") else {
            return BTreeMap::new();
        };
        let Value::Map(entries) = &node.value else {
            let message = format!("`labels` is a map of strings, this is {}", node.kind());
            self.checker.problem_with(
                "wrong_type",
                node.span,
                message,
                "write `labels: {team: web}`",
            );
            return BTreeMap::new();
        };
        let known: Vec<_> = entries.iter().map(|(key, _)| &*key.text).collect();
        self.checker.fields(node, "`labels`", &known);
        if entries.len() > MAX_LABELS {
            let message = format!("{} labels; at most {MAX_LABELS}", entries.len());
            self.checker.problem("labels", node.span, message);
        }
        let mut labels = BTreeMap::new();
        for (key, value) in entries.iter() {
            if let Some(text) = self.checker.string_value(&key.text, value) {
                if key.text.len() > MAX_LABEL || text.len() > MAX_LABEL {
                    let message =
                        format!("a label's name and value have at most {MAX_LABEL} bytes");
                    self.checker.problem("labels", key.span, message);
                }
                labels.insert(key.text.to_string(), text);
            }
        }
        labels
    }

    fn callback_url(&mut self, fields: &Fields) -> Option<String> {
        let url = self.checker.string(fields, "callback_url")?;
        match check_callback_url(&url) {
            Ok(()) => Some(url),
            Err(message) => {
                let span = fields.span_of("callback_url");
                self.checker.problem("callback_url", span, message);
                None
            }
        }
    }
}

/// HeyGen calls it from outside, so that https is the only sensible scheme.
pub fn check_callback_url(url: &str) -> Result<(), String> {
    check_https(url, "callback_url")
}

/// An https URL of bounded length, without white space or a password.
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
