//! The film itself: a small playable mp4 and what belongs to it, behind links that expire. No two
//! videos have the same files: each carries the video's id.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use hyper::StatusCode;
use hyper::body::Bytes;

use super::answer::Answer;
use super::clock::now_ms;
use super::faults::Kind;
use super::received::Received;
use super::render::Stage;
use super::world::World;

const VIDEO: &[u8] = include_bytes!("assets/video.mp4");
const THUMBNAIL: &[u8] = include_bytes!("assets/thumbnail.jpg");
/// A box of the film that is free for any use, with room for 64 bytes.
const MARKED: Range<usize> = 32..104;
/// Where another segment may stand in the thumbnail: behind the start and the JFIF header.
const SEGMENTS_FROM: usize = 20;

impl World {
    /// A link that works for a while.
    pub(super) fn signed_url(&self, video_id: &str, file: &str) -> String {
        let expires = now_ms() / 1_000 + self.config.link_lifetime.as_secs();
        let signature = signature(video_id, file, expires);
        format!(
            "{}/files/{video_id}/{file}?expires={expires}&signature={signature}",
            self.url
        )
    }

    /// What a link leads to.
    pub(super) fn file(
        &self,
        video_id: &str,
        file: &str,
        received: &Received,
        faults: &[Kind],
    ) -> Answer {
        let value = |name| received.parameter(name).unwrap_or_default();
        let expires = value("expires").parse().unwrap_or(0);
        let fits = value("signature") == signature(video_id, file, expires);
        if !fits || expires <= now_ms() / 1_000 {
            return Answer::error(403, "forbidden", "this link expired or is not ours");
        }
        let stage = self.session_of_video(video_id).map(|s| s.stage(now_ms()));
        let etag = format!("\"{}\"", signature(video_id, file, 0));
        let is_same = received.header("if-range").is_none_or(|tag| tag == etag);
        let range = received.header("range");
        let range = range.filter(|_| is_same && !faults.contains(&Kind::NoRanges));
        let answer = match (stage, file) {
            (Some(Stage::Completed), "video.mp4" | "captioned.mp4") => {
                ranged("video/mp4", film(video_id, file), range)
            }
            (Some(Stage::Completed), "thumbnail.jpg") => {
                ranged("image/jpeg", thumbnail(video_id), range)
            }
            (Some(Stage::Completed), "captions.srt") => {
                ranged("text/plain", captions(video_id), range)
            }
            _ => return Answer::not_found("file"),
        };
        Answer {
            etag: Some(etag),
            ..answer
        }
    }

    /// The page people open.
    pub(super) fn video_page(&self, video_id: &str) -> Answer {
        let Some(session) = self.session_of_video(video_id) else {
            return Answer::not_found("video");
        };
        let html = format!(
            "<!doctype html><meta charset=utf-8><title>Sandbox video</title>\
             <h1>Sandbox video</h1><video controls src=\"{}\"></video><pre>{}</pre>",
            self.signed_url(video_id, "video.mp4").replace('&', "&amp;"),
            session.prompt().replace('&', "&amp;").replace('<', "&lt;"),
        );
        Answer::bytes("text/html; charset=utf-8", html)
    }
}

/// Not a secret: it shows whether a client kept the link whole.
pub(super) fn signature(video_id: &str, file: &str, expires: u64) -> String {
    let mut hasher = DefaultHasher::new();
    (video_id, file, expires).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Marked at both ends, so that one put together of two shows.
fn film(video_id: &str, file: &str) -> Bytes {
    let mark = format!("{video_id}/{file}");
    let mark = format!("{mark:\0<64.64}");
    let marked = [&VIDEO[MARKED][..8], mark.as_bytes()].concat();
    let (before, after) = (&VIDEO[..MARKED.start], &VIDEO[MARKED.end..]);
    [before, &marked, after, &marked].concat().into()
}

/// With the id as a comment.
fn thumbnail(video_id: &str) -> Bytes {
    let (start, rest) = THUMBNAIL.split_at(SEGMENTS_FROM);
    let size = 2 + u16::try_from(video_id.len()).unwrap_or(0);
    let comment = [b"\xff\xfe", &size.to_be_bytes()[..], video_id.as_bytes()].concat();
    [start, &comment, rest].concat().into()
}

fn captions(video_id: &str) -> Bytes {
    format!("1\n00:00:00,000 --> 00:00:02,000\nA film of the sandbox: {video_id}\n").into()
}

/// The whole file, or the one range of it that was asked for.
fn ranged(media_type: &'static str, file: Bytes, range: Option<&str>) -> Answer {
    let Some(asked) = range.and_then(|r| parse_range(r, file.len())) else {
        return Answer::bytes(media_type, file);
    };
    let Some((from, end)) = asked else {
        let refused = "the range is beyond the end";
        return Answer {
            range: Some(format!("bytes */{}", file.len())),
            ..Answer::error(416, "range_not_satisfiable", refused)
        };
    };
    Answer {
        status: StatusCode::PARTIAL_CONTENT,
        range: Some(format!("bytes {from}-{}/{}", end - 1, file.len())),
        ..Answer::bytes(media_type, file.slice(from..end))
    }
}

/// From the first byte to behind the last; `Some(None)` is beyond the file, `None` is no range
/// that is understood, which means the whole file.
fn parse_range(range: &str, length: usize) -> Option<Option<(usize, usize)>> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (from, end) = match (from, to) {
        ("", last) => (length.saturating_sub(last.parse().ok()?), length),
        (from, "") => (from.parse().ok()?, length),
        (from, to) => {
            let from: usize = from.parse().ok()?;
            let last = to.parse().ok().filter(|last| from <= *last)?;
            (from, length.min(usize::saturating_add(last, 1)))
        }
    };
    Some((from < end).then_some((from, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_file() {
        for (text, expected) in [
            ("bytes=0-3", Some(Some((0, 4)))),
            ("bytes=3-99", Some(Some((3, 10)))),
            ("bytes=4-", Some(Some((4, 10)))),
            ("bytes=-4", Some(Some((6, 10)))),
            ("bytes=-99", Some(Some((0, 10)))),
            ("bytes=10-", Some(None)),
            ("bytes=5-4", None),
            ("bytes=a-b", None),
            ("items=0-1", None),
        ] {
            assert_eq!(parse_range(text, 10), expected, "{text}");
        }
    }
}
