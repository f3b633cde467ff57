//! Mending a damaged state: what can be read is kept, the rest is named, and a copy of all that was
//! there stays.
//!
//! A state that lost something can't vouch for the past any more. That is noted in it, so that
//! nothing is paid for before HeyGen's sessions were compared.

mod findings;
mod set_aside;

use std::path::{Path, PathBuf};

use super::index::Place;
use super::journal::{Journal, Lineage, Live, NewJournal, Salvage, salvage};
use super::objects::Objects;
use super::{Entry, Lock, StateError, Vouch, disk, index, reader, rewrite};
use crate::video::{Name, VideoHash};
use findings::Findings;

/// What is wrong with a state, and what can be kept of it. Nothing is changed yet.
#[derive(Debug)]
pub struct Repair {
    pub found: Found,
    /// What the state will say of itself afterwards; `None` if the journal is intact.
    pub vouch: Option<Vouch>,
    journal: Option<(Lineage, Vec<String>)>,
    broken_texts: Vec<VideoHash>,
}

/// What a damaged state comes down to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many names and attempts are kept.
    pub names: usize,
    pub attempts: usize,
    pub lost: Vec<Lost>,
}

/// What can't be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// There is no journal.
    Journal,
    /// Something can't be read at these bytes of the journal.
    Lines(Vec<u64>),
    /// The index knows of more than the journal holds.
    Newest,
    /// Names that show something of which no attempt is left.
    Attempts(Vec<Name>),
    /// The text of a wish, and the names that show it.
    Text(VideoHash, Vec<Name>),
}

impl Repair {
    /// Looks at the state the lock is for. `None` when there is nothing to repair.
    pub fn examine(lock: &Lock) -> Result<Option<Self>, StateError> {
        let dir = lock.dir();
        let objects = Objects::new(dir);
        let salvage = salvage(dir)?;
        let place = index::place(dir)?;
        let mut lost = lost_of_journal(dir, &objects, salvage.as_ref(), place.as_ref())?;
        let lineage = next_lineage(salvage.as_ref(), place);
        let salvage = salvage.unwrap_or_default();
        let findings = Findings::new(salvage).map_err(|e| disk::damaged(dir, 0, e))?;
        let is_whole = lost.is_empty();
        let vouch = match is_whole {
            true => None,
            false => Some(findings.vouch(&lost, objects.oldest(), lock.since())),
        };
        if !is_whole {
            lost.extend(findings.names_without_attempts());
        }
        let broken_texts = objects.broken()?;
        lost.extend(broken_texts.iter().map(|hash| findings.text_lost(*hash)));
        if lost.is_empty() {
            return Ok(None);
        }
        let Live { lines, recorded } = findings.live;
        Ok(Some(Self {
            found: Found {
                names: recorded.records.len(),
                attempts: recorded.attempts.values().map(Vec::len).sum(),
                lost,
            },
            vouch,
            journal: (!is_whole).then_some((lineage, lines)),
            broken_texts,
        }))
    }

    /// Copies what is there aside, then puts what can be kept in its place. Says where the copy is.
    /// Without the room for both nothing is changed.
    pub fn carry_out(self, lock: &Lock) -> Result<PathBuf, StateError> {
        let dir = lock.dir();
        let new = match self.journal {
            Some((lineage, mut lines)) => {
                let vouch = self.vouch.map(|vouch| rewrite::line(&Entry::Vouch(vouch)));
                lines.extend(vouch.transpose()?);
                Some(NewJournal::write(dir, lineage, &lines)?)
            }
            None => None,
        };
        let aside = set_aside::copy(dir, lock.since())?;
        if let Some(new) = new {
            new.put_in_place()?;
            disk::remove_all(&dir.join(index::FOLDER))?;
        }
        Objects::new(dir).move_away(&self.broken_texts, &aside)?;
        Ok(aside)
    }
}

/// What the journal itself shows to be missing, or the index besides.
fn lost_of_journal(
    dir: &Path,
    objects: &Objects,
    salvage: Option<&Salvage>,
    place: Option<&Place>,
) -> Result<Vec<Lost>, StateError> {
    let Some(salvage) = salvage else {
        return Ok(match reader::check_never_written(dir, objects) {
            Ok(()) => Vec::new(),
            Err(_) => vec![Lost::Journal],
        });
    };
    if !salvage.unreadable.is_empty() {
        return Ok(vec![Lost::Lines(salvage.unreadable.clone())]);
    }
    let journal = Journal::open(dir)?;
    let ahead = match journal.as_ref().zip(place) {
        Some((journal, place)) => index::is_ahead(place, journal)?,
        None => false,
    };
    Ok(ahead.then_some(Lost::Newest).into_iter().collect())
}

/// The new journal comes after the one the index knows, so that the index is not taken for one of
/// a later journal, and after the one that is there.
fn next_lineage(salvage: Option<&Salvage>, place: Option<Place>) -> Lineage {
    let known = salvage.and_then(|salvage| salvage.known.as_ref());
    let counts = [
        known.map(|(_, lineage)| lineage.rewritten),
        place.as_ref().map(|place| place.rewritten),
    ];
    let id = place.map(|place| place.journal);
    Lineage {
        after: id.or_else(|| known.map(|(id, _)| id.clone())),
        rewritten: counts.into_iter().flatten().max().unwrap_or(0) + 1,
        lines: 0,
    }
}
