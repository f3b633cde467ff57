//! Which film is whose: the sandbox makes a different one of each video.

use std::collections::HashMap;

use crate::support::Heygen;

/// What a film is made of: in it and behind it stands whose it is.
const FILM: &[u8] = include_bytes!("../../src/sandbox/assets/video.mp4");

/// A file of a video, as it is served.
pub fn film(video_id: &str, file: &str) -> Vec<u8> {
    let mut marked = b"\0\0\0\x48free".to_vec();
    marked.extend_from_slice(format!("{video_id}/{file}").as_bytes());
    marked.resize(0x48, 0);
    [&FILM[..32], &marked, &FILM[0x68..], &marked].concat()
}

/// The video and the file of it, as `VIDEO_ID/FILE`, if that is what this is, whole.
pub fn whose(content: &[u8]) -> Option<String> {
    let marked = content.last_chunk::<64>()?;
    let mark = str::from_utf8(marked).ok()?.trim_end_matches('\0');
    let (video_id, file) = mark.split_once('/')?;
    (film(video_id, file) == content).then(|| mark.to_owned())
}

/// The video that each prompt became; of several the last.
pub fn made(heygen: &Heygen) -> HashMap<String, String> {
    let sessions = heygen.sessions().into_iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    sessions
        .map(|s| (text(&s["request"]["prompt"]), text(&s["video_id"])))
        .collect()
}
