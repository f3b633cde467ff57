//! One name's film and what lies beside it: kept, taken over, copied or fetched.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::about;
use super::error::DownloadError;
use super::folder::{Folder, FolderError};
use super::names::{self, Kind, Place};
use super::part::{hash_into, modified, sum};
use super::run::Tools;
use super::survey::Job;
use super::transfer::{Links, Transfer, fetch};
use crate::state::{Entry, FileRecord, Stored};
use crate::video::Name;

/// How a film came to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It was.
    Present,
    Fetched,
    /// From the same video under another name.
    Copied,
    /// It was this name's, which is nobody's any more.
    Moved(Name),
}

/// A film that is in its place.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) file: FileRecord,
    pub(super) how: How,
    /// What was asked for and HeyGen does not have.
    pub(super) lacking: Vec<Kind>,
    /// What went wrong beside it.
    pub(super) beside: Option<DownloadError>,
    pub(super) entries: Vec<Entry>,
}

/// A name's film under way.
pub(super) struct Work<'a> {
    pub(super) tools: &'a Tools,
    pub(super) job: &'a Job,
    pub(super) place: Place,
    pub(super) folder: Folder,
}

pub(super) async fn film(tools: &Tools, job: &Job) -> Result<Done, DownloadError> {
    let place = Place::of(&job.name);
    let folder = tools.root.make(&place.folders)?;
    let work = Work {
        tools,
        job,
        place,
        folder,
    };
    let video_id = job.attempt.video_id.as_deref().unwrap_or_default();
    let mut links = Links::new(&tools.reader, video_id);
    let (film, how, taken) = work.film(&mut links).await?;
    let mut file = work.record(film, taken);
    let (mut lacking, mut beside) = (Vec::new(), None);
    for kind in Kind::SIDECARS {
        match work.sidecar(kind, &file, &mut links).await {
            Ok(Sidecar::Lacking) => lacking.push(kind),
            Ok(Sidecar::Is(stored)) => file.set(kind, stored),
            Err(error) => beside = Some(error),
        }
    }
    // The film is there and is recorded, or it would be fetched again each time.
    if let Err(error) = about::write(&work.folder, &file, &job.attempt, job.labels.as_ref()) {
        beside = Some(error.into());
    }
    Ok(Done {
        entries: entries(job, &file, &how),
        file,
        how,
        lacking,
        beside,
    })
}

fn entries(job: &Job, file: &FileRecord, how: &How) -> Vec<Entry> {
    if job.own.as_ref() == Some(file) {
        return Vec::new();
    }
    let left = match how {
        How::Moved(from) => Some(Entry::ForgetFile(from.clone())),
        _ => None,
    };
    left.into_iter()
        .chain([Entry::File(file.clone())])
        .collect()
}

impl FileRecord {
    fn set(&mut self, kind: Kind, stored: Option<Stored>) {
        match kind {
            Kind::Film => self.film = stored.unwrap_or(self.film),
            Kind::Subtitles => self.subtitles = stored,
            Kind::Captioned => self.captioned = stored,
            Kind::Thumbnail => self.thumbnail = stored,
        }
    }
}

enum Sidecar {
    Is(Option<Stored>),
    /// HeyGen has none.
    Lacking,
}

