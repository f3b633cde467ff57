//! A film as another name has it: taken over or copied, without asking HeyGen. Nothing that is not
//! ours is replaced.

use std::io::Read as _;

use super::about;
use super::error::DownloadError;
use super::film::{How, Work, seen};
use super::folder::{Folder, FolderError};
use super::names::{self, Kind, Place};
use super::part::Part;
use super::placed;
use super::survey::Other;
use crate::state::{FileRecord, Stored};

impl Work<'_> {
    /// The film as it was downloaded for another name, if it is there whole.
    pub(super) fn from(&self, other: &Other) -> Result<Option<(Stored, How)>, DownloadError> {
        let moved = How::Moved(other.file.name.clone());
        let name = self.place.file(Kind::Film);
        if other.is_left
            && let Some(stored) = seen(&self.folder, &name, &other.file.film)?
        {
            // A kill came between the renaming and its record.
            self.take_sidecars(&other.file)?;
            return Ok(Some((stored, moved)));
        }
        let place = Place::of(&other.file.name);
        let Ok(Some(folder)) = self.tools.root.below(&place.folders) else {
            return Ok(None);
        };
        let there = place.file(Kind::Film);
        let Some(stored) = seen(&folder, &there, &other.file.film)? else {
            return Ok(None);
        };
        self.guard(Kind::Film, &stored)?;
        if other.is_left {
            // Before the film moves: it would lie where no record looks for it.
            for kind in Kind::SIDECARS {
                (other.file.sidecar(kind)).map_or(Ok(()), |stored| self.guard(kind, stored))?;
            }
            self.take(&folder, &there, Kind::Film, &stored)?;
            self.take_sidecars(&other.file)?;
            return Ok(Some((stored, moved)));
        }
        let copied = self.copy(&folder, &there, &name, &stored)?;
        Ok(copied.map(|stored| (stored, How::Copied)))
    }

    fn take(
        &self,
        folder: &Folder,
        there: &str,
        kind: Kind,
        stored: &Stored,
    ) -> Result<(), DownloadError> {
        let name = self.place.file(kind);
        if !self.is_ours(kind)? {
            placed::note(&self.folder, &name, stored.sha256)?;
        }
        Ok(folder.rename(there, &self.folder, &name)?)
    }

    /// What lies beside a film goes where it goes.
    fn take_sidecars(&self, file: &FileRecord) -> Result<(), DownloadError> {
        let place = Place::of(&file.name);
        let Some(folder) = self.tools.root.below(&place.folders)? else {
            return Ok(());
        };
        for kind in Kind::SIDECARS {
            let there = place.file(kind);
            let (old, new) = (names::old(&there), names::old(&self.place.file(kind)));
            if folder.file(&old)?.is_some() {
                folder.rename(&old, &self.folder, &new)?;
            }
            let Some(stored) = file.sidecar(kind) else {
                continue;
            };
            if let Some(stored) = seen(&folder, &there, stored)? {
                self.guard(kind, &stored)?;
                self.take(&folder, &there, kind, &stored)?;
            }
        }
        // A file of that name that is not ours, here or there, is told of when this film is.
        let (there, here) = (place.about(), self.place.about());
        let ours = |folder: &Folder, name| {
            let told = folder.read(name).ok().flatten();
            told.map(|told| about::is_about(&told))
        };
        if ours(&folder, &there) == Some(true) && ours(&self.folder, &here) != Some(false) {
            folder.rename(&there, &self.folder, &here)?;
        }
        Ok(())
    }

    /// Whether what is in the place of a file was downloaded, whatever became of it since. In another
    /// folder than the recorded one it has to be unchanged.
    pub(super) fn is_ours(&self, kind: Kind) -> Result<bool, DownloadError> {
        let name = self.place.file(kind);
        let own = self.job.own.as_ref();
        if let Some((own, stored)) = own.and_then(|own| Some((own, own.sidecar(kind)?)))
            && (own.folder == self.tools.shown || seen(&self.folder, &name, stored)?.is_some())
        {
            return Ok(true);
        }
        Ok(placed::holds(&self.folder, &name)?)
    }

    /// A file that is not ours stays, unless it is what would come into its place.
    fn guard(&self, kind: Kind, coming: &Stored) -> Result<(), DownloadError> {
        let name = self.place.file(kind);
        let free = self.folder.file(&name)?.is_none()
            || self.is_ours(kind)?
            || seen(&self.folder, &name, coming)?.is_some();
        match free {
            true => Ok(()),
            false => Err(self.folder.not_ours(&name).into()),
        }
    }

    fn copy(
        &self,
        from: &Folder,
        there: &str,
        name: &str,
        stored: &Stored,
    ) -> Result<Option<Stored>, DownloadError> {
        let Some(mut file) = from.file(there)? else {
            return Ok(None);
        };
        let mut part = Part::open(&self.folder, name, "a copy".to_owned())?;
        part.begin(None, None)?;
        let copied = tokio::task::block_in_place(|| copy_into(&mut part, &mut file, from, there));
        let right = copied.is_ok() && part.sum() == stored.sha256;
        if !right {
            part.discard();
            return copied
                .map(|()| None)
                .map_err(|error| match error.is_full() {
                    true => DownloadError::NoRoom {
                        needed: stored.bytes,
                        free: self.folder.free().unwrap_or(0),
                    },
                    false => error.into(),
                });
        }
        Ok(Some(part.place(self.is_ours(Kind::Film)?)?))
    }
}

fn copy_into(
    part: &mut Part<'_>,
    file: &mut std::fs::File,
    from: &Folder,
    there: &str,
) -> Result<(), FolderError> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer).map_err(from.error("read", there))?;
        if read == 0 {
            return Ok(());
        }
        part.write(&buffer[..read])?;
    }
}
