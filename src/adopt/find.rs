//! What HeyGen tells of a session or video that somebody names.

use jiff::Timestamp;

use crate::follow::{Seen, look_further, seen_of};
use crate::heygen::{ReadError, Reader, Session};
use crate::patience::patiently;
use crate::state::is_usable_id;

/// What somebody names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A session; with the video it is to have, if that was named too.
    Session(String, Option<String>),
    Video(String),
}

/// What HeyGen tells of it.
#[derive(Debug)]
pub struct Found {
    /// Unknown where a video was named and no event tells its session.
    pub session_id: Option<String>,
    pub video_id: Option<String>,
    pub made: Option<Timestamp>,
    /// What its user wrote, the newest first; empty while HeyGen does not show it.
    pub texts: Vec<String>,
    pub seen: Seen,
}

#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("HeyGen has no session {0} in this account")]
    NoSession(String),
    #[error("HeyGen has no video {0} in this account")]
    NoVideo(String),
    #[error("session {session} has {}, not {wanted}", has.as_ref().map_or("no video yet".to_owned(), |id| format!("the video {id}")))]
    OtherVideo {
        session: String,
        has: Option<String>,
        wanted: String,
    },
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Wanted {
    /// The ids that were named.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        let (one, other) = match self {
            Self::Session(session, video) => (session, video.as_ref()),
            Self::Video(video) => (video, None),
        };
        std::iter::once(one).chain(other)
    }
}

pub async fn find(reader: &Reader, wanted: &Wanted) -> Result<Found, FindError> {
    match wanted {
        Wanted::Session(id, video) => {
            let session = session(reader, id).await?;
            match video
                .as_ref()
                .filter(|v| session.video_id.as_ref() != Some(v))
            {
                None => Ok(found(reader, session, id).await?),
                Some(video) => Err(FindError::OtherVideo {
                    session: id.clone(),
                    has: session.video_id,
                    wanted: video.clone(),
                }),
            }
        }
        Wanted::Video(id) => by_video(reader, id).await,
    }
}

async fn session(reader: &Reader, id: &str) -> Result<Session, FindError> {
    let read = patiently(|| reader.session(id)).await;
    read.map_err(|error| match error.is_not_found() {
        true => FindError::NoSession(id.to_owned()),
        false => error.into(),
    })
}

async fn found(reader: &Reader, session: Session, id: &str) -> Result<Found, ReadError> {
    Ok(Found {
        seen: patiently(|| look_further(reader, &session)).await?,
        session_id: Some(id.to_owned()),
        made: at(session.created_at),
        texts: session.user_texts().map(str::to_owned).collect(),
        video_id: session.video_id.filter(|id| is_usable_id(id)),
    })
}

/// The video does not name its session, but the event that told of its end does.
async fn by_video(reader: &Reader, id: &str) -> Result<Found, FindError> {
    let read = patiently(|| reader.video(id)).await;
    let video = read.map_err(|error| match error.is_not_found() {
        true => FindError::NoVideo(id.to_owned()),
        false => error.into(),
    })?;
    if let Some(session) = session_of(reader, id).await {
        let session_id = session.session_id.clone();
        return Ok(found(reader, session, &session_id).await?);
    }
    Ok(Found {
        session_id: None,
        video_id: Some(id.to_owned()),
        made: at(video.created_at),
        texts: Vec::new(),
        seen: seen_of(video, id),
    })
}

/// The session that an event names for a video, if the session says so too. No event proves nothing.
async fn session_of(reader: &Reader, video_id: &str) -> Option<Session> {
    let events = patiently(|| reader.events_about(video_id)).await;
    let events = events.unwrap_or_else(|error| {
        tracing::debug!(%error, "the events about a video could not be read");
        Vec::new()
    });
    let about = |id: &Option<String>| id.as_deref() == Some(video_id);
    let event = events.into_iter().find(|e| about(&e.event_data.video_id))?;
    let id = event.event_data.session_id.filter(|id| is_usable_id(id))?;
    let session = patiently(|| reader.session(&id)).await.ok()?;
    (session.session_id == id && about(&session.video_id)).then_some(session)
}

fn at(seconds: Option<i64>) -> Option<Timestamp> {
    Timestamp::from_second(seconds?).ok()
}
