//! Taking what another copy of a state knows into this one, never lowering what is recorded. Pure.

mod attempt;

use jiff::Timestamp;

use self::attempt::further;
use super::recorded::MARGIN;
use super::{Account, Attempt, Doubted, Entry, Export, Record, Recorded, Vouch};

/// Where two copies can't be one state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {conflict}")]
pub struct MergeError {
    pub line: usize,
    pub conflict: Conflict,
}

/// Why they can't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    #[error("it is the state of the account `{theirs}`, this one is that of `{ours}`")]
    Account { ours: String, theirs: String },
    #[error("it belongs to {theirs}, this state to {ours}")]
    Base { ours: String, theirs: String },
    #[error(
        "attempt {number} of {hash} has session {theirs} there and session {ours} here; \
         both may have been paid for"
    )]
    Session {
        hash: String,
        number: u32,
        ours: String,
        theirs: String,
    },
    #[error(
        "attempt {number} of {hash} was sent at {theirs:.0} there and at {ours:.0} here, and of \
         neither is it known what it came to"
    )]
    Unsettled {
        hash: String,
        number: u32,
        ours: Timestamp,
        theirs: Timestamp,
    },
}

/// What has to be written, in this order; nothing if all of it is recorded already.
pub fn merge(
    recorded: &Recorded,
    export: &Export,
    now: Timestamp,
) -> Result<Vec<Entry>, MergeError> {
    let theirs = whole(export);
    // Grows with every line: a file may speak of one thing twice.
    let mut known = recorded.clone();
    let mut entries = Vec::new();
    for (line, entry) in &export.entries {
        let entry = apart(recorded, &theirs, entry.clone());
        let taken = one(&known, entry).map_err(|conflict| MergeError {
            line: *line,
            conflict,
        })?;
        if let Some(entry) = taken {
            known.put(entry.clone());
            entries.push(entry);
        }
    }
    // Where a film lies says nothing of what was submitted.
    if entries.iter().any(|entry| !matches!(entry, Entry::File(_))) {
        let vouch = imported(recorded, &theirs, export.exported_at, now);
        entries.insert(0, Entry::Vouch(vouch));
    }
    Ok(entries)
}

fn whole(export: &Export) -> Recorded {
    let mut theirs = Recorded::default();
    for (_, entry) in &export.entries {
        theirs.put(entry.clone());
    }
    theirs
}

/// What happened since the export, or was doubted here or there before, is not certain. Sessions are
/// looked for in HeyGen's time: a clock that was ahead there must not hide any.
fn imported(
    recorded: &Recorded,
    theirs: &Recorded,
    exported_at: Timestamp,
    now: Timestamp,
) -> Vouch {
    let exported = exported_at
        .saturating_sub(theirs.ahead_of_heygen())
        .unwrap_or(Timestamp::MIN);
    let since = exported
        .min(now)
        .saturating_sub(MARGIN)
        .unwrap_or(Timestamp::MIN);
    let there = theirs.doubted_since(Doubted::Imported, since, now);
    let since = there.unproven.map_or(since, |unproven| unproven.since);
    recorded.doubted_since(Doubted::Imported, since, now)
}

/// Numbers of runs are counted by each copy on its own: without one of the same number that is
/// another here.
fn apart(recorded: &Recorded, theirs: &Recorded, entry: Entry) -> Entry {
    let Entry::Attempt(mut attempt) = entry else {
        return entry;
    };
    attempt.run = attempt.run.filter(|number| {
        let ours = recorded.runs.get(number);
        ours.is_none() || ours == theirs.runs.get(number)
    });
    Entry::Attempt(attempt)
}

