//! The film itself: a small playable mp4 and its thumbnail, behind links that expire.

use std::hash::{DefaultHasher, Hash, Hasher};

use hyper::StatusCode;

use super::answer::{Answer, Body};
use super::clock::now_ms;
use super::render::Stage;
use super::world::World;

const VIDEO: &[u8] = include_bytes!("assets/video.mp4");
const THUMBNAIL: &[u8] = include_bytes!("assets/thumbnail.jpg");
const LINK_LASTS_S: u64 = 60 * 60;

impl World {
    /// A link that works for an hour.
    pub(super) fn signed_url(&self, video_id: &str, file: &str) -> String {
        let expires = now_ms() / 1_000 + LINK_LASTS_S;
        let signature = self.signature(video_id, file, expires);
        format!(
            "{}/files/{video_id}/{file}?expires={expires}&signature={signature}",
            self.url
        )
    }

    fn signature(&self, video_id: &str, file: &str, expires: u64) -> String {
        let mut hasher = DefaultHasher::new();
        (self.config.seed, video_id, file, expires).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// What a link leads to.
    pub(super) fn file(
        &self,
        video_id: &str,
        file: &str,
        query: &[(String, String)],
        range: Option<&str>,
    ) -> Answer {
        let value = |name: &str| query.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v);
        let expires = value("expires").parse().unwrap_or(0);
        let fits = value("signature") == self.signature(video_id, file, expires);
        if !fits || expires < now_ms() / 1_000 {
            return Answer::error(403, "forbidden", "this link expired or is not ours");
        }
        let done = self.session_of_video(video_id).map(|s| s.stage(now_ms()));
        match (done, file) {
            (Some(Stage::Completed), "video.mp4") => ranged("video/mp4", VIDEO, range),
            (Some(Stage::Completed), "thumbnail.jpg") => ranged("image/jpeg", THUMBNAIL, range),
            _ => Answer::not_found("file"),
        }
    }

    /// The page people open.
    pub(super) fn video_page(&self, video_id: &str) -> Answer {
        match self.session_of_video(video_id) {
            Some(session) => {
                let html = format!(
                    "<!doctype html><meta charset=utf-8><title>Sandbox video</title>\
                     <h1>Sandbox video</h1><video controls src=\"{}\"></video><pre>{}</pre>",
                    self.signed_url(video_id, "video.mp4").replace('&', "&amp;"),
                    session.prompt().replace('&', "&amp;").replace('<', "&lt;"),
                );
                Answer::bytes("text/html; charset=utf-8", html.into_bytes())
            }
            None => Answer::not_found("video"),
        }
    }
}

/// The whole file, or the one range of it that was asked for.
fn ranged(media_type: &'static str, file: &[u8], range: Option<&str>) -> Answer {
    let Some((from, to)) = range.and_then(|r| parse_range(r, file.len())) else {
        return Answer::bytes(media_type, file.to_vec());
    };
    Answer {
        status: StatusCode::PARTIAL_CONTENT,
        body: Body::Bytes {
            media_type,
            bytes: file[from..=to].to_vec(),
        },
        retry_after: None,
        range: Some(format!("bytes {from}-{to}/{}", file.len())),
    }
}

fn parse_range(range: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from: usize = from.parse().ok()?;
    let to = to.parse().unwrap_or(usize::MAX).min(length.checked_sub(1)?);
    (from <= to).then_some((from, to))
}
