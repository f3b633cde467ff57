//! The rules the in-memory double holds its callers to.

mod store_support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use reconcile::state::{Attempt, Entry, MemoryState, Phase, ReadState, StateError, WriteState};
use store_support::{attempt, bare, failure, hash, record, text};

fn ready() -> MemoryState {
    let mut state = MemoryState::new();
    state.put_spec(&hash(1), &text(1)).unwrap();
    state.reserve(1).unwrap();
    state
}

fn put(state: &mut MemoryState, attempt: Attempt) {
    state.append(&[Entry::Attempt(attempt)]).unwrap();
}

/// The message of the panic these attempts, one after the other, end in.
fn broken(attempts: Vec<Attempt>) -> String {
    let mut state = ready();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        for attempt in attempts {
            put(&mut state, attempt);
        }
    }));
    let message = panicked.expect_err("no rule was broken");
    message
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_default()
}

/// The attempt after an intent that came to nothing HeyGen knows of.
fn ended(number: u32, phase: Phase) -> Attempt {
    let failure = (phase == Phase::Rejected).then(|| failure().into());
    Attempt {
        failure,
        ..bare(1, number, phase)
    }
}

#[test]
fn a_whole_life_is_legal() {
    let mut state = ready();
    let alive = |phase| Attempt {
        intent_at_heygen: None,
        run: None,
        ..attempt(1, phase)
    };
    put(&mut state, bare(1, 1, Phase::Submitting));
    put(&mut state, ended(1, Phase::Unknown));
    put(&mut state, ended(1, Phase::NotSent));
    state.reserve(1).unwrap();
    put(&mut state, bare(1, 1, Phase::Submitting));
    for phase in [
        Phase::Submitted,
        Phase::Rendering,
        Phase::Completed,
        Phase::Gone,
    ] {
        put(&mut state, alive(phase));
    }
    state.reserve(1).unwrap();
    put(&mut state, bare(1, 2, Phase::Submitting));
    put(&mut state, ended(2, Phase::Rejected));
    assert_eq!(state.history().len(), 10);
    assert_eq!(state.load().unwrap().next_number(&hash(1)), 3);
}

#[test]
fn what_would_cost_money_or_history_is_noticed() {
    let intent = || bare(1, 1, Phase::Submitting);
    let done = || attempt(1, Phase::Completed);
    let other = Attempt {
        session_id: Some("another".into()),
        ..done()
    };
    for (attempts, rule) in [
        (vec![done()], "an attempt begins with its intent"),
        (vec![bare(1, 2, Phase::Submitting)], "the next number is 1"),
        (
            vec![bare(2, 1, Phase::Submitting)],
            "its spec was not put first",
        ),
        (
            vec![intent(), bare(1, 2, Phase::Submitting)],
            "not used up, or not settled",
        ),
        (
            vec![intent(), ended(1, Phase::NotSent), intent()],
            "no room was reserved first",
        ),
        (
            vec![intent(), ended(1, Phase::Unknown), intent()],
            "unknown does not lead to submitting",
        ),
        (
            vec![intent(), done(), intent()],
            "completed does not lead to submitting",
        ),
        (vec![intent(), done(), other], "the session changed"),
        (
            vec![intent(), bare(1, 1, Phase::Submitted)],
            "has more, or less",
        ),
    ] {
        let message = broken(attempts);
        assert!(message.contains(rule), "{rule}: {message}");
    }
}

#[test]
fn a_failed_append_poisons_and_leaves_open_what_was_written() {
    for written in [true, false] {
        let mut state = MemoryState::new();
        state.fail_append(1, written);
        state.append(&[record(1)]).unwrap();
        let failed = state.append(&[record(2), record(3)]);
        assert!(matches!(failed, Err(StateError::Io { .. })));
        assert!(matches!(state.append(&[]), Err(StateError::Poisoned)));
        assert!(matches!(state.reserve(1), Err(StateError::Poisoned)));
        let mut next = state.reopen();
        let expected = if written { 3 } else { 1 };
        assert_eq!(next.load().unwrap().records.len(), expected);
        next.append(&[record(4)]).unwrap();
    }
}

#[test]
fn a_full_disk_is_told_when_room_is_reserved() {
    let mut state = MemoryState::new();
    state.no_room(true);
    assert!(state.reserve(1).is_err());
    state.no_room(false);
    assert!(state.reserve(1).is_ok());
}
