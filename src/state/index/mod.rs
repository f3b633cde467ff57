//! The index: where the latest line of each key stands, in sled, as the writer's view of the journal.
//!
//! It is never the authority. It counts only while it proves complete and fits the journal; in any
//! doubt it is thrown away and built anew. Decides when to trust it; how it is kept is
//! [`view`]'s part.

mod snapshot;
mod view;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::disk::{self, damaged};
use super::journal::{Journal, JournalWriter, Line, Spot};
use super::key::Keyed;
use super::{Entry, Recorded, StateError};
use view::{Change, Doubt, View};

pub(super) use snapshot::{copy, is_ahead, place};
pub(super) use view::Place;

pub(super) const FOLDER: &str = "index";
const APPLIED_AT_A_TIME: usize = 4096;

/// A view that can be trusted, or none.
#[derive(Debug)]
pub(super) struct Index {
    folder: PathBuf,
    view: Option<View>,
    /// What the view has still to take in. sled writes at every batch, the journal is what counts,
    /// so the view may well be behind until it is asked or closed.
    pending: HashMap<[u8; 16], Change>,
    last: Option<Spot>,
}

impl Index {
    /// Reads what the journal holds beyond the view, and brings the view there.
    pub fn open(dir: &Path, journal: &mut JournalWriter) -> Result<Self, StateError> {
        let folder = dir.join(FOLDER);
        let mut index = Self {
            folder,
            view: None,
            pending: HashMap::new(),
            last: None,
        };
        index.view = index.trusted(journal.journal())?;
        if index.view.is_none() {
            index.begin(journal.journal());
        }
        index.catch_up(journal)?;
        Ok(index)
    }

    /// The view that is there, if it may still count.
    fn trusted(&mut self, journal: &Journal) -> Result<Option<View>, StateError> {
        let doubt = match View::open(&self.folder) {
            Ok(None) => return Ok(None),
            Ok(Some(view)) if view.place().journal == journal.id() => {
                check_not_cut(view.place(), journal)?;
                return Ok(Some(view));
            }
            Ok(Some(view)) => {
                check_not_older(view.place(), journal)?;
                if is_of_the_one_before(view.place(), journal) {
                    view.leak();
                    self.remove();
                    return Ok(None);
                }
                Doubt::Wrong("it belongs to another journal")
            }
            Err(doubt) => doubt,
        };
        self.distrust(&doubt);
        Ok(None)
    }

    /// Begins anew with a journal that took the place of the one before.
    pub fn restart(&mut self, journal: &mut JournalWriter) -> Result<(), StateError> {
        self.pending.clear();
        self.last = None;
        // Closing it would make sled write into the folder that the next one is made in.
        if let Some(view) = self.view.take() {
            view.leak();
        }
        self.remove();
        self.begin(journal.journal());
        self.catch_up(journal)
    }

    /// How many bytes of the journal count, about; `None` when only the journal can tell.
    pub fn live(&self) -> Option<u64> {
        self.view.as_ref().map(View::live)
    }

    fn begin(&mut self, journal: &Journal) {
        match View::create(&self.folder, journal) {
            Ok(view) => self.view = Some(view),
            Err(doubt) => self.distrust(&doubt),
        }
    }

    fn catch_up(&mut self, journal: &mut JournalWriter) -> Result<(), StateError> {
        let known = self.view.as_ref().and_then(|view| view.place().last);
        let start = journal.journal().start();
        let from = known.map_or(start, Spot::next);
        let mut behind = Vec::new();
        let extent = journal.journal().scan(from, |lines| {
            behind.extend(changes(lines));
            Ok(())
        })?;
        journal.resume(from, &extent)?;
        // Neighbours share sled's pages.
        behind.sort_unstable_by_key(|change| change.key);
        for portion in behind.chunks(APPLIED_AT_A_TIME) {
            self.apply(portion, None);
        }
        if extent.last.is_some() {
            self.apply(&[], extent.last);
        }
        Ok(())
    }

    fn apply(&mut self, changes: &[Change], last: Option<Spot>) {
        let Some(view) = &mut self.view else {
            return;
        };
        if let Err(doubt) = view.apply(changes, last) {
            self.distrust(&doubt);
        }
    }

    /// Everything recorded, or `None` when only the journal can tell.
    pub fn load(&mut self, journal: &Journal) -> Result<Option<Recorded>, StateError> {
        self.take_in();
        let Some(view) = &self.view else {
            return Ok(None);
        };
        match view.spots() {
            Ok(spots) => journal.load_at(&spots).map(Some),
            Err(doubt) => {
                self.distrust(&doubt);
                Ok(None)
            }
        }
    }

    /// Takes in what was just appended to the journal.
    pub fn follow(&mut self, entries: &[Entry], lines: &[Spot]) {
        if self.view.is_none() {
            return;
        }
        for (entry, spot) in entries.iter().zip(lines) {
            let change = Change::new(&Keyed::of(entry), *spot);
            self.pending.insert(change.key, change);
            self.last = Some(*spot);
        }
        if self.pending.len() >= APPLIED_AT_A_TIME {
            self.take_in();
        }
    }

    fn take_in(&mut self) {
        let changes: Vec<_> = self.pending.drain().map(|(_, change)| change).collect();
        if let Some(last) = self.last.take() {
            self.apply(&changes, Some(last));
        }
    }

    /// Throws the index away. An open one is leaked: closing would make sled write once more what
    /// can't be trusted, and might panic.
    fn distrust(&mut self, doubt: &Doubt) {
        tracing::warn!(
            "the index in {} will be built anew from the journal, which loses nothing: {doubt}",
            self.folder.display()
        );
        if let Some(view) = self.view.take() {
            view.leak();
        }
        self.remove();
    }

    fn remove(&self) {
        if let Err(e) = disk::remove_all(&self.folder) {
            tracing::warn!("{e}");
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.take_in();
    }
}

/// The index follows only what is on the disk. If it knows of more than the journal holds, or of
/// something else, acknowledged entries are missing: building it anew would forget them for good.
fn check_not_cut(place: &Place, journal: &Journal) -> Result<(), StateError> {
    let Some(last) = place.last else {
        return Ok(());
    };
    if journal.holds(last)? {
        return Ok(());
    }
    let what = "the index knows of an entry here that is missing: the journal was cut, or an older copy took its place";
    Err(damaged(journal.path(), last.offset, what))
}

/// An index of a journal that was written later than this one shows the same.
fn check_not_older(place: &Place, journal: &Journal) -> Result<(), StateError> {
    if place.rewritten <= journal.lineage().rewritten {
        return Ok(());
    }
    let what = "the index belongs to a later journal: an older copy took its place";
    Err(damaged(journal.path(), 0, what))
}

/// A crash came between putting the new journal in place and building its index.
fn is_of_the_one_before(place: &Place, journal: &Journal) -> bool {
    journal.lineage().after.as_deref() == Some(&place.journal)
}

/// What lines mean for the index.
fn changes(lines: &[Line<'_>]) -> Vec<Change> {
    let counted = lines.iter().filter(|line| line.latest);
    counted
        .filter_map(|line| match Keyed::peek(line.json.as_bytes()) {
            Some(keyed) => Some(Change::new(&keyed, line.spot)),
            None => {
                let entry = serde_json::from_str(line.json).ok()?;
                Some(Change::new(&Keyed::of(&entry), line.spot))
            }
        })
        .collect()
}
