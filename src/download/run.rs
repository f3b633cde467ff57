//! All films, a few at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use super::about;
use super::error::DownloadError;
use super::film::{Done, How, film};
use super::folder::{Folder, FolderError, Target};
use super::names::{Kind, Place};
use super::placed;
use super::survey::{Job, Other, Wished};
use crate::heygen::{ConnectError, Files, Reader};
use crate::state::{Attempt, Entry, FileRecord, Recorded, StateError};
use crate::video::Name;

const AT_A_TIME: usize = 4;
const PROGRESS_EVERY: Duration = Duration::from_millis(120);

/// What downloading works with. The folder is this process's alone meanwhile.
pub struct Tools {
    pub(super) root: Folder,
    pub(super) shown: String,
    pub(super) reader: Reader,
    pub(super) files: Files,
    pub(super) clock: fn() -> Timestamp,
    pub(super) fetched: AtomicU64,
}

/// Who records and tells what happens.
pub trait Sink: Send {
    /// Whether it is durable when it returns, or will be later.
    fn record(&mut self, entries: Vec<Entry>) -> Result<bool, StateError>;
    fn event(&mut self, event: Event);
}

#[derive(Debug)]
pub enum Event {
    Downloaded {
        file: Box<FileRecord>,
        attempt: Box<Attempt>,
        how: How,
    },
    /// HeyGen has no such file.
    Lacking { name: Name, kind: Kind },
    Failed {
        name: Name,
        attempt: Box<Attempt>,
        error: DownloadError,
    },
    Progress {
        done: usize,
        of: usize,
        /// That were fetched so far.
        bytes: u64,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Fetched, copied or moved.
    pub downloaded: usize,
    /// Were there.
    pub present: usize,
    pub failed: usize,
    /// Not tried: told to stop, or HeyGen refuses all.
    pub not_started: usize,
}

impl Tools {
    pub fn open(
        target: &Target,
        reader: &Reader,
        clock: fn() -> Timestamp,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            root: target.open()?,
            shown: target.folder.clone(),
            reader: reader.clone(),
            files: reader.files()?,
            clock,
            fetched: AtomicU64::new(0),
        })
    }

    /// What the record tells of needs no note. One that stays is looked for again.
    fn forget_placed(&self, file: &FileRecord) {
        let place = Place::of(&file.name);
        let forget = |folder: Folder| {
            let mut kinds = [Kind::Film].into_iter().chain(Kind::SIDECARS);
            kinds.try_for_each(|kind| placed::forget(&folder, &place.file(kind)))
        };
        let folder = self.root.below(&place.folders);
        if let Err(error) = folder.and_then(|folder| folder.map_or(Ok(()), forget)) {
            tracing::warn!("{error}");
        }
    }

    /// Writes `index.json`, if what it tells changed.
    pub fn write_index(&self, recorded: &Recorded, wished: &Wished) -> Result<(), FolderError> {
        about::write_index(&self.root, recorded, wished)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// Sees to it that these films are there. An error is one of the record, and ends it; all others are
/// events.
pub async fn run(
    tools: &Arc<Tools>,
    jobs: Vec<Job>,
    sink: &mut dyn Sink,
    stop: watch::Receiver<u32>,
) -> (Counts, Result<(), StateError>) {
    let mut run = Run {
        tools,
        sink,
        stop,
        of: jobs.len(),
        counts: Counts::default(),
        refused: false,
        made: Vec::new(),
    };
    let recorded = run.each(jobs).await;
    let counts = &mut run.counts;
    counts.not_started = run.of - counts.downloaded - counts.present - counts.failed;
    (run.counts, recorded)
}
struct Run<'a> {
    tools: &'a Arc<Tools>,
    sink: &'a mut dyn Sink,
    stop: watch::Receiver<u32>,
    of: usize,
    counts: Counts,
    /// HeyGen refuses whatever is asked.
    refused: bool,
    made: Vec<FileRecord>,
}

