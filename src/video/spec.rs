//! What changes the picture, and its canonical form.
//!
//! [`Spec::canonical`] is RFC 8785 JSON with every default left out; the hash of a video is taken
//! over these bytes, and they are stored as they are with every attempt.

use serde::{Deserialize, Serialize};

use super::{MAX_FILES, MAX_PROMPT_CHARS, MAX_REVISION, Sha256Hex, VideoHash};

/// A wish without name, labels and delivery: only what changes the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub prompt: Prompt,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_kit_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileSpec>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub incognito_mode: bool,
    #[serde(default = "first_revision", skip_serializing_if = "is_first_revision")]
    pub revision: u32,
}

/// A prompt as it is sent: white space at both ends removed, 1 to 10,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prompt(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    #[error("the prompt holds nothing but white space")]
    Empty,
    #[error("the prompt has {0} characters; HeyGen takes at most {MAX_PROMPT_CHARS}")]
    TooLong(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    Landscape,
    Portrait,
}

/// One item of `files`, as it counts for the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum FileSpec {
    #[serde(rename = "url")]
    Url { url: String },
    #[serde(rename = "asset_id")]
    Asset { asset_id: String },
    /// Bytes of our own, given by path or inline: known by content, wherever they lie.
    #[serde(rename = "file")]
    Content {
        media_type: MediaType,
        sha256: Sha256Hex,
    },
}

/// The kinds of file HeyGen accepts, told by the first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MediaType {
    #[serde(rename = "image/png")]
    Png,
    #[serde(rename = "image/jpeg")]
    Jpeg,
    #[serde(rename = "video/mp4")]
    Mp4,
    #[serde(rename = "video/webm")]
    Webm,
    #[serde(rename = "audio/mpeg")]
    Mp3,
    #[serde(rename = "audio/wav")]
    Wav,
    #[serde(rename = "application/pdf")]
    Pdf,
}

#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error("not a spec in canonical JSON")]
    Json(#[from] serde_json::Error),
    #[error("revision {0} is outside 1 to {MAX_REVISION}")]
    Revision(u32),
    #[error("{0} files; HeyGen takes at most {MAX_FILES}")]
    Files(usize),
}

impl Spec {
    #[must_use]
    pub fn new(prompt: Prompt) -> Self {
        Self {
            prompt,
            avatar_id: None,
            voice_id: None,
            style_id: None,
            brand_kit_id: None,
            orientation: None,
            files: Vec::new(),
            incognito_mode: false,
            revision: 1,
        }
    }

    /// RFC 8785 JSON without null, empty lists and defaults.
    ///
    /// # Panics
    /// Never: a spec holds only strings, booleans and integers below 2^53.
    #[must_use]
    pub fn canonical(&self) -> String {
        serde_json_canonicalizer::to_string(self).expect("a spec is representable in JSON")
    }

    #[must_use]
    pub fn hash(&self) -> VideoHash {
        VideoHash::of_canonical(&self.canonical())
    }

    /// Reads what [`Spec::canonical`] wrote.
    pub fn from_canonical(json: &str) -> Result<Self, SpecError> {
        let spec: Self = serde_json::from_str(json)?;
        if !(1..=MAX_REVISION).contains(&spec.revision) {
            return Err(SpecError::Revision(spec.revision));
        }
        if spec.files.len() > MAX_FILES {
            return Err(SpecError::Files(spec.files.len()));
        }
        Ok(spec)
    }
}

impl Prompt {
    /// Trims by Unicode's `White_Space` property and checks the length.
    pub fn parse(text: &str) -> Result<Self, PromptError> {
        let trimmed = text.trim();
        match trimmed.chars().count() {
            0 => Err(PromptError::Empty),
            n if n > MAX_PROMPT_CHARS => Err(PromptError::TooLong(n)),
            _ => Ok(Self(trimmed.to_owned())),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Prompt {
    type Error = PromptError;

    fn try_from(text: String) -> Result<Self, PromptError> {
        Self::parse(&text)
    }
}

impl From<Prompt> for String {
    fn from(prompt: Prompt) -> Self {
        prompt.0
    }
}

impl MediaType {
    pub const ALL: [Self; 7] = [
        Self::Png,
        Self::Jpeg,
        Self::Mp4,
        Self::Webm,
        Self::Mp3,
        Self::Wav,
        Self::Pdf,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Mp4 => "video/mp4",
            Self::Webm => "video/webm",
            Self::Mp3 => "audio/mpeg",
            Self::Wav => "audio/wav",
            Self::Pdf => "application/pdf",
        }
    }

    /// How many leading bytes [`MediaType::sniff`] looks at.
    pub const SNIFFED: usize = 64;

    /// Tells the type by the leading bytes.
    #[must_use]
    pub fn sniff(head: &[u8]) -> Option<Self> {
        match head {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] if is_mp4(brand) => Some(Self::Mp4),
            [0x1a, 0x45, 0xdf, 0xa3, rest @ ..] if is_webm(rest) => Some(Self::Webm),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'A',
                b'V',
                b'E',
                ..,
            ] => Some(Self::Wav),
            [b'I', b'D', b'3', ..] => Some(Self::Mp3),
            [0xff, b, ..] if is_mpeg_layer_3(*b) => Some(Self::Mp3),
            [b'%', b'P', b'D', b'F', b'-', ..] => Some(Self::Pdf),
            _ => None,
        }
    }
}

/// The same box also begins QuickTime, HEIC and AVIF files, which HeyGen does not take.
fn is_mp4(brand: &[u8]) -> bool {
    [
        &b"iso"[..],
        b"mp4",
        b"avc1",
        b"M4V ",
        b"dash",
        b"MSNV",
        b"3gp",
    ]
    .iter()
    .any(|known| brand.starts_with(known))
}

/// Matroska has the same magic number; the document type tells them apart.
fn is_webm(rest: &[u8]) -> bool {
    let head = &rest[..rest.len().min(MediaType::SNIFFED)];
    head.windows(4).any(|w| w == b"webm")
}

/// Second byte of an MPEG audio frame: sync bits set, a version that is not reserved, layer III.
fn is_mpeg_layer_3(byte: u8) -> bool {
    byte & 0xe0 == 0xe0 && byte & 0x18 != 0x08 && byte & 0x06 == 0x02
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

fn first_revision() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_first_revision(value: &u32) -> bool {
    *value == 1
}
