//! Two reports on one attempt: which knows more. Pure.

use super::Conflict;
use crate::state::{AdoptedBy, Attempt, Phase};

/// The one of two reports on an attempt that knows more: a session before all else, and what is not
/// certain before that it was never sent.
pub(super) fn further(ours: &Attempt, theirs: &Attempt) -> Result<Attempt, Conflict> {
    let (mut more, less) = match (overrules(ours, theirs), overrules(theirs, ours)) {
        (true, _) => return Ok(ours.clone()),
        _ if decided_anew(ours, theirs) => return Ok(ours.clone()),
        (_, true) => return Ok(theirs.clone()),
        _ if weight(theirs) > weight(ours) => (theirs.clone(), ours),
        _ => (ours.clone(), theirs),
    };
    one_session(ours, theirs)?;
    one_intent(ours, theirs)?;
    if more.session_id.is_some() && ours.session_id == theirs.session_id {
        more.adopted_by = firmer(ours.adopted_by, theirs.adopted_by);
    }
    if more.session_id.is_some() || more.video_id.is_some() {
        more.video_id = more.video_id.or_else(|| less.video_id.clone());
        more.completed_at = more.completed_at.or(less.completed_at);
        more.duration_s = more.duration_s.or(less.duration_s);
        more.video_page_url = more.video_page_url.or_else(|| less.video_page_url.clone());
    }
    Ok(more)
}

fn one_session(ours: &Attempt, theirs: &Attempt) -> Result<(), Conflict> {
    let sessions = (&ours.session_id, &theirs.session_id);
    let videos = (&ours.video_id, &theirs.video_id);
    let apart = match sessions {
        (Some(one), Some(other)) => one != other,
        // A video whose session nobody told: by itself it says nothing of a session.
        (Some(_), None) => videos.1.is_some() && videos.0 != videos.1,
        (None, Some(_)) => videos.0.is_some() && videos.0 != videos.1,
        (None, None) => matches!(videos, (Some(one), Some(other)) if one != other),
    };
    let named = |a: &Attempt| a.session_id.clone().or(a.video_id.clone());
    match apart {
        false => Ok(()),
        true => Err(Conflict::Session {
            hash: ours.hash.short(),
            number: ours.number,
            ours: named(ours).unwrap_or_default(),
            theirs: named(theirs).unwrap_or_default(),
        }),
    }
}

/// A number may be sent again once it proved never to have been sent. Two tries that are both not
/// settled have no common time to look at: taken for either, the other could be paid for again.
fn one_intent(ours: &Attempt, theirs: &Attempt) -> Result<(), Conflict> {
    let both = ours.phase.is_unsettled() && theirs.phase.is_unsettled();
    match both && ours.intent_at != theirs.intent_at {
        false => Ok(()),
        true => Err(Conflict::Unsettled {
            hash: ours.hash.short(),
            number: ours.number,
            ours: ours.intent_at,
            theirs: theirs.intent_at,
        }),
    }
}

/// HeyGen's own answer, and an event, say more of whose session it is than a prompt.
fn overrules(one: &Attempt, other: &Attempt) -> bool {
    one.session_id.is_some()
        && one.session_id != other.session_id
        && matches!(one.adopted_by, None | Some(AdoptedBy::Event))
        && other.adopted_by == Some(AdoptedBy::Prompt)
}

/// A person decided, and put it right: what is decided here stays.
fn decided_anew(ours: &Attempt, theirs: &Attempt) -> bool {
    let person = |a: &Attempt| a.adopted_by == Some(AdoptedBy::Person) && a.session_id.is_some();
    person(ours) && person(theirs) && ours.session_id != theirs.session_id
}

/// Of two reports on one session: HeyGen answered with it, or else an event tells, a person, a prompt.
fn firmer(one: Option<AdoptedBy>, other: Option<AdoptedBy>) -> Option<AdoptedBy> {
    let (one, other) = (one?, other?);
    let firmness = |by| match by {
        AdoptedBy::Event => 2,
        AdoptedBy::Person => 1,
        AdoptedBy::Prompt => 0,
    };
    Some(if firmness(other) > firmness(one) {
        other
    } else {
        one
    })
}

