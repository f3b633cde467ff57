//! Reading the fields of a map: types, nulls, duplicates, unknown names, all problems collected.

use std::rc::Rc;

use super::node::{Key, Meaning, Node, Span, Value};
use super::problem::{Place, Problem};
use super::source::Source;
use super::suggest::nearest;

/// Collects what is wrong with one file.
pub struct Checker<'a> {
    pub source: &'a Source<'a>,
    pub problems: Vec<Problem>,
}

/// The fields of one map, checked for names and duplicates.
pub struct Fields {
    entries: Rc<[(Key, Node)]>,
    /// Where the map itself stands.
    pub span: Span,
}

impl<'a> Checker<'a> {
    #[must_use]
    pub fn new(source: &'a Source<'a>) -> Self {
        Self {
            source,
            problems: Vec::new(),
        }
    }

    pub fn problem(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.push(code, span, message.into(), None);
    }

    pub fn problem_with(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) {
        self.push(code, span, message.into(), Some(suggestion.into()));
    }

    fn push(
        &mut self,
        code: &'static str,
        span: Span,
        message: String,
        suggestion: Option<String>,
    ) {
        let place = self.place(span);
        let problem = self.source.problem(code, place, message);
        self.problems.push(Problem {
            suggestion,
            ..problem
        });
    }

    /// A place, quoted.
    #[must_use]
    pub fn place(&self, span: Span) -> Place {
        self.source.place(span.line, span.column, span.width)
    }

    /// The fields of a map; unknown and repeated ones are problems.
    pub fn fields(&mut self, node: &Node, what: &str, known: &[&str]) -> Option<Fields> {
        let Value::Map(entries) = &node.value else {
            let message = format!("{what} is a map of fields, this is {}", node.kind());
            self.problem_with("wrong_type", node.span, message, "write `field: value`");
            return None;
        };
        for (at, (key, _)) in entries.iter().enumerate() {
            if let Some((first, _)) = entries[..at].iter().find(|(k, _)| k.text == key.text) {
                let message = format!(
                    "`{}` is here twice; first in line {}",
                    key.text, first.span.line
                );
                self.problem_with("duplicate_key", key.span, message, "keep one of them");
            } else if !known.contains(&&*key.text) {
                self.unknown(key, what, known);
            }
        }
        Some(Fields {
            entries: entries.clone(),
            span: node.span,
        })
    }

    fn unknown(&mut self, key: &Key, what: &str, known: &[&str]) {
        let text = &key.text;
        if &**text == "<<" {
            let message = "merge keys are not part of YAML 1.2";
            self.problem_with("merge_key", key.span, message, "write the fields out");
            return;
        }
        let message = format!("{what} has no field `{text}`");
        let way_out = match nearest(text, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the fields are {}", known.join(", ")),
        };
        self.problem_with("unknown_field", key.span, message, way_out);
    }

    /// A string that is not empty; null and absent are `None`.
    pub fn string(&mut self, fields: &Fields, name: &str) -> Option<String> {
        let node = fields.get(name)?;
        self.string_value(name, node)
    }

    pub fn string_value(&mut self, name: &str, node: &Node) -> Option<String> {
        let Value::Scalar(scalar) = &node.value else {
            let message = format!("`{name}` is a string, this is {}", node.kind());
            self.problem("wrong_type", node.span, message);
            return None;
        };
        let code = match scalar.meaning() {
            Meaning::Null => return None,
            Meaning::Text => {
                if scalar.text.is_empty() {
                    let message = format!("`{name}` is empty");
                    let way_out = "give it a value, or leave the field out";
                    self.problem_with("empty_string", node.span, message, way_out);
                    return None;
                }
                return Some(scalar.text.to_string());
            }
            Meaning::Bool(_) => "boolean_for_string",
            Meaning::Integer | Meaning::Float => "number_for_string",
        };
        let message = format!(
            "`{name}` is a string, and YAML reads this as {}",
            node.kind()
        );
        let quoted = format!("quote it: {name}: \"{}\"", scalar.text);
        self.problem_with(code, node.span, message, quoted);
        None
    }

    pub fn boolean(&mut self, fields: &Fields, name: &str) -> Option<bool> {
        let node = fields.get(name)?;
        match &node.value {
            Value::Scalar(s) => match s.meaning() {
                Meaning::Null => return None,
                Meaning::Bool(value) => return Some(value),
                _ => {}
            },
            Value::List(_) | Value::Map(_) => {}
        }
        let message = format!("`{name}` is true or false, this is {}", node.kind());
        self.problem_with(
            "wrong_type",
            node.span,
            message,
            format!("write `{name}: true`"),
        );
        None
    }

    /// A whole number between two bounds.
    pub fn integer(&mut self, fields: &Fields, name: &str, least: u64, most: u64) -> Option<u64> {
        let node = fields.get(name)?;
        if node.is_null() {
            return None;
        }
        let parsed = match &node.value {
            Value::Scalar(s) if s.meaning() == Meaning::Integer => parse_integer(&s.text),
            _ => None,
        };
        if let Some(n) = parsed.filter(|n| (least..=most).contains(n)) {
            return Some(n);
        }
        let message = format!("`{name}` is a whole number from {least} to {most}");
        self.problem("out_of_range", node.span, message);
        None
    }

    pub fn list<'n>(&mut self, fields: &'n Fields, name: &str) -> Option<&'n [Node]> {
        let node = fields.get(name)?;
        match &node.value {
            Value::List(nodes) => Some(nodes),
            _ if node.is_null() => None,
            _ => {
                let message = format!("`{name}` is a list, this is {}", node.kind());
                self.problem_with(
                    "wrong_type",
                    node.span,
                    message,
                    "begin each item with `- `",
                );
                None
            }
        }
    }
}

impl Fields {
    /// Whether a key that is none looks like this one: it was told as such.
    #[must_use]
    pub fn has_unknown_like(&self, name: &str, is_known: impl Fn(&str) -> bool) -> bool {
        let mut keys = self.entries.iter().map(|(key, _)| &*key.text);
        keys.any(|key| !is_known(key) && nearest(key, &[name]).is_some())
    }

    /// The first field of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entries
            .iter()
            .find(|(key, _)| &*key.text == name)
            .map(|(_, node)| node)
    }

    /// The first field of that name, unless it is null.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&Node> {
        self.get(name).filter(|node| !node.is_null())
    }

    /// Where a field's value stands, or the map if the field is absent.
    #[must_use]
    pub fn span_of(&self, name: &str) -> Span {
        self.get(name).map_or(self.span, |node| node.span)
    }

    #[must_use]
    pub fn key_span(&self, name: &str) -> Span {
        let key = self.entries.iter().find(|(key, _)| &*key.text == name);
        key.map_or(self.span, |(key, _)| key.span)
    }
}

fn parse_integer(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok();
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok();
    }
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}
