//! Documents of a manifest file → wishes.

use std::sync::Arc;

use super::defaults::ReadyDefaults;
use super::field;
use super::fields::{Checker, Fields};
use super::files::{self, Files};
use super::local::LocalFiles;
use super::node::{Node, Span};
use super::problem::Problem;
use super::prompt::prompt;
use super::source::Source;
use super::values::Look;
use super::wish::Manifest;
use super::yaml;
use crate::video::{MAX_REVISION, Name, Spec};

/// The name a file gives its only document: from its path, or why that is no name.
pub type NameFromPath = Result<Name, String>;

/// What a manifest file came to.
#[derive(Debug, Default)]
pub struct Decoded {
    pub manifests: Vec<Manifest>,
    pub problems: Vec<Problem>,
    /// A wish is missing although nothing is wrong here: with the defaults something is.
    pub incomplete: bool,
    /// Local files of what could not be read, as [`Manifest::locals`] has them of the others.
    pub locals: Vec<Arc<str>>,
}

impl Decoded {
    /// All that the file wishes is here.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty() && !self.incomplete
    }
}

/// Everything a manifest file wishes, and everything wrong with it.
pub fn decode(
    path: &Arc<str>,
    bytes: &[u8],
    name_from_path: &NameFromPath,
    local: &dyn LocalFiles,
    defaults: &ReadyDefaults,
) -> Decoded {
    let stopped = |problem: Box<Problem>| Decoded {
        problems: vec![*problem],
        ..Decoded::default()
    };
    let source = match Source::new(path.clone(), bytes) {
        Ok(source) => source,
        Err(problem) => return stopped(problem),
    };
    let documents = match yaml::documents(&source) {
        Ok(documents) => documents,
        Err(problem) => return stopped(problem),
    };
    let decoder = Decoder {
        checker: Checker::new(&source),
        name_from_path,
        local,
        defaults,
        single: documents.len() == 1,
        incomplete: false,
        locals: Vec::new(),
    };
    decoder.documents(&documents)
}

struct Decoder<'a> {
    checker: Checker<'a>,
    name_from_path: &'a NameFromPath,
    local: &'a dyn LocalFiles,
    defaults: &'a ReadyDefaults,
    /// The file holds one document, so that its path can name it.
    single: bool,
    incomplete: bool,
    /// Of the document that is read now, and of those that could not be.
    locals: Vec<Arc<str>>,
}

impl Decoder<'_> {
    fn documents(mut self, documents: &[Node]) -> Decoded {
        let mut manifests = Vec::new();
        if documents.iter().all(Node::is_null) {
            self.empty();
        } else {
            manifests.extend(documents.iter().filter_map(|d| self.document(d)));
        }
        Decoded {
            manifests,
            problems: self.checker.problems,
            incomplete: self.incomplete,
            locals: self.locals,
        }
    }

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
        let earlier = self.locals.len();
        let name = self.name(&fields);
        let prompt = prompt(&mut self.checker, &fields, self.local, &mut self.locals);
        let files = self.files(&fields);
        let labels = self.checker.labels(&fields, self.defaults.labels());
        let callback_url = match fields.get("callback_url") {
            None => self.defaults.callback_url().cloned(),
            Some(_) => self.checker.callback_url(&fields),
        };
        let look = Look::read(&mut self.checker, &fields, self.defaults.look());
        let revision = self.revision(&fields);
        if self.checker.problems.len() > before {
            return None;
        }
        let files = files?;
        let spec = Spec {
            files: files.specs,
            ..look.spec(prompt?, revision)
        };
        Some(Manifest {
            name: name?,
            path: self.checker.source.path.clone(),
            line: node.span.line,
            hash: spec.hash(),
            spec,
            labels,
            callback_url,
            contents: files.contents,
            locals: self.locals.split_off(earlier),
            unsaid: self.defaults.unsaid(&fields),
        })
    }

    /// None if those of the defaults are wished and can't be read.
    fn files(&mut self, fields: &Fields) -> Option<Files> {
        if fields.get("files").is_none() {
            let files = self.defaults.files().cloned();
            self.incomplete |= files.is_none();
            self.locals
                .extend(files.iter().flat_map(|f| f.locals.iter().cloned()));
            return files;
        }
        let given = files::given(&mut self.checker, fields);
        let path = self.checker.source.path.clone();
        let (files, mut problems) = files::look_at(&given, &path, self.local);
        self.checker.problems.append(&mut problems);
        self.locals.extend(files.locals.iter().cloned());
        Some(files)
    }

    fn revision(&mut self, fields: &Fields) -> u32 {
        let most = MAX_REVISION.into();
        let revision = self.checker.integer(fields, "revision", 1, most);
        revision.and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
    }

    fn map(&mut self, node: &Node) -> Option<Fields> {
        let mut known = field::names();
        self.checker.refuse_callback_id(node, &mut known);
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
}
