//! The prompt: in the manifest, or in a text file beside it.

use std::sync::Arc;

use super::fields::{Checker, Fields};
use super::local::LocalFiles;
use super::node::Span;
use super::problem::Problem;
use super::source::Source;
use crate::video::Prompt;

/// What `prompt` or `prompt_file` says. Adds to `locals` the file that was asked for.
pub(super) fn prompt(
    checker: &mut Checker<'_>,
    fields: &Fields,
    local: &dyn LocalFiles,
    locals: &mut Vec<Arc<str>>,
) -> Option<Prompt> {
    let given = |name| fields.given(name).is_some();
    match (given("prompt"), given("prompt_file")) {
        (true, false) => {
            let text = checker.string(fields, "prompt")?;
            parse(checker, &text, fields.key_span("prompt"))
        }
        (false, true) => {
            let text = from_file(checker, fields, local, locals)?;
            parse(checker, &text, fields.span_of("prompt_file"))
        }
        (true, true) => {
            let message = "a manifest has `prompt` or `prompt_file`; this one has both";
            let span = fields.key_span("prompt_file");
            checker.problem_with("prompt_twice", span, message, "keep one of them");
            None
        }
        (false, false) if fields.get("prompt").is_none() && has_slip(fields) => None,
        (false, false) => {
            let way_out = "say what the video should show: `prompt: …`, or `prompt_file: …` with \
                           the name of a text file";
            let span = fields
                .get("prompt")
                .map_or(fields.span, |_| fields.key_span("prompt"));
            checker.problem_with("prompt_missing", span, "a manifest needs a prompt", way_out);
            None
        }
    }
}

/// Told already, with what was meant.
fn has_slip(fields: &Fields) -> bool {
    let known = |name: &str| super::field::ALL.iter().any(|field| field.name == name);
    fields.has_unknown_like("prompt", known)
}

fn parse(checker: &mut Checker<'_>, text: &str, span: Span) -> Option<Prompt> {
    match Prompt::parse(text) {
        Ok(prompt) => Some(prompt),
        Err(error) => {
            checker.problem("prompt_length", span, error.to_string());
            None
        }
    }
}

fn from_file(
    checker: &mut Checker<'_>,
    fields: &Fields,
    local: &dyn LocalFiles,
    locals: &mut Vec<Arc<str>>,
) -> Option<String> {
    let given = checker.string(fields, "prompt_file")?;
    let span = fields.span_of("prompt_file");
    if given.ends_with(".yaml") || given.ends_with(".yml") {
        let message = "a prompt file can't end in `.yaml` or `.yml`: below the manifests' folder \
                       such a file is a manifest of its own";
        let way_out = "give it another ending, like `.md` or `.txt`";
        checker.problem_with("prompt_file", span, message, way_out);
        return None;
    }
    if is_hidden(&given) {
        checker.problems.push(*hidden(checker, &given, span));
        return None;
    }
    match read(checker, &given, span, local, locals) {
        Ok(text) => Some(text),
        Err(problem) => {
            checker.problems.push(*problem);
            None
        }
    }
}

/// The text of the file, its lines ended as YAML ends them: a checkout on another system and a move
/// out of the manifest change nothing.
fn read(
    checker: &Checker<'_>,
    given: &str,
    span: Span,
    local: &dyn LocalFiles,
    locals: &mut Vec<Arc<str>>,
) -> Result<String, Box<Problem>> {
    let said_in = &*checker.source.path;
    locals.extend(local.named(said_in, given));
    let file = local
        .read(said_in, given)
        .map_err(|problem| problem.at(said_in, &checker.place(span)))?;
    locals.push(file.path.clone());
    if is_hidden(&file.path) {
        return Err(hidden(checker, &file.path, span));
    }
    let source = Source::of_prompt(file.path, &file.bytes)?;
    Ok(source.text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// What a prompt holds is shown to everybody and sent to HeyGen. Hidden files (`.env`, the state) are
/// text as well, and a manifest in a pull request must not be able to tell them.
fn is_hidden(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.any(|part| part.starts_with('.') && part != "." && part != "..")
}

fn hidden(checker: &Checker<'_>, path: &str, span: Span) -> Box<Problem> {
    let message =
        format!("{path} is hidden, and such files often hold secrets: it can't be a prompt");
    let problem = checker
        .source
        .problem("prompt_file", checker.place(span), message);
    Box::new(Problem {
        suggestion: Some("give the file a name that does not begin with `.`".to_owned()),
        ..problem
    })
}
