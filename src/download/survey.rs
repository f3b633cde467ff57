//! Which films there should be, and of which names there is none. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Kind;
use crate::state::{Attempt, FileRecord, Phase, Recorded};
use crate::video::Name;

/// The names that have a manifest, with its labels.
pub type Wished = BTreeMap<Name, BTreeMap<String, String>>;

/// A film that should be there.
#[derive(Debug, Clone)]
pub struct Job {
    pub name: Name,
    /// Whose video it is.
    pub attempt: Attempt,
    /// `None` where no manifest says.
    pub(super) labels: Option<BTreeMap<String, String>>,
    /// What was downloaded for this name.
    pub(super) own: Option<FileRecord>,
    /// The same video under other names.
    pub(super) others: Vec<Other>,
    pub(super) extras: BTreeSet<Kind>,
}

/// The same video, downloaded for another name.
#[derive(Debug, Clone)]
pub(super) struct Other {
    pub(super) file: FileRecord,
    /// That name is nobody's any more: its record moved away.
    pub(super) is_left: bool,
}

/// A name whose own video is not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Without {
    pub name: Name,
    /// `None` if it was never submitted.
    pub phase: Option<Phase>,
    /// The film of an earlier take is there meanwhile.
    pub has_earlier: bool,
}

impl Without {
    /// It may come by itself.
    #[must_use]
    pub fn waits(&self) -> bool {
        let waits = |phase: Phase| phase.is_unfinished() || phase.is_unsettled();
        self.phase.is_some_and(waits)
    }
}

#[derive(Debug, Default)]
pub struct Survey {
    pub jobs: Vec<Job>,
    pub without: Vec<Without>,
}

/// What the record says of these names.
#[must_use]
pub fn survey<'a>(
    recorded: &Recorded,
    names: impl IntoIterator<Item = &'a Name>,
    wished: &Wished,
    extras: &BTreeSet<Kind>,
) -> Survey {
    let mut survey = Survey::default();
    for name in names {
        let record = recorded.records.get(name);
        let current = record.and_then(|record| recorded.current_attempt(&record.hash));
        let finished = record.and_then(|record| recorded.finished(record));
        let finished = finished.filter(|attempt| attempt.video_id.is_some());
        if current.is_none_or(|current| Some(current.key()) != finished.map(Attempt::key)) {
            survey.without.push(Without {
                name: name.clone(),
                phase: current.map(|current| current.phase),
                has_earlier: finished.is_some(),
            });
        }
        if let Some(attempt) = finished {
            survey.jobs.push(Job {
                name: name.clone(),
                attempt: attempt.clone(),
                labels: wished.get(name).cloned(),
                own: recorded.files.get(name).cloned(),
                others: others(recorded, name, attempt),
                extras: extras.clone(),
            });
        }
    }
    survey
}

fn others(recorded: &Recorded, name: &Name, attempt: &Attempt) -> Vec<Other> {
    let files = recorded.files.values();
    let same = files.filter(|file| file.is_of(attempt) && file.name != *name);
    let other = |file: &FileRecord| Other {
        file: file.clone(),
        is_left: !recorded.records.contains_key(&file.name),
    };
    same.map(other).collect()
}
