//! Fetching one file, however often the connection breaks or the link expires.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::error::DownloadError;
use super::folder::Folder;
use super::names::Kind;
use super::part::Part;
use super::rate::Rate;
use crate::heygen::{Files, LinkError, ReadError, Reader, Video};
use crate::state::Stored;

/// So many tries in a row may bring nothing new.
const BARREN: u32 = 6;
/// So many tries may be made in all.
const TRIES: u32 = 200;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// What is left free for what else is written meanwhile.
const SPARE: u64 = 16 << 10;

impl Kind {
    /// No file of the kind is larger.
    fn limit(self) -> u64 {
        match self {
            Self::Film | Self::Captioned => 8 << 30,
            Self::Subtitles | Self::Thumbnail => 16 << 20,
        }
    }
}

/// The links of a video, as fresh as need be.
pub(super) struct Links<'a> {
    reader: &'a Reader,
    video_id: &'a str,
    video: Option<Video>,
}

impl<'a> Links<'a> {
    pub(super) fn new(reader: &'a Reader, video_id: &'a str) -> Self {
        Self {
            reader,
            video_id,
            video: None,
        }
    }

    /// The link of a kind; `None` where HeyGen has none.
    async fn get(&mut self, kind: Kind) -> Result<Option<String>, DownloadError> {
        if self.video.is_none() {
            self.video = Some(self.ask().await?);
        }
        let video = self.video.as_ref();
        let link = video.and_then(|video| match kind {
            Kind::Film => video.video_url.clone(),
            Kind::Subtitles => video.subtitle_url.clone(),
            Kind::Captioned => video.captioned_video_url.clone(),
            Kind::Thumbnail => video.thumbnail_url.clone(),
        });
        Ok(link.filter(|link| !link.is_empty()))
    }

    async fn ask(&self) -> Result<Video, DownloadError> {
        let mut tries = Tries::default();
        loop {
            let error = match self.reader.video(self.video_id).await {
                Ok(video) => return Ok(video),
                Err(error) => error,
            };
            let again = match &error {
                ReadError::Api(api, _) => api.status == 429 || api.status >= 500,
                ReadError::Network(_) => true,
                ReadError::Shape(_) => false,
            };
            if !again || !tries.pause(error.retry_after(), 0).await {
                return Err(error.into());
            }
        }
    }
}

/// How often it was tried, and how often without any gain.
#[derive(Debug, Default)]
struct Tries {
    all: u32,
    barren: u32,
    most: u64,
}

impl Tries {
    /// Waits before the next try; `false` if there should be none.
    async fn pause(&mut self, asked: Option<Duration>, have: u64) -> bool {
        self.all += 1;
        self.barren += 1;
        if have > self.most {
            self.most = have;
            self.barren = 0;
        }
        if self.barren >= BARREN || self.all >= TRIES {
            return false;
        }
        let doubling = FIRST_PAUSE * (1 << self.barren);
        let pause = match (asked, self.barren) {
            (Some(asked), _) => asked.min(LONGEST_PAUSE),
            (None, 0) => FIRST_PAUSE / 4,
            (None, _) => doubling,
        };
        tokio::time::sleep(pause).await;
        true
    }
}

/// Whom to ask, and whom to tell.
pub(super) struct Transfer<'a> {
    pub(super) files: &'a Files,
    pub(super) folder: &'a Folder,
    /// The file's name, once it is whole.
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    /// What is in its place was downloaded, for all that is known.
    pub(super) is_ours: bool,
    /// Bytes that were fetched, of all files.
    pub(super) fetched: &'a AtomicU64,
}

