//! What is wrong with manifests, shown where it stands.

use std::fmt::Write;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use super::escape;
use crate::manifest::{Place, Problem};

/// Where, and what.
#[must_use]
pub fn in_a_line(problem: &Problem) -> String {
    let line = problem.place.as_ref().map_or(0, |place| place.line);
    format!(
        "{}:{line}: {}",
        escape(&problem.path),
        escape(&problem.message)
    )
}

/// Every problem in the way compilers show them: place, quoted line, caret, way out.
#[must_use]
pub fn render(problems: &[Problem], color: bool, width: usize) -> String {
    let renderer = match color {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let renderer = renderer.term_width(width);
    let mut text = String::new();
    for problem in problems {
        text.push_str(&render_one(&renderer, problem));
        text.push_str("\n\n");
    }
    text
}

fn render_one(renderer: &Renderer, problem: &Problem) -> String {
    let path = escape(&problem.path);
    let message = escape(&problem.message);
    let title = Level::ERROR.primary_title(&*message).id(problem.code);
    let line = problem.place.as_ref().map(quoted);
    let mut group: Group<'_> = match (&problem.place, &line) {
        (Some(place), Some((text, start, end))) => title.element(
            Snippet::source(text.as_str())
                .line_start(place.line)
                .path(&*path)
                .annotation(AnnotationKind::Primary.span(*start..*end)),
        ),
        _ => title.element(Origin::path(&*path)),
    };
    let way_out = problem.suggestion.as_deref().map(escape);
    if let Some(way_out) = &way_out {
        group = group.element(Level::HELP.message(&**way_out));
    }
    renderer.render(&[group])
}

/// The line, safe to print, and the bytes of it that are meant.
fn quoted(place: &Place) -> (String, usize, usize) {
    let at = place.column.saturating_sub(1 + place.skipped);
    let mut text = String::new();
    if place.skipped > 0 {
        text.push('…');
    }
    let (mut start, mut end) = (None, None);
    for (n, c) in place.text.chars().enumerate() {
        if n == at {
            start = Some(text.len());
        }
        if n == at + place.width {
            end = Some(text.len());
        }
        match c {
            '\t' => text.push(' '),
            c => text.push_str(&escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    let start = start.unwrap_or(text.len());
    let end = end.unwrap_or(text.len()).max(start);
    (text, start, end)
}

/// GitHub's workflow commands: an annotation at each place.
#[must_use]
pub fn github(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let _ = write!(text, "::error file={}", property(&problem.path));
        if let Some(place) = &problem.place {
            let _ = write!(text, ",line={},col={}", place.line, place.column);
        }
        let mut message = problem.message.clone();
        if let Some(way_out) = &problem.suggestion {
            let _ = write!(message, "\n{way_out}");
        }
        let _ = writeln!(
            text,
            ",title={}::{}",
            property(problem.code),
            data(&message)
        );
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[must_use]
pub fn json(problems: &[Problem]) -> Value {
    problems
        .iter()
        .map(|problem| {
            json!({
                "path": problem.path,
                "line": problem.place.as_ref().map(|p| p.line),
                "column": problem.place.as_ref().map(|p| p.column),
                "code": problem.code,
                "message": problem.message,
                "suggestion": problem.suggestion,
            })
        })
        .collect()
}
