//! Uploaded assets: kept by what they are, without their bytes.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Source: HeyGen's reference of `POST /v3/assets`. It says "32 MB" and not which; a client has to be
/// right by either reading, so this is the smaller.
pub(super) const MAX_BYTES: usize = 32_000_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Asset {
    pub(super) asset_id: String,
    pub(super) sha256: String,
    pub(super) mime_type: String,
    pub(super) size_bytes: usize,
    /// The key it was uploaded with: a repeat gets the same answer.
    pub(super) idempotency_key: Option<String>,
    pub(super) made_ms: u64,
}

impl Asset {
    /// `None` if the bytes are of no accepted kind.
    pub(super) fn new(
        asset_id: String,
        bytes: &[u8],
        key: Option<&str>,
        made_ms: u64,
    ) -> Option<Self> {
        Some(Self {
            asset_id,
            sha256: hex::encode(Sha256::digest(bytes)),
            mime_type: mime_type(bytes)?.to_owned(),
            size_bytes: bytes.len(),
            idempotency_key: key.map(str::to_owned),
            made_ms,
        })
    }
}

/// What the bytes say they are, if that is accepted.
pub(super) fn mime_type(bytes: &[u8]) -> Option<&'static str> {
    let at = |from: usize, magic: &[u8]| bytes.get(from..from + magic.len()) == Some(magic);
    let mp3_frame = at(0, &[0xff]) && bytes.get(1).is_some_and(|b| b & 0xe6 == 0xe2);
    Some(match () {
        () if at(0, b"\x89PNG\r\n\x1a\n") => "image/png",
        () if at(0, b"\xff\xd8\xff") => "image/jpeg",
        () if at(4, b"ftyp") => "video/mp4",
        () if at(0, b"\x1a\x45\xdf\xa3") => "video/webm",
        () if at(0, b"RIFF") && at(8, b"WAVE") => "audio/wav",
        () if at(0, b"%PDF-") => "application/pdf",
        () if at(0, b"ID3") || mp3_frame => "audio/mpeg",
        () => return None,
    })
}