type Ended = Result<Done, DownloadError>;

/// A download that panicked failed, and is told of like any other.
fn ended(joined: Result<(Id, Ended), JoinError>) -> (Id, Ended) {
    joined.unwrap_or_else(|error| {
        tracing::warn!("a download broke off: {error}");
        (error.id(), Err(DownloadError::Internal))
    })
}

impl Run<'_> {
    async fn each(&mut self, jobs: Vec<Job>) -> Result<(), StateError> {
        // Of several names of one video, one fetches it and the others copy.
        let mut seen = HashSet::new();
        let (first, mut others): (Vec<_>, Vec<_>) =
            (jobs.into_iter()).partition(|job| seen.insert(job.attempt.key()));
        self.all(first).await?;
        for job in &mut others {
            let made = self.made.iter();
            let same = made.filter(|file| file.is_of(&job.attempt));
            job.others.extend(same.map(|file| Other {
                file: file.clone(),
                is_left: false,
            }));
        }
        self.all(others).await
    }

    async fn all(&mut self, jobs: Vec<Job>) -> Result<(), StateError> {
        let mut waiting = jobs.into_iter();
        let mut running: JoinSet<Ended> = JoinSet::new();
        let mut under_way = HashMap::new();
        let mut tick = tokio::time::interval(PROGRESS_EVERY);
        loop {
            while running.len() < AT_A_TIME && !self.refused && *self.stop.borrow() == 0 {
                let Some(job) = waiting.next() else { break };
                let (tools, of) = (self.tools.clone(), job.clone());
                let task = running.spawn(async move { film(&tools, &of).await });
                under_way.insert(task.id(), job);
            }
            tokio::select! {
                joined = running.join_next_with_id() => {
                    let Some(joined) = joined else { return Ok(()) };
                    let (id, done) = ended(joined);
                    if let Some(job) = under_way.remove(&id) {
                        self.ended(job, done)?;
                    }
                }
                _ = tick.tick() => self.progress(),
                Ok(()) = self.stop.changed() => {
                    // Each keeps what it has for the next time.
                    running.shutdown().await;
                    return Ok(());
                }
            }
        }
    }

    fn ended(&mut self, job: Job, done: Ended) -> Result<(), StateError> {
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                self.failed(job, error);
                return Ok(());
            }
        };
        if self.sink.record(done.entries)? {
            self.tools.forget_placed(&done.file);
        }
        self.made.push(done.file.clone());
        for kind in done.lacking {
            let name = job.name.clone();
            self.sink.event(Event::Lacking { name, kind });
        }
        if done.how != How::Present {
            self.sink.event(Event::Downloaded {
                file: done.file.into(),
                attempt: Box::new(job.attempt.clone()),
                how: done.how.clone(),
            });
        }
        match (done.beside, done.how) {
            (Some(error), _) => self.failed(job, error),
            (None, How::Present) => self.counts.present += 1,
            (None, _) => self.counts.downloaded += 1,
        }
        Ok(())
    }

    fn failed(&mut self, job: Job, error: DownloadError) {
        self.counts.failed += 1;
        self.refused |= error.stops_all();
        self.sink.event(Event::Failed {
            name: job.name,
            attempt: Box::new(job.attempt),
            error,
        });
    }

    fn progress(&mut self) {
        let counts = &self.counts;
        self.sink.event(Event::Progress {
            done: counts.downloaded + counts.present + counts.failed,
            of: self.of,
            bytes: self.tools.fetched.load(Ordering::Relaxed),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_that_is_told() {
        let mut running: JoinSet<Ended> = JoinSet::new();
        let task = running.spawn(async { panic!("a bug") });
        let (id, done) = ended(running.join_next_with_id().await.unwrap());
        assert_eq!(id, task.id());
        assert!(matches!(done, Err(DownloadError::Internal)), "{done:?}");
    }
}
