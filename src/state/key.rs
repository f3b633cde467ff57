//! The key an entry is kept under, and reading it from a line without parsing the rest.
//!
//! Replaying a journal meets most keys several times and needs only the latest entry of each, so
//! telling the key must be much cheaper than parsing.

use std::borrow::Cow;
use std::fmt;

use super::Entry;

/// Two entries of equal keys stand for the same thing; the later one counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key<'a> {
    Record(Cow<'a, str>),
    Attempt(Cow<'a, str>, u32),
    Asset(Cow<'a, str>),
    File(Cow<'a, str>),
    Account,
    Run(u64),
    Vouch,
}

/// A key, and whether its entry takes the thing away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keyed<'a> {
    pub key: Key<'a>,
    pub removes: bool,
}

impl<'a> Keyed<'a> {
    fn puts(key: Key<'a>) -> Self {
        let removes = false;
        Self { key, removes }
    }

    fn removes(key: Key<'a>) -> Self {
        let removes = true;
        Self { key, removes }
    }

    /// Reads the key from an entry's JSON as this program writes it: the key's fields come first.
    /// `None` when it is written otherwise.
    pub fn peek(json: &'a [u8]) -> Option<Self> {
        let rest = json.strip_prefix(b"{\"")?;
        let (kind, rest) = rest.split_at_checked(rest.iter().position(|b| *b == b'"')?)?;
        let rest = rest.strip_prefix(b"\":")?;
        match kind {
            b"record" => text(rest, b"{\"name\":\"").map(|(name, _)| Self::puts(Key::Record(name))),
            b"forget" => text(rest, b"\"").map(|(name, _)| Self::removes(Key::Record(name))),
            b"attempt" => {
                let (hash, rest) = text(rest, b"{\"hash\":\"")?;
                let number = number(rest, b",\"number\":")?.try_into().ok()?;
                Some(Self::puts(Key::Attempt(hash, number)))
            }
            b"asset" => text(rest, b"{\"sha256\":\"").map(|(sha, _)| Self::puts(Key::Asset(sha))),
            b"forget_asset" => text(rest, b"\"").map(|(sha, _)| Self::removes(Key::Asset(sha))),
            b"file" => text(rest, b"{\"name\":\"").map(|(name, _)| Self::puts(Key::File(name))),
            b"forget_file" => text(rest, b"\"").map(|(name, _)| Self::removes(Key::File(name))),
            b"account" => Some(Self::puts(Key::Account)),
            b"run" => number(rest, b"{\"number\":").map(|n| Self::puts(Key::Run(n))),
            b"vouch" => Some(Self::puts(Key::Vouch)),
            _ => None,
        }
    }

    pub fn of(entry: &'a Entry) -> Self {
        match entry {
            Entry::Record(record) => Self::puts(Key::Record(record.name.as_str().into())),
            Entry::Forget(name) => Self::removes(Key::Record(name.as_str().into())),
            Entry::Attempt(a) => Self::puts(Key::Attempt(a.hash.to_string().into(), a.number)),
            Entry::Asset(asset) => Self::puts(Key::Asset(asset.sha256.to_string().into())),
            Entry::ForgetAsset(sha256) => Self::removes(Key::Asset(sha256.to_string().into())),
            Entry::File(file) => Self::puts(Key::File(file.name.as_str().into())),
            Entry::ForgetFile(name) => Self::removes(Key::File(name.as_str().into())),
            Entry::Account(_) => Self::puts(Key::Account),
            Entry::Run(run) => Self::puts(Key::Run(run.number)),
            Entry::Vouch(_) => Self::puts(Key::Vouch),
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(name) => write!(f, "record/{name}"),
            Self::Attempt(hash, number) => write!(f, "attempt/{hash}.{number}"),
            Self::Asset(sha256) => write!(f, "asset/{sha256}"),
            Self::File(name) => write!(f, "file/{name}"),
            Self::Account => f.write_str("account"),
            Self::Run(number) => write!(f, "run/{number}"),
            Self::Vouch => f.write_str("vouch"),
        }
    }
}

/// The string that follows `before`, and what comes after its closing quote. Names and hashes hold
/// nothing that JSON escapes.
fn text<'a>(json: &'a [u8], before: &[u8]) -> Option<(Cow<'a, str>, &'a [u8])> {
    let rest = json.strip_prefix(before)?;
    let end = rest.iter().position(|b| *b == b'"')?;
    let text = std::str::from_utf8(&rest[..end]).ok()?;
    (!text.contains('\\')).then_some((text.into(), &rest[end + 1..]))
}

fn number(json: &[u8], before: &[u8]) -> Option<u64> {
    let rest = json.strip_prefix(before)?;
    let end = rest.iter().position(|b| !b.is_ascii_digit())?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Account, Asset, AttemptKey, FileRecord, Record, Run, Stored};
    use crate::video::{Name, Sha256Hex, VideoHash};
    use jiff::Timestamp;

    fn one_of_each() -> Vec<Entry> {
        let at = Timestamp::UNIX_EPOCH;
        let name = Name::parse("a/b-c").unwrap();
        let sha256 = Sha256Hex::of(b"x");
        vec![
            Entry::Record(Record {
                name: name.clone(),
                path: "videos/a \"b\".yaml".into(),
                hash: VideoHash::of_canonical("{}"),
                previous: None,
                moved_from: None,
                since: at,
                shown: None,
                protected: false,
            }),
            Entry::Forget(name.clone()),
            Entry::File(FileRecord {
                name: name.clone(),
                attempt: AttemptKey {
                    hash: VideoHash::of_canonical("{}"),
                    number: 1,
                },
                video_id: "v".to_owned(),
                folder: "downloads".into(),
                film: Stored {
                    sha256,
                    bytes: 1,
                    modified: at,
                },
                subtitles: None,
                captioned: None,
                thumbnail: None,
                downloaded_at: at,
            }),
            Entry::ForgetFile(name),
            Entry::Asset(Asset {
                sha256,
                asset_id: "id".into(),
                uploaded_at: at,
            }),
            Entry::ForgetAsset(sha256),
            Entry::Account(Account {
                base_url: "https://api.heygen.com".into(),
                username: "u".into(),
                since: at,
            }),
            Entry::Run(Run {
                number: u64::MAX,
                at,
                foreign_sessions: vec![],
                complete: true,
            }),
        ]
    }

    #[test]
    fn peeking_agrees_with_parsing() {
        for entry in one_of_each() {
            let json = serde_json::to_vec(&entry).unwrap();
            assert_eq!(Keyed::peek(&json), Some(Keyed::of(&entry)), "{entry:?}");
        }
    }

    #[test]
    fn an_attempt_is_known_by_hash_and_number() {
        let hash = VideoHash::of_canonical("{}");
        let json = format!(r#"{{"attempt":{{"hash":"{hash}","number":12,"name":"a"}}}}"#);
        let keyed = Keyed::peek(json.as_bytes()).unwrap();
        assert_eq!(keyed.key.to_string(), format!("attempt/{hash}.12"));
        assert!(!keyed.removes);
    }

    #[test]
    fn what_is_written_otherwise_is_left_to_the_parser() {
        for json in [
            r#"{ "forget":"a"}"#,
            r#"{"record":{"path":"x"}}"#,
            r#"{"new":1}"#,
            "",
        ] {
            assert_eq!(Keyed::peek(json.as_bytes()), None, "{json}");
        }
    }
}