impl Work<'_> {
    /// The record of the same video that this name had or took over, with the film as it is now.
    fn record(&self, film: Stored, taken: Option<&FileRecord>) -> FileRecord {
        let job = self.job;
        let known = taken.or(job.own.as_ref());
        let known = known.filter(|known| known.is_of(&job.attempt));
        let beside = |kind| known.and_then(|known| known.sidecar(kind).copied());
        let same = known.filter(|known| known.film.sha256 == film.sha256);
        FileRecord {
            name: job.name.clone(),
            attempt: job.attempt.key(),
            video_id: job.attempt.video_id.clone().unwrap_or_default(),
            folder: self.tools.shown.clone(),
            film,
            subtitles: beside(Kind::Subtitles),
            captioned: beside(Kind::Captioned),
            thumbnail: beside(Kind::Thumbnail),
            downloaded_at: same.map_or_else(self.tools.clock, |known| known.downloaded_at),
        }
    }

    /// The film, how it came, and the record that came with it.
    async fn film(
        &self,
        links: &mut Links<'_>,
    ) -> Result<(Stored, How, Option<&FileRecord>), DownloadError> {
        let name = self.place.file(Kind::Film);
        let own = self.job.own.as_ref();
        if let Some(own) = own.filter(|own| own.is_of(&self.job.attempt))
            && let Some(stored) = seen(&self.folder, &name, &own.film)?
        {
            return Ok((stored, How::Present, None));
        }
        for other in &self.job.others {
            if let Some((stored, how)) = self.from(other)? {
                let taken = matches!(how, How::Moved(_)).then_some(&other.file);
                return Ok((stored, how, taken));
            }
        }
        let fetched = self.fetch(Kind::Film, links).await?;
        let stored = fetched.ok_or(DownloadError::NoFilm)?;
        Ok((stored, How::Fetched, None))
    }

    async fn sidecar(
        &self,
        kind: Kind,
        file: &FileRecord,
        links: &mut Links<'_>,
    ) -> Result<Sidecar, DownloadError> {
        let known = file.sidecar(kind).copied();
        let name = self.place.file(kind);
        let old = names::old(&name);
        let outdated = self.outdated(kind, file);
        // What was put away is wanted until it is fetched, or known to be lacking.
        let wanted = outdated.is_some() || self.folder.file(&old)?.is_some();
        if !wanted && !self.job.extras.contains(&kind) {
            return Ok(Sidecar::Is(known));
        }
        if let Some(known) = known
            && let Some(stored) = seen(&self.folder, &name, &known)?
        {
            return Ok(Sidecar::Is(Some(stored)));
        }
        if let Some(outdated) = outdated {
            self.put_away(&name, outdated)?;
        }
        let fetched = self.fetch(kind, links).await?;
        self.folder.remove(&old)?;
        match fetched {
            Some(stored) => Ok(Sidecar::Is(Some(stored))),
            None => Ok(Sidecar::Lacking),
        }
    }

    /// What lay beside the film of another take.
    fn outdated(&self, kind: Kind, file: &FileRecord) -> Option<&Stored> {
        let own = self.job.own.as_ref();
        let other =
            own.filter(|own| (own.attempt, &own.video_id) != (file.attempt, &file.video_id));
        other.and_then(|own| own.sidecar(kind))
    }

    /// Beside a new film it would pass for a part of it. What a person made of it stays.
    fn put_away(&self, name: &str, outdated: &Stored) -> Result<(), DownloadError> {
        let old = names::old(name);
        match seen(&self.folder, name, outdated)? {
            Some(_) => self.folder.rename(name, &self.folder, &old)?,
            None => self.folder.write(&old, b"")?,
        }
        Ok(())
    }

    async fn fetch(
        &self,
        kind: Kind,
        links: &mut Links<'_>,
    ) -> Result<Option<Stored>, DownloadError> {
        let transfer = Transfer {
            files: &self.tools.files,
            folder: &self.folder,
            name: &self.place.file(kind),
            kind,
            is_ours: self.is_ours(kind)?,
            fetched: &self.tools.fetched,
        };
        fetch(&transfer, links).await
    }
}

/// Whether a file is what was stored. One of the same size and time is believed to be; one of the
/// same size and another time is read. Says what to record of it.
pub(super) fn seen(
    folder: &Folder,
    name: &str,
    stored: &Stored,
) -> Result<Option<Stored>, FolderError> {
    let Some(mut file) = folder.file(name)? else {
        return Ok(None);
    };
    let examined = (file.metadata()).and_then(|metadata| Ok((metadata.len(), modified(&file)?)));
    let (bytes, modified): (u64, Timestamp) = examined.map_err(folder.error("examine", name))?;
    if bytes != stored.bytes {
        return Ok(None);
    }
    if modified == stored.modified {
        return Ok(Some(*stored));
    }
    let mut hasher = Sha256::new();
    tokio::task::block_in_place(|| hash_into(&mut hasher, &mut file))
        .map_err(folder.error("read", name))?;
    let same = sum(hasher) == stored.sha256;
    Ok(same.then_some(Stored {
        modified,
        ..*stored
    }))
}
