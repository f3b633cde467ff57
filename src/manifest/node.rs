//! A YAML value that knows where it stands.

use std::rc::Rc;

/// Where a value or key stands: line and column from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub line: usize,
    pub column: usize,
    /// Characters on its first line.
    pub width: usize,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub span: Span,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub enum Value {
    Scalar(Scalar),
    List(Rc<[Node]>),
    Map(Rc<[(Key, Node)]>),
}

#[derive(Debug, Clone)]
pub struct Scalar {
    pub text: Rc<str>,
    /// Neither quoted, a block, nor tagged as a string: its text may mean something else.
    pub plain: bool,
}

#[derive(Debug, Clone)]
pub struct Key {
    pub text: Rc<str>,
    pub span: Span,
}

/// What a plain scalar means in YAML 1.2's core schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Null,
    Bool(bool),
    Integer,
    Float,
    Text,
}

impl Scalar {
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        if self.plain {
            meaning(&self.text)
        } else {
            Meaning::Text
        }
    }
}

impl Node {
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(s) if s.meaning() == Meaning::Null)
    }

    /// In the words of an error message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar(s) => match s.meaning() {
                Meaning::Null => "null",
                Meaning::Bool(_) => "a boolean",
                Meaning::Integer | Meaning::Float => "a number",
                Meaning::Text => "a string",
            },
        }
    }
}

fn meaning(text: &str) -> Meaning {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
        "true" | "True" | "TRUE" => Meaning::Bool(true),
        "false" | "False" | "FALSE" => Meaning::Bool(false),
        _ if is_integer(text) => Meaning::Integer,
        _ if is_float(text) => Meaning::Float,
        _ => Meaning::Text,
    }
}

fn is_integer(text: &str) -> bool {
    let all = |digits: &str, radix| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    if let Some(octal) = text.strip_prefix("0o") {
        return all(octal, 8);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return all(hex, 16);
    }
    all(text.strip_prefix(['-', '+']).unwrap_or(text), 10)
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, infinity, not a number.
fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |t: &str| t.chars().all(|c| c.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    let number_fits = match number.split_once('.') {
        Some(("", after)) => !after.is_empty() && digits(after),
        Some((before, after)) => digits(before) && digits(after),
        None => !number.is_empty() && digits(number),
    };
    exponent_fits && number_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_the_core_schema_says() {
        for (texts, expected) in [
            (&["", "~", "null", "NULL"][..], Meaning::Null),
            (&["true", "True"], Meaning::Bool(true)),
            (&["FALSE"], Meaning::Bool(false)),
            (
                &["0", "-1", "+12", "0123", "0o17", "0xfF"],
                Meaning::Integer,
            ),
            (
                &["1.10", ".5", "1.", "1e3", "-.inf", ".NaN", "6.02E+23"],
                Meaning::Float,
            ),
            (
                &[
                    "yes",
                    "no",
                    "on",
                    "1_000",
                    "2026-11-01",
                    "1.2.3",
                    "0o8",
                    "e5",
                    ".",
                    "-",
                    "0x",
                ],
                Meaning::Text,
            ),
        ] {
            for text in texts {
                assert_eq!(meaning(text), expected, "{text:?}");
            }
        }
    }
}
