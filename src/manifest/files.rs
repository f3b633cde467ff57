//! The items of `files`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::decode::check_https;
use super::fields::{Checker, Fields};
use super::node::{Node, Span};
use super::wish::{Content, ContentSource};
use crate::video::{FileSpec, MAX_FILES, MediaType, Sha256Hex};

const FIELDS: [&str; 6] = ["type", "url", "asset_id", "path", "data", "media_type"];
const SOURCES: [&str; 4] = ["url", "asset_id", "path", "data"];

/// What a local file is, told by whoever may read it.
pub trait LocalFiles {
    /// Looks at the file that the manifest at `manifest` calls `given`.
    fn look(&self, manifest: &str, given: &str) -> Result<LocalFile, FileProblem>;
}

#[derive(Debug, Clone)]
pub struct LocalFile {
    /// Relative to the project directory, `/`-separated.
    pub path: Arc<str>,
    pub bytes: u64,
    pub sha256: Sha256Hex,
    /// `None` if the bytes are of no kind that HeyGen takes.
    pub media_type: Option<MediaType>,
}

/// Why a local file can't be used, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    pub code: &'static str,
    pub message: String,
    pub suggestion: Option<String>,
}

/// The files of a manifest, and the bytes it brings along.
pub(super) fn files(
    checker: &mut Checker<'_>,
    fields: &Fields,
    local: &dyn LocalFiles,
) -> (Vec<FileSpec>, Vec<Content>) {
    let (mut specs, mut contents) = (Vec::new(), Vec::new());
    let Some(items) = checker.list(fields, "files") else {
        return (specs, contents);
    };
    if items.len() > MAX_FILES {
        let message = format!("{} files; HeyGen takes at most {MAX_FILES}", items.len());
        checker.problem("too_many_files", fields.key_span("files"), message);
        return (specs, contents);
    }
    for item in items {
        let mut reader = Item { checker, local };
        if let Some((spec, content)) = reader.read(item) {
            specs.push(spec);
            contents.extend(content);
        }
    }
    (specs, contents)
}

struct Item<'c, 's> {
    checker: &'c mut Checker<'s>,
    local: &'c dyn LocalFiles,
}

impl Item<'_, '_> {
    fn read(&mut self, node: &Node) -> Option<(FileSpec, Option<Content>)> {
        let fields = self.checker.fields(node, "a file", &FIELDS)?;
        let given: Vec<_> = SOURCES
            .into_iter()
            .filter(|f| fields.given(f).is_some())
            .collect();
        let [source] = given.as_slice() else {
            let message = match given.as_slice() {
                [] => {
                    "a file has one of url, asset_id, path and data; this one has none".to_owned()
                }
                several => format!(
                    "a file has one of url, asset_id, path and data; this one has {}",
                    several.join(" and ")
                ),
            };
            self.checker.problem("file_source", node.span, message);
            return None;
        };
        self.check_type(&fields, source);
        let value = self.checker.string(&fields, source)?;
        let span = fields.span_of(source);
        match *source {
            "url" => self.url(&fields, value, span),
            "asset_id" => self.asset(&fields, value),
            "path" => self.path(&fields, &value, span),
            _ => self.data(&fields, &value, span),
        }
    }

    /// The API's `type` may stand beside the source and must agree with it.
    fn check_type(&mut self, fields: &Fields, source: &str) {
        let Some(given) = self.checker.string(fields, "type") else {
            return;
        };
        let expected = match source {
            "data" => "base64",
            "path" => "file",
            other => other,
        };
        if given != expected {
            let message =
                format!("the type of a file given by `{source}` is `{expected}`, not `{given}`");
            let span = fields.span_of("type");
            self.checker
                .problem_with("file_type", span, message, "leave `type` out");
        }
    }

    fn url(
        &mut self,
        fields: &Fields,
        url: String,
        span: Span,
    ) -> Option<(FileSpec, Option<Content>)> {
        self.refuse_media_type(fields, "url");
        if let Err(message) = check_https(&url, "url") {
            self.checker.problem("file_url", span, message);
            return None;
        }
        Some((FileSpec::Url { url }, None))
    }

    fn asset(&mut self, fields: &Fields, asset_id: String) -> Option<(FileSpec, Option<Content>)> {
        self.refuse_media_type(fields, "asset_id");
        if asset_id.len() > 256
            || asset_id
                .chars()
                .any(|c| c.is_control() || c.is_whitespace())
        {
            let span = fields.span_of("asset_id");
            let message = "`asset_id` is an id: at most 256 bytes, no white space";
            self.checker.problem("id", span, message);
            return None;
        }
        Some((FileSpec::Asset { asset_id }, None))
    }

    fn refuse_media_type(&mut self, fields: &Fields, source: &str) {
        if fields.given("media_type").is_some() {
            let message = format!("`media_type` goes with path and data, not with {source}");
            let span = fields.key_span("media_type");
            self.checker
                .problem_with("media_type", span, message, "remove it");
        }
    }

    fn path(
        &mut self,
        fields: &Fields,
        given: &str,
        span: Span,
    ) -> Option<(FileSpec, Option<Content>)> {
        let file = match self.local.look(&self.checker.source.path, given) {
            Ok(file) => file,
            Err(problem) => {
                match problem.suggestion {
                    Some(way_out) => {
                        self.checker
                            .problem_with(problem.code, span, problem.message, way_out)
                    }
                    None => self.checker.problem(problem.code, span, problem.message),
                }
                return None;
            }
        };
        let content = Content {
            sha256: file.sha256,
            bytes: file.bytes,
            source: ContentSource::Path(file.path),
        };
        self.content(fields, file.media_type, content, span)
    }

    fn data(
        &mut self,
        fields: &Fields,
        text: &str,
        span: Span,
    ) -> Option<(FileSpec, Option<Content>)> {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = match STANDARD.decode(&compact) {
            Ok(bytes) if !bytes.is_empty() => bytes,
            Ok(_) => {
                self.checker.problem("base64", span, "`data` is empty");
                return None;
            }
            Err(error) => {
                let message = format!("`data` is not base64 (RFC 4648, section 4): {error}");
                self.checker.problem("base64", span, message);
                return None;
            }
        };
        let content = Content {
            sha256: Sha256Hex::of(&bytes),
            bytes: bytes.len() as u64,
            source: ContentSource::Inline(bytes.as_slice().into()),
        };
        self.content(fields, MediaType::sniff(&bytes), content, span)
    }

    fn content(
        &mut self,
        fields: &Fields,
        media_type: Option<MediaType>,
        content: Content,
        span: Span,
    ) -> Option<(FileSpec, Option<Content>)> {
        let Some(media_type) = media_type else {
            let known = MediaType::ALL.map(MediaType::as_str).join(", ");
            let message = "by its first bytes this is no kind of file that HeyGen takes";
            let way_out = format!("use one of {known}");
            self.checker
                .problem_with("media_type", span, message, way_out);
            return None;
        };
        if let Some(given) = self.checker.string(fields, "media_type")
            && given != media_type.as_str()
        {
            let message = format!(
                "`media_type` says {given}, the bytes say {}",
                media_type.as_str()
            );
            let span = fields.span_of("media_type");
            self.checker
                .problem_with("media_type", span, message, "leave `media_type` out");
            return None;
        }
        let sha256 = content.sha256;
        Some((FileSpec::Content { media_type, sha256 }, Some(content)))
    }
}
