//! What evidence may lead to: properties of the decision that money hangs on.

use std::collections::HashSet;

use jiff::Timestamp;
use proptest::prelude::*;
use reconcile::settle::{Candidate, Evidence, Named, Question, Verdict, decide};
use reconcile::state::{AdoptedBy, AttemptKey};
use reconcile::video::VideoHash;

const INTENT: i64 = 1_780_000_000;
const PROMPT: &str = "the prompt";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn question() -> impl Strategy<Value = Question> {
    let seen = prop::collection::hash_set("[a-f]", 0..3);
    (any::<[bool; 4]>(), seen).prop_map(|([ended, incognito, seen_all, shared], seen_before)| {
        Question {
            key: AttemptKey {
                hash: VideoHash::of_canonical("{}"),
                number: 1,
            },
            prompt: PROMPT.into(),
            intent: at(INTENT),
            end: ended.then(|| at(INTENT + 30)),
            incognito,
            seen_before,
            seen_all,
            shared,
        }
    })
}

fn moment() -> impl Strategy<Value = i64> {
    (-1_200..3_000_i64).prop_map(|s| INTENT + s)
}

fn candidate() -> impl Strategy<Value = Candidate> {
    let prompts = prop::collection::vec(
        prop_oneof![Just(PROMPT.to_owned()), Just("other".into())],
        0..3,
    );
    ("[a-f]", moment(), prompts).prop_map(|(session_id, created_at, prompts)| Candidate {
        session_id,
        created_at,
        prompts,
    })
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let candidates = prop::collection::vec(candidate(), 0..4).prop_map(|mut all| {
        let mut ids = HashSet::new();
        all.retain(|c| ids.insert(c.session_id.clone()));
        all
    });
    let named = ("[u-z]", moment()).prop_map(|(session_id, created_at)| Named {
        session_id,
        created_at,
    });
    (
        candidates,
        prop::bool::weighted(0.8),
        prop::collection::vec(named, 0..2),
    )
        .prop_map(|(candidates, complete, named)| Evidence {
            candidates,
            complete,
            named,
        })
}

fn counts(question: &Question, candidate: &Candidate) -> bool {
    candidate.created_at >= INTENT - 900 && !question.seen_before.contains(&candidate.session_id)
}

fn matches(question: &Question, candidate: &Candidate) -> bool {
    counts(question, candidate) && candidate.prompts.iter().any(|p| p == PROMPT)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn nothing_is_judged_absent_while_it_may_be_there(q in question(), e in evidence()) {
        if decide(&q, &e) == Verdict::NotSent {
            prop_assert!(e.complete && !q.incognito);
            prop_assert!(!e.candidates.iter().any(|c| matches(&q, c)));
            prop_assert!(!e.candidates.iter().any(|c| counts(&q, c) && c.prompts.is_empty()));
            prop_assert!(!e.named.iter().any(|n| q.could_make(n.created_at)));
        }
    }

    #[test]
    fn a_prompt_adopts_only_the_one_session_that_has_it(q in question(), e in evidence()) {
        if let Verdict::Adopt { session_id, by: AdoptedBy::Prompt } = decide(&q, &e) {
            let all: Vec<_> = e.candidates.iter().filter(|c| matches(&q, c)).collect();
            prop_assert_eq!(all.len(), 1);
            prop_assert_eq!(&all[0].session_id, &session_id);
            prop_assert!(e.complete && !q.incognito && !q.shared);
            prop_assert!(q.seen_all || all[0].created_at >= INTENT);
        }
    }

    #[test]
    fn an_event_decides_whatever_else_is_seen(q in question(), e in evidence()) {
        let mut named: Vec<_> = e.named.iter().filter(|n| q.could_make(n.created_at)).collect();
        named.dedup_by_key(|n| n.session_id.clone());
        match (named.as_slice(), decide(&q, &e)) {
            ([one], Verdict::Adopt { session_id, by }) => {
                prop_assert_eq!(&session_id, &one.session_id);
                prop_assert_eq!(by, AdoptedBy::Event);
            }
            ([_], other) => prop_assert!(false, "{:?}", other),
            (_, Verdict::Adopt { by, .. }) => prop_assert_eq!(by, AdoptedBy::Prompt),
            _ => {}
        }
    }

    #[test]
    fn the_order_of_what_was_seen_does_not_matter(q in question(), e in evidence()) {
        let mut turned = e.clone();
        turned.candidates.reverse();
        turned.named.reverse();
        match (decide(&q, &e), decide(&q, &turned)) {
            (Verdict::Undecided(mut one), Verdict::Undecided(mut other)) => {
                one.candidates.sort();
                other.candidates.sort();
                prop_assert_eq!(one, other);
            }
            (one, other) => prop_assert_eq!(one, other),
        }
    }

    #[test]
    fn another_session_with_the_prompt_makes_it_less_certain(q in question(), e in evidence()) {
        let mut more = e.clone();
        more.candidates.push(Candidate {
            session_id: "one more".into(),
            created_at: INTENT + 1,
            prompts: vec![PROMPT.into()],
        });
        match (decide(&q, &e), decide(&q, &more)) {
            (Verdict::Adopt { by: AdoptedBy::Event, .. }, after) => {
                let by_event = matches!(after, Verdict::Adopt { by: AdoptedBy::Event, .. });
                prop_assert!(by_event);
            }
            (_, after) => prop_assert_ne!(after, Verdict::NotSent),
        }
        if let Verdict::Adopt { by: AdoptedBy::Prompt, .. } = decide(&q, &e) {
            prop_assert!(matches!(decide(&q, &more), Verdict::Undecided(_)));
        }
    }

    #[test]
    fn who_is_to_decide_is_told_between_what(q in question(), e in evidence()) {
        if let Verdict::Undecided(undecided) = decide(&q, &e) {
            prop_assert!(!undecided.text.is_empty());
            for id in undecided.candidates {
                prop_assert!(!q.seen_before.contains(&id));
            }
        }
    }
}