/// Puts the file in its place; `None` if HeyGen has none of its kind.
pub(super) async fn fetch(
    transfer: &Transfer<'_>,
    links: &mut Links<'_>,
) -> Result<Option<Stored>, DownloadError> {
    let Some(mut link) = links.get(transfer.kind).await? else {
        return Ok(None);
    };
    let of = format!("{} {}", links.video_id, transfer.kind.as_str());
    let mut part = Part::open(transfer.folder, transfer.name, of)?;
    let mut tries = Tries::default();
    loop {
        let error = match transfer.go_on(&mut part, &link).await {
            Ok(()) => return Ok(Some(part.place(transfer.is_ours)?)),
            Err(error) => error,
        };
        if error.is_final() {
            part.discard();
            return Err(error);
        }
        // What drips in is no gain: it would go on for as long as the server likes.
        let have = match error {
            DownloadError::Slow => 0,
            _ => part.have(),
        };
        if !error.may_pass() || !tries.pause(error.retry_after(), have).await {
            return Err(error);
        }
        if matches!(error, DownloadError::Link(LinkError::Refused(_))) {
            links.video = None;
            link = links.get(transfer.kind).await?.unwrap_or(link);
        }
    }
}

impl Transfer<'_> {
    /// One connection's worth.
    async fn go_on(&self, part: &mut Part<'_>, link: &str) -> Result<(), DownloadError> {
        let mut opened = match self.files.open(link, part.resume()).await {
            Ok(opened) => opened,
            Err(error) => {
                if matches!(error, LinkError::Beyond(_) | LinkError::OtherRange) {
                    part.begin(None, None)?;
                }
                return Err(error.into());
            }
        };
        if opened.start == 0 {
            part.begin(opened.etag.clone(), opened.length)?;
        } else if !part.fits(opened.length, opened.etag.as_deref()) {
            part.begin(None, None)?;
            return Err(DownloadError::Changed);
        }
        self.check_place(opened.length)?;
        self.check_room(opened.length, part.have())?;
        let mut rate = Rate::new(Instant::now());
        while let Some(bytes) = opened.chunk().await? {
            self.check_size(part.have() + bytes.len() as u64)?;
            part.write(&bytes)
                .map_err(|error| self.write_failed(error, opened.length, part.have()))?;
            self.fetched
                .fetch_add(bytes.len() as u64, Ordering::Relaxed);
            // The last bytes are welcome at any pace.
            if opened.length != Some(part.have()) {
                rate.came(bytes.len() as u64, Instant::now())?;
            }
        }
        match opened.length.is_none_or(|length| length == part.have()) {
            true if part.have() > 0 || self.kind != Kind::Film => Ok(()),
            _ => Err(DownloadError::WrongLength),
        }
    }

    /// What is of another length is another file: a person's, and it stays.
    fn check_place(&self, length: Option<u64>) -> Result<(), DownloadError> {
        if self.is_ours {
            return Ok(());
        }
        let Some(there) = self.folder.file(self.name)? else {
            return Ok(());
        };
        let there = there.metadata();
        let there = there.map_err(self.folder.error("examine", self.name))?;
        match length.is_some_and(|length| length != there.len()) {
            true => Err(self.folder.not_ours(self.name).into()),
            false => Ok(()),
        }
    }

    fn check_size(&self, bytes: u64) -> Result<(), DownloadError> {
        match bytes > self.kind.limit() {
            true => Err(DownloadError::TooLarge(self.kind.limit())),
            false => Ok(()),
        }
    }

    /// Before anything of it is written.
    fn check_room(&self, length: Option<u64>, have: u64) -> Result<(), DownloadError> {
        let Some(length) = length else {
            return Ok(());
        };
        self.check_size(length)?;
        let needed = length.saturating_sub(have);
        match self.folder.free() {
            Some(free) if free < needed.saturating_add(SPARE) => {
                Err(DownloadError::NoRoom { needed, free })
            }
            _ => Ok(()),
        }
    }

    fn write_failed(
        &self,
        error: super::folder::FolderError,
        length: Option<u64>,
        have: u64,
    ) -> DownloadError {
        match error.is_full() {
            true => DownloadError::NoRoom {
                needed: length.map_or(0, |length| length.saturating_sub(have)),
                free: self.folder.free().unwrap_or(0),
            },
            false => error.into(),
        }
    }
}
