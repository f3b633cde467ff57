//! What a video is: its name, the wish that describes it, and the hash of that wish.
//!
//! Values here are valid by construction and plain data; nothing in this module does I/O.

mod hash;
mod name;
mod spec;

pub use hash::{ParseHashError, Sha256Hasher, Sha256Hex, VideoHash};
pub use name::{Name, NameError};
pub use spec::{FileSpec, MediaType, Orientation, Prompt, PromptError, Spec, SpecError};

/// Most characters (Unicode code points, after trimming) HeyGen accepts in a prompt.
///
/// Source: HeyGen's reference of `POST /v3/video-agents`.
pub const MAX_PROMPT_CHARS: usize = 10_000;
/// Most files HeyGen accepts in one request.
///
/// Source: HeyGen's reference of `POST /v3/video-agents`.
pub const MAX_FILES: usize = 20;
/// Largest file: what S3 takes in one PUT, which is how HeyGen takes files over 32 MB.
///
/// Source: HeyGen's reference of `POST /v3/assets/direct-uploads`, Amazon's of `PutObject`.
pub const MAX_FILE_BYTES: u64 = 5 << 30;
/// Largest `revision`: canonical JSON writes numbers as IEEE doubles, so the range stays far below 2^53.
pub const MAX_REVISION: u32 = 2_147_483_647;
