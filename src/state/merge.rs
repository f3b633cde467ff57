//! Taking what another copy of a state knows into this one, never lowering what is recorded. Pure.

use jiff::{SignedDuration, Timestamp};

use super::{
    AdoptedBy, Attempt, Doubted, Entry, Export, Phase, Record, Recorded, Run, Unproven, Vouch,
};

/// Whoever exported may have been submitting meanwhile.
const MARGIN: SignedDuration = SignedDuration::from_mins(15);

/// Why two copies can't be one state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
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
}

/// What has to be written, in this order; nothing if all of it is recorded already.
pub fn merge(
    recorded: &Recorded,
    export: &Export,
    now: Timestamp,
) -> Result<Vec<Entry>, MergeError> {
    let mut entries = Vec::new();
    let mut doubt = None;
    for entry in &export.entries {
        match entry {
            Entry::Vouch(vouch) => doubt = vouch.unproven,
            other => entries.extend(one(recorded, export, other)?),
        }
    }
    if !entries.is_empty() {
        let vouch = Vouch {
            at: now,
            unproven: Some(imported(recorded, export.exported_at, doubt)),
        };
        entries.insert(0, Entry::Vouch(vouch));
    }
    Ok(entries)
}

/// What happened since the export, or was doubted here or there before, is not certain.
fn imported(recorded: &Recorded, exported_at: Timestamp, theirs: Option<Unproven>) -> Unproven {
    let exported = exported_at.saturating_sub(MARGIN).unwrap_or(exported_at);
    let ours = recorded.vouch.as_ref().and_then(|v| v.unproven);
    let known = [ours, theirs].into_iter().flatten().map(|u| u.since);
    Unproven {
        cause: Doubted::Imported,
        since: known.fold(exported, Timestamp::min),
    }
}

fn one(recorded: &Recorded, export: &Export, entry: &Entry) -> Result<Option<Entry>, MergeError> {
    let kept = match entry {
        Entry::Account(theirs) => match &recorded.account {
            None => Some(entry.clone()),
            Some(ours) if ours.base_url != theirs.base_url => {
                return Err(MergeError::Base {
                    ours: ours.base_url.clone(),
                    theirs: theirs.base_url.clone(),
                });
            }
            Some(ours) if ours.username != theirs.username => {
                return Err(MergeError::Account {
                    ours: ours.username.clone(),
                    theirs: theirs.username.clone(),
                });
            }
            Some(_) => None,
        },
        Entry::Attempt(theirs) => return attempt(recorded, export, theirs),
        Entry::Record(theirs) => newer(recorded, theirs).then(|| entry.clone()),
        Entry::Asset(asset) => {
            (!recorded.assets.contains_key(&asset.sha256)).then(|| entry.clone())
        }
        Entry::Run(run) => (!recorded.runs.contains_key(&run.number)).then(|| entry.clone()),
        Entry::Forget(_) | Entry::ForgetAsset(_) | Entry::Vouch(_) => None,
    };
    Ok(kept)
}

fn newer(recorded: &Recorded, theirs: &Record) -> bool {
    let ours = recorded.records.get(&theirs.name);
    ours.is_none_or(|ours| theirs.since > ours.since)
}

fn attempt(
    recorded: &Recorded,
    export: &Export,
    theirs: &Attempt,
) -> Result<Option<Entry>, MergeError> {
    let mut theirs = theirs.clone();
    if theirs
        .run
        .is_some_and(|number| is_another_run(recorded, export, number))
    {
        theirs.run = None;
    }
    let Some(ours) = recorded.attempt(&theirs.key()) else {
        return Ok(Some(Entry::Attempt(theirs)));
    };
    let merged = further(ours, &theirs)?;
    Ok((merged != *ours).then_some(Entry::Attempt(merged)))
}

/// Numbers of runs are counted by each copy on its own.
fn is_another_run(recorded: &Recorded, export: &Export, number: u64) -> bool {
    let theirs = export.entries.iter().find_map(|entry| match entry {
        Entry::Run(run) if run.number == number => Some(run),
        _ => None,
    });
    let ours: Option<&Run> = recorded.runs.get(&number);
    ours.is_some() && ours != theirs
}

