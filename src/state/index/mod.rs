//! The index: the latest entry of each key, in sled, as the writer's view of the journal.
//!
//! It is never the authority. It counts only while it proves to be exactly what the journal holds;
//! in any doubt it is thrown away and built anew. Decides when to trust it; how it is kept is
//! [`view`]'s part.

mod view;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::disk::{self, damaged};
use super::journal::{Extent, JournalWriter, Line};
use super::key::Keyed;
use super::{Entry, Recorded, StateError};
use view::{Change, Doubt, Place, View};

const FOLDER: &str = "index";
/// An index that is further behind is built anew.
const MAX_BEHIND: u64 = 8 << 20;

/// A view that can be trusted, or none.
#[derive(Debug)]
pub(super) struct Index {
    folder: PathBuf,
    view: Option<View>,
}

impl Index {
    /// Reads the journal once, to its end, and brings the view there.
    pub fn open(dir: &Path, journal: &mut JournalWriter) -> Result<Self, StateError> {
        let folder = dir.join(FOLDER);
        let view = View::open(&folder);
        let mut index = Self { folder, view: None };
        match view {
            Ok(Some(view)) if view.place().journal == journal.journal().id() => {
                index.catch_up(view, journal)?;
            }
            Ok(None) => index.rebuild(journal)?,
            Ok(Some(view)) => {
                index.distrust(Some(view), &Doubt::Wrong("it belongs to another journal"));
                index.rebuild(journal)?;
            }
            Err(doubt) => {
                index.distrust(None, &doubt);
                index.rebuild(journal)?;
            }
        }
        Ok(index)
    }

    fn catch_up(&mut self, mut view: View, journal: &mut JournalWriter) -> Result<(), StateError> {
        let place = view.place().clone();
        let mut behind = Behind::new(&place, journal);
        let extent = journal.journal().scan(|lines| {
            behind.visit(lines);
            Ok(())
        })?;
        check_not_cut(&place, behind.crc, extent, journal)?;
        journal.resume(extent)?;
        if extent.end - place.end > MAX_BEHIND {
            drop(view);
            return self.rebuild(journal);
        }
        match view.apply(&behind.changes, Some(&place_of(journal))) {
            Ok(()) => self.view = Some(view),
            Err(doubt) => {
                self.distrust(Some(view), &doubt);
                self.rebuild(journal)?;
            }
        }
        Ok(())
    }

    fn rebuild(&mut self, journal: &mut JournalWriter) -> Result<(), StateError> {
        let mut view = disk::remove_all(&self.folder)
            .map_err(Doubt::from)
            .and_then(|()| View::create(&self.folder, journal.journal().id()));
        let extent = journal.journal().scan(|lines| {
            if let Ok(built) = &mut view
                && let Err(doubt) = built.apply(&changes(lines, 0), None)
            {
                view = Err(doubt);
            }
            Ok(())
        })?;
        journal.resume(extent)?;
        let sealed = view.and_then(|mut view| {
            view.apply(&[], Some(&place_of(journal)))?;
            Ok(view)
        });
        match sealed {
            Ok(view) => self.view = Some(view),
            Err(doubt) => self.distrust(None, &doubt),
        }
        Ok(())
    }

    /// Everything recorded, or `None` when only the journal can tell.
    pub fn load(&mut self, journal: &JournalWriter) -> Option<Recorded> {
        let view = self.view.as_ref()?;
        match view.load() {
            Ok(recorded) if view.place().end == journal.end() => Some(recorded),
            Ok(_) => None,
            Err(doubt) => {
                let view = self.view.take();
                self.distrust(view, &doubt);
                None
            }
        }
    }

    /// Takes in what was just appended to the journal.
    pub fn follow(&mut self, entries: &[Entry], journal: &JournalWriter) {
        let Some(view) = &mut self.view else {
            return;
        };
        let followed =
            changes_of(entries).and_then(|changes| view.apply(&changes, Some(&place_of(journal))));
        if let Err(doubt) = followed {
            let view = self.view.take();
            self.distrust(view, &doubt);
        }
    }

    /// Throws the index away. The open one is leaked: closing would make sled write once more what
    /// can't be trusted, and might panic.
    fn distrust(&mut self, view: Option<View>, doubt: &Doubt) {
        tracing::warn!(
            "the index in {} is thrown away and will be built anew from the journal: {doubt}",
            self.folder.display()
        );
        if let Some(view) = view {
            view.leak();
        }
        if let Err(e) = disk::remove_all(&self.folder) {
            tracing::warn!("{e}");
        }
    }
}

fn place_of(journal: &JournalWriter) -> Place {
    Place {
        journal: journal.journal().id().into(),
        end: journal.end(),
        crc: journal.crc(),
    }
}

/// The index follows only what is on the disk. If it knows of more than the journal holds, or of
/// something else, acknowledged entries are missing: building it anew would forget them for good.
fn check_not_cut(
    place: &Place,
    crc: Option<u32>,
    extent: Extent,
    journal: &JournalWriter,
) -> Result<(), StateError> {
    let what = if extent.end < place.end {
        format!(
            "it ends here, but the index knows of entries up to byte {}: it was cut, or an older copy took its place",
            place.end
        )
    } else if crc != Some(place.crc) {
        "the index knows of another entry before this place: a copy of another history took its place".into()
    } else {
        return Ok(());
    };
    let at = extent.end.min(place.end);
    Err(damaged(journal.journal().path(), at, what))
}

/// What the journal holds beyond the index.
struct Behind {
    from: u64,
    /// The checksum of the journal's line that ends where the index does.
    crc: Option<u32>,
    changes: Vec<Change>,
    bytes: u64,
}

impl Behind {
    fn new(place: &Place, journal: &JournalWriter) -> Self {
        let empty = place.end == journal.end();
        Self {
            from: place.end,
            crc: empty.then(|| journal.crc()),
            changes: Vec::new(),
            bytes: 0,
        }
    }

    fn visit(&mut self, lines: &[Line<'_>]) {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
            return;
        };
        if last.end < self.from {
            return;
        }
        if let Ok(at) = lines.binary_search_by_key(&self.from, |line| line.end) {
            self.crc = Some(lines[at].crc);
        }
        self.bytes += last.end - first.offset.max(self.from);
        if self.bytes <= MAX_BEHIND {
            self.changes.extend(changes(lines, self.from));
        }
    }
}

/// What the lines from an offset on mean for the index.
fn changes(lines: &[Line<'_>], from: u64) -> Vec<Change> {
    let counted = lines.iter().filter(|l| l.latest && l.offset >= from);
    counted.filter_map(|line| change(line.json)).collect()
}

fn change(json: &[u8]) -> Option<Change> {
    let peeked = Keyed::peek(json).map(|keyed| (keyed.key.to_string(), keyed.removes));
    let (key, removes) = peeked.or_else(|| {
        let entry = serde_json::from_slice(json).ok()?;
        let keyed = Keyed::of(&entry);
        Some((keyed.key.to_string(), keyed.removes))
    })?;
    let value = (!removes).then(|| json.into());
    Some(Change { key, value })
}

/// The same for entries; of several with one key the last.
fn changes_of(entries: &[Entry]) -> Result<Vec<Change>, Doubt> {
    let mut seen = HashSet::new();
    let mut changes = Vec::new();
    for entry in entries.iter().rev() {
        let keyed = Keyed::of(entry);
        let key = keyed.key.to_string();
        if !seen.insert(key.clone()) {
            continue;
        }
        let value = match keyed.removes {
            true => None,
            false => Some(entry.to_json()?),
        };
        changes.push(Change { key, value });
    }
    Ok(changes)
}
