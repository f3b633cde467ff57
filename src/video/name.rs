//! The name of a video: what identifies it across edits.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

const MAX_BYTES: usize = 200;

/// A valid name: parts of `[A-Za-z0-9._-]` joined by `/`, none of them `.` or `..`, at most 200 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name must not be empty")]
    Empty,
    #[error("a name has at most {MAX_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    #[error("a name has no empty part: no `/` at either end, no `//`")]
    EmptyPart,
    #[error("a name has no part `{0}`")]
    Dots(String),
    #[error(
        "a name consists of ASCII letters, digits, `.`, `_`, `-` and `/`; it must not hold {0:?}"
    )]
    Character(char),
}

impl Name {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(NameError::TooLong(text.len()));
        }
        for part in text.split('/') {
            check_part(part)?;
        }
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names that differ only in case collide on some file systems; this is the form they share.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

fn check_part(part: &str) -> Result<(), NameError> {
    if part.is_empty() {
        return Err(NameError::EmptyPart);
    }
    if part == "." || part == ".." {
        return Err(NameError::Dots(part.into()));
    }
    match part
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "._-".contains(*c)))
    {
        Some(c) => Err(NameError::Character(c)),
        None => Ok(()),
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({:?})", &*self.0)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_paths_of_plain_parts() {
        for name in ["a", "onboarding/welcome", "v1.2/_x-y", "..."] {
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn refuses_what_could_leave_a_folder_or_confuse_a_terminal() {
        for (name, error) in [
            ("", NameError::Empty),
            ("/a", NameError::EmptyPart),
            ("a//b", NameError::EmptyPart),
            ("a/", NameError::EmptyPart),
            ("a/../b", NameError::Dots("..".into())),
            ("./a", NameError::Dots(".".into())),
            ("a b", NameError::Character(' ')),
            ("a\u{1b}[2J", NameError::Character('\u{1b}')),
            ("größe", NameError::Character('ö')),
        ] {
            assert_eq!(Name::parse(name), Err(error), "{name:?}");
        }
        assert_eq!(Name::parse(&"a".repeat(201)), Err(NameError::TooLong(201)));
    }
}