fn one(known: &Recorded, entry: Entry) -> Result<Option<Entry>, Conflict> {
    let is_new = match &entry {
        Entry::Account(theirs) => match &known.account {
            None => true,
            Some(ours) => return same_account(ours, theirs).map(|()| None),
        },
        Entry::Attempt(theirs) => return more_of(known, theirs),
        Entry::Record(theirs) => newer(known, theirs),
        Entry::Asset(asset) => !known.assets.contains_key(&asset.sha256),
        Entry::Run(run) => !known.runs.contains_key(&run.number),
        Entry::File(file) => !known.files.contains_key(&file.name),
        Entry::Forget(_) | Entry::ForgetAsset(_) | Entry::ForgetFile(_) | Entry::Vouch(_) => false,
    };
    Ok(is_new.then_some(entry))
}

fn same_account(ours: &Account, theirs: &Account) -> Result<(), Conflict> {
    if ours.base_url != theirs.base_url {
        return Err(Conflict::Base {
            ours: ours.base_url.clone(),
            theirs: theirs.base_url.clone(),
        });
    }
    if ours.username != theirs.username {
        return Err(Conflict::Account {
            ours: ours.username.clone(),
            theirs: theirs.username.clone(),
        });
    }
    Ok(())
}

fn newer(known: &Recorded, theirs: &Record) -> bool {
    let ours = known.records.get(&theirs.name);
    ours.is_none_or(|ours| theirs.since > ours.since)
}

fn more_of(known: &Recorded, theirs: &Attempt) -> Result<Option<Entry>, Conflict> {
    let Some(ours) = known.attempt(&theirs.key()) else {
        return Ok(Some(Entry::Attempt(theirs.clone())));
    };
    let merged = further(ours, theirs)?;
    Ok((merged != *ours).then_some(Entry::Attempt(merged)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state::merge::attempt::tests::reports;
    use crate::video::{Name, VideoHash};

    fn export(entries: Vec<Attempt>) -> Export {
        let numbered = |(at, attempt)| (at + 2, Entry::Attempt(attempt));
        Export {
            exported_at: at(1_000),
            entries: entries.into_iter().enumerate().map(numbered).collect(),
            specs: Vec::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + second).unwrap()
    }

    fn since(entries: &[Entry]) -> Timestamp {
        match &entries[0] {
            Entry::Vouch(vouch) => vouch.unproven.unwrap().since,
            other => panic!("the doubt comes first: {other:?}"),
        }
    }

    fn intent() -> Attempt {
        let (hash, name) = (VideoHash::of_canonical("{}"), Name::parse("a").unwrap());
        Attempt::intent(hash, 1, name, at(0))
    }

    #[test]
    fn an_exporter_whose_clock_was_ahead_is_not_believed() {
        let mut ahead = intent();
        ahead.intent_at_heygen = Some(at(-7_200));
        let entries = merge(&Recorded::default(), &export(vec![ahead]), at(90_000)).unwrap();
        assert_eq!(since(&entries), at(1_000 - 7_200 - 900));
        let early = merge(&Recorded::default(), &export(vec![intent()]), at(0)).unwrap();
        assert_eq!(since(&early), at(-900), "exported after now");
    }

    proptest! {
        #[test]
        fn a_second_import_changes_nothing_and_no_session_is_forgotten(
            ours in reports(), theirs in reports(),
        ) {
            let mut recorded = Recorded::default();
            ours.into_iter().for_each(|a| recorded.put(Entry::Attempt(a)));
            let before = recorded.clone();
            let export = export(theirs);
            let Ok(entries) = merge(&recorded, &export, at(2_000)) else {
                return Ok(());
            };
            let nothing = entries.is_empty();
            entries.into_iter().for_each(|entry| recorded.put(entry));
            prop_assert_eq!(merge(&recorded, &export, at(3_000)).unwrap(), vec![]);
            prop_assert!(!nothing || recorded == before);
            for old in before.attempts_where(|_| true) {
                let new = recorded.attempt(&old.key()).unwrap();
                prop_assert!(old.session_id.is_none() || new.session_id.is_some());
                prop_assert!(old.video_id.is_none() || new.video_id.is_some() || new.session_id != old.session_id);
            }
        }
    }
}