fn weight(attempt: &Attempt) -> (bool, u8) {
    (attempt.session_id.is_some(), rank(attempt.phase))
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
pub(super) mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::video::{Name, VideoHash};

    fn attempt() -> impl Strategy<Value = Attempt> {
        use Phase::{
            Completed, Deleted, Failed, Gone, NotSent, Rejected, Rendering, Submitted, Submitting,
            Unknown,
        };
        let without = [NotSent, Submitting, Unknown, Rejected];
        // HeyGen may refuse a submission in a way that counts as failed: without a session.
        let without = [&without[..], &[Failed]].concat();
        let with = [Submitted, Rendering, Failed, Completed, Gone, Deleted];
        let phase = prop_oneof![
            prop::sample::select(without).prop_map(|p| (p, None)),
            (prop::sample::select(with.to_vec()), "[ab]").prop_map(|(p, s)| (p, Some(s))),
        ];
        let by = prop::option::of(prop::sample::select(vec![
            AdoptedBy::Prompt,
            AdoptedBy::Event,
        ]));
        let parts = (phase, by, prop::option::of("v"), 0..2_i64);
        parts.prop_map(|((phase, session_id), by, video_id, second)| {
            let (hash, name) = (VideoHash::of_canonical("{}"), Name::parse("a").unwrap());
            let intent_at = Timestamp::from_second(second).unwrap();
            Attempt {
                phase,
                video_id: video_id.filter(|_| session_id.is_some()),
                adopted_by: by.filter(|_| session_id.is_some()),
                session_id,
                ..Attempt::intent(hash, 1, name, intent_at)
            }
        })
    }

    /// Reports on the attempts of a hash; several may be on one.
    pub(in crate::state::merge) fn reports() -> impl Strategy<Value = Vec<Attempt>> {
        let numbered = (attempt(), 1..3_u32).prop_map(|(a, number)| Attempt { number, ..a });
        prop::collection::vec(numbered, 0..4)
    }

    /// Taken for one that its prompt told, it would give way to another session that was paid for.
    #[test]
    fn what_heygen_answered_stays_what_it_answered() {
        let (hash, name) = (VideoHash::of_canonical("{}"), Name::parse("a").unwrap());
        let answered = Attempt {
            phase: Phase::Submitted,
            session_id: Some("b".to_owned()),
            ..Attempt::intent(hash, 1, name, Timestamp::UNIX_EPOCH)
        };
        let by_prompt = Attempt {
            phase: Phase::Rendering,
            adopted_by: Some(AdoptedBy::Prompt),
            ..answered.clone()
        };
        let by_event = Attempt {
            session_id: Some("a".to_owned()),
            adopted_by: Some(AdoptedBy::Event),
            ..answered.clone()
        };
        let merged = further(&answered, &by_prompt).unwrap();
        assert_eq!((merged.phase, merged.adopted_by), (Phase::Rendering, None));
        assert!(further(&merged, &by_event).is_err());
        assert_eq!(further(&by_prompt, &by_event).unwrap(), by_event);
        let other = Attempt {
            session_id: Some("c".to_owned()),
            ..by_prompt
        };
        assert_eq!(further(&other, &answered).unwrap(), answered);
    }

    #[test]
    fn a_video_without_a_session_is_not_given_to_one() {
        let (hash, name) = (VideoHash::of_canonical("{}"), Name::parse("a").unwrap());
        let intent = Attempt::intent(hash, 1, name, Timestamp::UNIX_EPOCH);
        let paid = Attempt {
            phase: Phase::Submitted,
            session_id: Some("s".to_owned()),
            ..intent.clone()
        };
        let by_hand = |video: &str, session: Option<&str>| Attempt {
            phase: Phase::Completed,
            session_id: session.map(str::to_owned),
            video_id: Some(video.to_owned()),
            adopted_by: Some(AdoptedBy::Person),
            ..intent.clone()
        };
        assert!(further(&paid, &by_hand("v", None)).is_err());
        assert!(further(&by_hand("v", None), &paid).is_err());
        assert!(further(&by_hand("v", None), &by_hand("w", None)).is_err());
        let known = by_hand("v", Some("s"));
        assert_eq!(further(&known, &by_hand("v", None)).unwrap(), known);
        let right = by_hand("w", Some("t"));
        assert_eq!(further(&right, &known).unwrap(), right);
    }

    proptest! {
        #[test]
        fn nothing_that_was_known_is_lost(ours in attempt(), theirs in attempt()) {
            prop_assert_eq!(further(&ours, &ours).unwrap(), ours.clone());
            let Ok(merged) = further(&ours, &theirs) else {
                let both = [&ours, &theirs];
                let unsettled = both.iter().all(|a| a.phase.is_unsettled());
                let sessions = both.iter().all(|a| a.session_id.is_some());
                prop_assert!(sessions && ours.session_id != theirs.session_id
                    || unsettled && ours.intent_at != theirs.intent_at);
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