/// The one of two reports on an attempt that knows more; what is not certain counts for more than
/// that it was never sent.
pub(super) fn further(ours: &Attempt, theirs: &Attempt) -> Result<Attempt, MergeError> {
    let (mut more, less) = match (overrules(ours, theirs), overrules(theirs, ours)) {
        (true, _) => return Ok(ours.clone()),
        (_, true) => return Ok(theirs.clone()),
        _ if rank(theirs.phase) > rank(ours.phase) => (theirs.clone(), ours),
        _ => (ours.clone(), theirs),
    };
    if let (Some(one), Some(other)) = (&ours.session_id, &theirs.session_id)
        && one != other
    {
        return Err(MergeError::Session {
            hash: ours.hash.short(),
            number: ours.number,
            ours: one.clone(),
            theirs: other.clone(),
        });
    }
    if more.session_id.is_some() {
        more.video_id = more.video_id.or_else(|| less.video_id.clone());
        more.completed_at = more.completed_at.or(less.completed_at);
        more.duration_s = more.duration_s.or(less.duration_s);
        more.video_page_url = more.video_page_url.or_else(|| less.video_page_url.clone());
    }
    Ok(more)
}

/// An event says more of whose session it is than a prompt.
fn overrules(one: &Attempt, other: &Attempt) -> bool {
    one.session_id != other.session_id
        && one.adopted_by == Some(AdoptedBy::Event)
        && other.adopted_by == Some(AdoptedBy::Prompt)
}

fn rank(phase: Phase) -> u8 {
    match phase {
        Phase::NotSent => 0,
        Phase::Submitting => 1,
        Phase::Unknown => 2,
        Phase::Rejected => 3,
        Phase::Submitted => 4,
        Phase::Rendering => 5,
        Phase::Failed => 6,
        Phase::Completed => 7,
        Phase::Gone => 8,
        Phase::Deleted => 9,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::video::{Name, VideoHash};

    fn attempt() -> impl Strategy<Value = Attempt> {
        use Phase::{
            Completed, Deleted, Failed, Gone, NotSent, Rejected, Rendering, Submitted, Submitting,
            Unknown,
        };
        let without = [NotSent, Submitting, Unknown, Rejected];
        let with = [Submitted, Rendering, Failed, Completed, Gone, Deleted];
        let phase = prop_oneof![
            prop::sample::select(without.to_vec()).prop_map(|p| (p, None)),
            (prop::sample::select(with.to_vec()), "[ab]").prop_map(|(p, s)| (p, Some(s))),
        ];
        let by = prop::option::of(prop::sample::select(vec![
            AdoptedBy::Prompt,
            AdoptedBy::Event,
        ]));
        (phase, by, prop::option::of("v")).prop_map(|((phase, session_id), by, video_id)| {
            let (hash, name) = (VideoHash::of_canonical("{}"), Name::parse("a").unwrap());
            Attempt {
                phase,
                video_id: video_id.filter(|_| session_id.is_some()),
                adopted_by: by.filter(|_| session_id.is_some()),
                session_id,
                ..Attempt::intent(hash, 1, name, Timestamp::UNIX_EPOCH)
            }
        })
    }

    proptest! {
        #[test]
        fn nothing_that_was_known_is_lost(ours in attempt(), theirs in attempt()) {
            prop_assert_eq!(further(&ours, &ours).unwrap(), ours.clone());
            let Ok(merged) = further(&ours, &theirs) else {
                prop_assert!(ours.session_id != theirs.session_id);
                return Ok(());
            };
            let sessions = [&ours.session_id, &theirs.session_id];
            prop_assert_eq!(merged.session_id.is_some(), sessions.iter().any(|s| s.is_some()));
            prop_assert!(sessions.contains(&&merged.session_id));
            if ours.session_id == theirs.session_id {
                prop_assert_eq!(rank(merged.phase), rank(ours.phase).max(rank(theirs.phase)));
                prop_assert_eq!(merged.video_id.is_some(), ours.video_id.or(theirs.video_id).is_some());
            }
        }

        #[test]
        fn it_does_not_matter_which_copy_is_merged_into_which(ours in attempt(), theirs in attempt()) {
            let (one, other) = (further(&ours, &theirs), further(&theirs, &ours));
            prop_assert_eq!(one.is_ok(), other.is_ok());
            if let (Ok(one), Ok(other)) = (one, other) {
                prop_assert_eq!((one.phase, one.session_id), (other.phase, other.session_id));
            }
        }

        #[test]
        fn what_is_not_certain_is_never_merged_into_never_sent(ours in attempt(), theirs in attempt()) {
            if let Ok(merged) = further(&ours, &theirs) {
                let both = [ours.phase, theirs.phase];
                prop_assert!(merged.phase != Phase::NotSent || both == [Phase::NotSent; 2]);
            }
        }
    }
}
