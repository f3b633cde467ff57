//! One look at HeyGen.

use crate::heygen::{ReadError, Reader, Session, Video};

/// What a look at one session or video showed.
#[derive(Debug, Clone)]
pub enum Seen {
    /// The session is being worked on and has no video yet.
    Thinking,
    /// The video exists and is not finished. A status nobody listed counts as this.
    Rendering { video_id: String },
    /// The video ended, well or badly.
    Ended(Box<Video>),
    /// The session failed before there was a video.
    SessionFailed { message: String },
    /// HeyGen does not know it.
    Missing,
}

/// What a batch of statuses tells of each video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coarse {
    Running,
    /// Completed, failed or missing: worth a look of its own.
    Changed,
}

/// Looks at a session, and at its video if that seems to have ended.
pub async fn look_at_session(reader: &Reader, session_id: &str) -> Result<Seen, ReadError> {
    let session = match reader.session(session_id).await {
        Ok(session) => session,
        Err(error) if error.is_not_found() => return Ok(Seen::Missing),
        Err(error) => return Err(error),
    };
    look_further(reader, &session).await
}

/// Looks at the video of a session that was read, if it seems to have ended.
pub async fn look_further(reader: &Reader, session: &Session) -> Result<Seen, ReadError> {
    let ended = matches!(session.status.as_str(), "completed" | "failed");
    match &session.video_id {
        Some(video_id) if ended => look_at_video(reader, video_id).await,
        Some(video_id) => Ok(Seen::Rendering {
            video_id: video_id.clone(),
        }),
        None if session.status == "failed" => Ok(Seen::SessionFailed {
            message: session.error_message().unwrap_or_default().to_owned(),
        }),
        None => Ok(Seen::Thinking),
    }
}

pub async fn look_at_video(reader: &Reader, video_id: &str) -> Result<Seen, ReadError> {
    let video = match reader.video(video_id).await {
        Ok(video) => video,
        Err(error) if error.is_not_found() => return Ok(Seen::Missing),
        Err(error) => return Err(error),
    };
    Ok(seen_of(video, video_id))
}

/// What a video that was read shows.
#[must_use]
pub fn seen_of(video: Video, video_id: &str) -> Seen {
    match video.status.as_str() {
        "completed" | "failed" => Seen::Ended(video.into()),
        _ => Seen::Rendering {
            video_id: video_id.to_owned(),
        },
    }
}

/// Asks for many videos at once. One the answer leaves out counts as running.
pub async fn look_at_statuses(
    reader: &Reader,
    video_ids: &[String],
) -> Result<Vec<(String, Coarse)>, ReadError> {
    let statuses = reader.statuses(video_ids).await?;
    Ok(statuses
        .into_iter()
        .filter_map(|entry| Some((entry.video_id?, coarse(&entry.status))))
        .collect())
}

fn coarse(status: &str) -> Coarse {
    match status {
        "completed" | "failed" | "not_found" => Coarse::Changed,
        _ => Coarse::Running,
    }
}
