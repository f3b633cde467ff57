//! What a look changes in the record. Pure.

use jiff::{SignedDuration, Timestamp};

use super::Seen;
use crate::heygen::Video;
use crate::state::{Attempt, Failure, Phase, is_usable_id};

/// A video that was submitted less than this ago may be missing only because HeyGen's reads lag.
const MISSING_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// A longer page link, or one that needs escaping, is not recorded.
const MAX_PAGE_URL: usize = 500;

/// The attempt as it is after a look, or `None` if nothing changed.
#[must_use]
pub fn observe(attempt: &Attempt, seen: &Seen, now: Timestamp) -> Option<Attempt> {
    let mut next = attempt.clone();
    match seen {
        Seen::Thinking => {}
        Seen::Rendering { video_id } => rendering(&mut next, video_id),
        Seen::Ended(video) => ended(&mut next, video, now),
        Seen::SessionFailed { message } => {
            next.phase = Phase::Failed;
            next.failure = Some(Failure::new("session_failed", message).into());
            next.completed_at = Some(now);
        }
        Seen::Missing => missing(&mut next, now),
    }
    (next != *attempt).then_some(next)
}

/// A finished video does not start again: a status that says so is an old one.
fn rendering(attempt: &mut Attempt, video_id: &str) {
    if attempt.phase.is_unfinished() && is_usable_id(video_id) {
        attempt.phase = Phase::Rendering;
        attempt.video_id = Some(video_id.to_owned());
    }
}

fn ended(attempt: &mut Attempt, video: &Video, now: Timestamp) {
    if is_usable_id(&video.id) {
        attempt.video_id = Some(video.id.clone());
    }
    let told = video
        .completed_at
        .and_then(|s| Timestamp::from_second(s).ok());
    attempt.completed_at = told.or(attempt.completed_at).or(Some(now));
    attempt.duration_s = video.duration.filter(|s| s.is_finite() && *s >= 0.0);
    attempt.video_page_url = video.video_page_url.clone().filter(|url| is_plain_url(url));
    if video.status == "completed" {
        attempt.phase = Phase::Completed;
        attempt.failure = None;
    } else {
        attempt.phase = Phase::Failed;
        let failure = Failure::new(
            video.failure_code.as_deref().unwrap_or("failed"),
            video.failure_message.as_deref().unwrap_or_default(),
        );
        attempt.failure = Some(failure.into());
    }
}

fn missing(attempt: &mut Attempt, now: Timestamp) {
    let since = attempt.answered_at.unwrap_or(attempt.intent_at);
    if now.duration_since(since) >= MISSING_AFTER && attempt.phase.is_live() {
        attempt.phase = Phase::Gone;
    }
}

fn is_plain_url(url: &str) -> bool {
    url.len() <= MAX_PAGE_URL
        && url
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}
