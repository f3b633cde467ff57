//! A unified diff of canonical YAML, line by line, with the changed words marked.

use similar::{Algorithm, ChangeTag, TextDiff};

use crate::video::Spec;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// One line of a diff: its sign, and its text in pieces, the changed ones marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// `@`, ` `, `-` or `+`.
    pub sign: char,
    pub pieces: Vec<(bool, String)>,
}

/// A spec as YAML, fields in the order of the API's reference; many-line prompts as a block.
///
/// # Panics
/// Never: a spec holds only strings, booleans and integers.
#[must_use]
pub fn canonical_yaml(spec: &Spec) -> String {
    serde_yaml::to_string(spec).expect("a spec is representable in YAML")
}

/// The lines of a unified diff, without file headers.
#[must_use]
pub fn unified(before: &str, after: &str) -> Vec<DiffLine> {
    if before.is_empty() {
        return all_new(after);
    }
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .diff_lines(before, after);
    let mut lines = Vec::new();
    for group in diff.grouped_ops(CONTEXT) {
        lines.push(hunk_header(&group));
        for op in &group {
            lines.extend(diff.iter_inline_changes(op).map(|change| DiffLine {
                sign: sign(change.tag()),
                pieces: pieces(change.iter_strings_lossy()),
            }));
        }
    }
    lines
}

/// What the general way would find, at a fraction of the time: most first plans are all new.
fn all_new(after: &str) -> Vec<DiffLine> {
    let lines = after.lines().map(|line| DiffLine {
        sign: '+',
        pieces: vec![(false, line.to_owned())],
    });
    let count = after.lines().count();
    let header = DiffLine {
        sign: '@',
        pieces: vec![(false, format!("@ -0,0 +1,{count} @@"))],
    };
    std::iter::once(header).chain(lines).collect()
}

fn hunk_header(group: &[similar::DiffOp]) -> DiffLine {
    let (first, last) = (&group[0], &group[group.len() - 1]);
    let range = |start: usize, end: usize| match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        n => format!("{},{n}", start + 1),
    };
    let old = range(first.old_range().start, last.old_range().end);
    let new = range(first.new_range().start, last.new_range().end);
    DiffLine {
        sign: '@',
        pieces: vec![(false, format!("@ -{old} +{new} @@"))],
    }
}

fn sign(tag: ChangeTag) -> char {
    match tag {
        ChangeTag::Equal => ' ',
        ChangeTag::Delete => '-',
        ChangeTag::Insert => '+',
    }
}

fn pieces<'a>(
    parts: impl Iterator<Item = (bool, std::borrow::Cow<'a, str>)>,
) -> Vec<(bool, String)> {
    parts
        .map(|(marked, text)| (marked, text.trim_end_matches('\n').to_owned()))
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

impl DiffLine {
    #[must_use]
    pub fn text(&self) -> String {
        let pieces: String = self.pieces.iter().map(|(_, text)| text.as_str()).collect();
        format!("{}{pieces}", self.sign)
    }
}
