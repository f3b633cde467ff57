//! Walking HeyGen's list of sessions, newest first.

use jiff::{SignedDuration, Timestamp};

use crate::heygen::{ListedSession, ReadError, Reader};
use crate::patience::patiently;

/// How far before an intent the list is looked at: clocks differ.
pub const WALK_BACK: SignedDuration = SignedDuration::from_mins(15);

/// The sessions made since `until`, at most `most_pages` of a hundred.
pub async fn walk(
    reader: &Reader,
    until: Timestamp,
    most_pages: usize,
) -> Result<Vec<ListedSession>, ReadError> {
    let mut sessions = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..most_pages {
        let page = patiently(|| reader.sessions(token.as_deref())).await?;
        // The whole page counts: one session whose time is off must not hide those behind it.
        let in_time = |s: &ListedSession| s.created_at >= until.as_second();
        let goes_on = page.items.last().is_some_and(in_time);
        sessions.extend(page.items.into_iter().filter(in_time));
        match page.next.filter(|_| goes_on) {
            Some(next) => token = Some(next),
            None => return Ok(sessions),
        }
    }
    Err(ReadError::Shape(format!(
        "the session list does not end within {most_pages} pages"
    )))
}
