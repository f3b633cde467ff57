//! What happens during an apply, as data. Text, JSON and progress bars are made from it elsewhere.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::state::{Attempt, Failure};
use crate::video::{Name, VideoHash};

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// HeyGen accepted a submission.
    Submitted(Attempt),
    /// A name shows an existing video now.
    Reused {
        name: Name,
        hash: VideoHash,
        session_id: Option<String>,
        video_id: Option<String>,
    },
    /// A name took over the record of another.
    Moved {
        name: Name,
        from: Name,
        hash: VideoHash,
        session_id: Option<String>,
        video_id: Option<String>,
    },
    Completed(Attempt),
    Failed(Attempt),
    /// The API refused the request of this manifest.
    Rejected {
        attempt: Attempt,
        path: Arc<str>,
    },
    /// The outcome of an attempt was not learned; it holds its name until it is settled.
    Unknown(Attempt),
    /// What an attempt with an unknown outcome came to: a session, or that it was never sent.
    Settled(Attempt),
    /// The outcome of an attempt was not learned, and it can't be settled for so long.
    Settling {
        attempt: Box<Attempt>,
        wait: Duration,
    },
    /// Found missing at HeyGen.
    Gone(Attempt),
    /// Its video was deleted, or was gone already.
    Deleted {
        name: Name,
        attempt: Box<Attempt>,
    },
    /// Something went wrong that no attempt stands for. `name` is absent where all are meant.
    Error {
        name: Option<Name>,
        hash: Option<VideoHash>,
        failure: Failure,
    },
    /// Worth saying to a person who waits, nothing else.
    Notice(String),
    /// Nothing is sent, or asked, for so long.
    Paused {
        reason: String,
        wait: Duration,
        cause: PauseCause,
    },
    /// HeyGen is reached after it was not.
    ReachedAgain,
    Progress(Progress),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseCause {
    /// HeyGen asked for it.
    RateLimit,
    /// Requests or reads are not answered.
    Unreachable,
    /// Outcomes are not learned.
    Outcomes,
}

/// How far an apply is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Submissions this apply wants to make.
    pub wanted: usize,
    pub accepted: usize,
    /// Requests under way.
    pub sending: usize,
    /// Not finished at HeyGen, as far as this apply follows them.
    pub rendering: usize,
    pub completed: usize,
    pub failed: usize,
    /// Bytes sent of how many, where a large file is being uploaded.
    pub upload: Option<(u64, u64)>,
}

/// How many of each, for the last line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// POSTs that were accepted.
    pub submitted: usize,
    pub reused: usize,
    pub moved: usize,
    pub settled: usize,
    pub completed: usize,
    pub failed: usize,
    pub rejected: usize,
    pub unknown: usize,
    pub deleted: usize,
    pub not_started: usize,
}

impl Counts {
    pub(super) fn add(&mut self, event: &Event) {
        match event {
            Event::Submitted(_) => self.submitted += 1,
            Event::Reused { .. } => self.reused += 1,
            Event::Moved { .. } => self.moved += 1,
            Event::Completed(_) => self.completed += 1,
            Event::Failed(_) => self.failed += 1,
            Event::Rejected { .. } => self.rejected += 1,
            Event::Unknown(_) => self.unknown += 1,
            Event::Settled(_) => self.settled += 1,
            Event::Deleted { .. } => self.deleted += 1,
            Event::Gone(_)
            | Event::Settling { .. }
            | Event::Error { .. }
            | Event::Notice(_)
            | Event::Paused { .. }
            | Event::ReachedAgain
            | Event::Progress(_) => {}
        }
    }
}
