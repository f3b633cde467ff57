//! The items of `files`: what they say, and what the local files among them hold.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fields::{Checker, Fields};
use super::local::LocalFiles;
use super::node::{Node, Span};
use super::problem::{Place, Problem};
use super::values::{MAX_ID, check_https, is_id};
use super::wish::{Content, ContentSource};
use crate::video::{FileSpec, MAX_FILES, MediaType, Sha256Hex};

const FIELDS: [&str; 6] = ["type", "url", "asset_id", "path", "data", "media_type"];
pub(super) const SOURCES: [&str; 4] = ["url", "asset_id", "path", "data"];

/// An item as it stands there: whole, or a local file that has to be looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Whole(FileSpec, Option<Content>),
    Local(LocalGiven),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct LocalGiven {
    path: String,
    place: Place,
    media_type: Option<Said>,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    text: String,
    place: Place,
}

/// The files of a wish, looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Files {
    pub(super) specs: Vec<FileSpec>,
    pub(super) contents: Vec<Content>,
    /// See [`super::Manifest::locals`]; also of what could not be read.
    pub(super) locals: Vec<Arc<str>>,
}

/// What `files` says; nothing of it has been looked at.
pub(super) fn given(checker: &mut Checker<'_>, fields: &Fields) -> Vec<Given> {
    let Some(items) = checker.list(fields, "files") else {
        return Vec::new();
    };
    if items.len() > MAX_FILES {
        let message = format!("{} files; HeyGen takes at most {MAX_FILES}", items.len());
        checker.problem("too_many_files", fields.key_span("files"), message);
        return Vec::new();
    }
    items
        .iter()
        .filter_map(|item| Item { checker }.read(item))
        .collect()
}

/// Looks at what the file at `said_in` names, and tells everything wrong with it.
pub(super) fn look_at(
    given: &[Given],
    said_in: &str,
    local: &dyn LocalFiles,
) -> (Files, Vec<Problem>) {
    let (mut files, mut problems) = (Files::default(), Vec::new());
    for item in given {
        let looked = match item {
            Given::Whole(spec, content) => Ok((spec.clone(), content.clone())),
            Given::Local(given) => {
                files.locals.extend(local.named(said_in, &given.path));
                given.look(said_in, local, &mut files.locals)
            }
        };
        match looked {
            Ok((spec, content)) => {
                files.specs.push(spec);
                files.contents.extend(content);
            }
            Err(problem) => problems.push(*problem),
        }
    }
    (files, problems)
}

type Looked = Result<(FileSpec, Option<Content>), Box<Problem>>;

impl LocalGiven {
    fn look(&self, said_in: &str, local: &dyn LocalFiles, locals: &mut Vec<Arc<str>>) -> Looked {
        let file = local
            .look(said_in, &self.path)
            .map_err(|problem| problem.at(said_in, &self.place))?;
        locals.push(file.path.clone());
        let content = Content {
            sha256: file.sha256,
            bytes: file.bytes,
            source: ContentSource::Path(file.path),
        };
        let said = self.media_type.as_ref();
        let media_type = media_type(file.media_type, said, said_in, &self.place)?;
        Ok(of_content(media_type, content))
    }
}

fn of_content(media_type: MediaType, content: Content) -> (FileSpec, Option<Content>) {
    let sha256 = content.sha256;
    (FileSpec::Content { media_type, sha256 }, Some(content))
}

/// The type that the bytes have, with which the one that is said must agree.
fn media_type(
    found: Option<MediaType>,
    said: Option<&Said>,
    said_in: &str,
    place: &Place,
) -> Result<MediaType, Box<Problem>> {
    let refuse = |place: &Place, message: String, way_out: String| {
        Box::new(Problem {
            path: said_in.to_owned(),
            place: Some(place.clone()),
            code: "media_type",
            message,
            suggestion: Some(way_out),
        })
    };
    let Some(found) = found else {
        let known = MediaType::ALL.map(MediaType::as_str).join(", ");
        let message = "by its first bytes this is no kind of file that HeyGen takes";
        let way_out = format!("use one of {known}");
        return Err(refuse(place, message.to_owned(), way_out));
    };
    match said.filter(|said| said.text != found.as_str()) {
        None => Ok(found),
        Some(Said { text, place }) => {
            let message = format!("`media_type` says {text}, the bytes say {}", found.as_str());
            Err(refuse(place, message, "leave `media_type` out".to_owned()))
        }
    }
}

struct Item<'c, 's> {
    checker: &'c mut Checker<'s>,
}

impl Item<'_, '_> {
    fn read(&mut self, node: &Node) -> Option<Given> {
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
            "path" => Some(Given::Local(LocalGiven {
                path: value,
                place: self.checker.place(span),
                media_type: self.media_type(&fields),
            })),
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

    fn url(&mut self, fields: &Fields, url: String, span: Span) -> Option<Given> {
        self.refuse_media_type(fields, "url");
        if let Err(message) = check_https(&url, "url") {
            self.checker.problem("file_url", span, message);
            return None;
        }
        Some(Given::Whole(FileSpec::Url { url }, None))
    }

    fn asset(&mut self, fields: &Fields, asset_id: String) -> Option<Given> {
        self.refuse_media_type(fields, "asset_id");
        if asset_id.len() > MAX_ID || !is_id(&asset_id) {
            let span = fields.span_of("asset_id");
            let message = format!("`asset_id` is an id: at most {MAX_ID} bytes, no white space");
            self.checker.problem("id", span, message);
            return None;
        }
        Some(Given::Whole(FileSpec::Asset { asset_id }, None))
    }

    fn refuse_media_type(&mut self, fields: &Fields, source: &str) {
        if fields.given("media_type").is_some() {
            let message = format!("`media_type` goes with path and data, not with {source}");
            let span = fields.key_span("media_type");
            self.checker
                .problem_with("media_type", span, message, "remove it");
        }
    }

    fn data(&mut self, fields: &Fields, text: &str, span: Span) -> Option<Given> {
        let said = self.media_type(fields);
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
        let (path, place) = (&*self.checker.source.path, self.checker.place(span));
        match media_type(MediaType::sniff(&bytes), said.as_ref(), path, &place) {
            Ok(media_type) => {
                let content = Content {
                    sha256: Sha256Hex::of(&bytes),
                    bytes: bytes.len() as u64,
                    source: ContentSource::Inline(bytes.into()),
                };
                let (spec, content) = of_content(media_type, content);
                Some(Given::Whole(spec, content))
            }
            Err(problem) => {
                self.checker.problems.push(*problem);
                None
            }
        }
    }

    fn media_type(&mut self, fields: &Fields) -> Option<Said> {
        let text = self.checker.string(fields, "media_type")?;
        let place = self.checker.place(fields.span_of("media_type"));
        Some(Said { text, place })
    }
}
