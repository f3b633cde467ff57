//! The plan's table, row by row, and what must hold for every plan.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use reconcile::manifest::Problem;
use reconcile::plan::{Action, Kind, Options, Plan, Pricing, Retry, Selection, plan};
use reconcile::project::{Desired, Hidden, Wish};
use reconcile::state::{Attempt, Entry, Failure, Phase, Record, Recorded};
use reconcile::video::{Name, VideoHash};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn hash(text: &str) -> VideoHash {
    VideoHash::of_canonical(text)
}

fn now() -> Timestamp {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

fn options() -> Options {
    Options {
        now: now(),
        selection: Selection::All,
        retry_failed: false,
        replace: BTreeSet::new(),
        prune: false,
        retry: Retry {
            max_attempts: 3,
            backoff: Duration::from_secs(60),
        },
        pricing: Pricing {
            price_per_second: 0.0333,
            default_duration: Duration::from_secs(60),
        },
    }
}

/// `[("a", "x")]`: the name `a` wishes the content `x`.
fn desired(wishes: &[(&str, &str)]) -> Desired {
    let mut desired = Desired::default();
    for (who, what) in wishes {
        let wish = Wish {
            protected: false,
            path: format!("videos/{who}.yaml").into(),
            hash: hash(what),
            callback_url: None,
            changed: std::time::SystemTime::UNIX_EPOCH,
            manifest: None,
        };
        desired.wishes.insert(name(who), wish);
    }
    desired
}

fn attempt(who: &str, what: &str, number: u32, phase: Phase) -> Attempt {
    let long_ago = now() - Duration::from_secs(3_600);
    Attempt {
        phase,
        answered_at: Some(long_ago),
        session_id: Some(format!("session-{who}-{what}-{number}")),
        video_id: Some(format!("video-{who}-{what}-{number}")),
        ..Attempt::intent(hash(what), number, name(who), long_ago)
    }
}

fn record(who: &str, what: &str) -> Entry {
    Entry::Record(Record {
        name: name(who),
        path: format!("videos/{who}.yaml"),
        hash: hash(what),
        previous: None,
        moved_from: None,
        since: now(),
        shown: None,
        protected: false,
    })
}

/// `[("a", "x", Completed)]`: the record of `a` shows `x`, whose first attempt is completed.
fn recorded(records: &[(&str, &str, Phase)]) -> Recorded {
    let mut state = Recorded::default();
    for (who, what, phase) in records {
        state.put(record(who, what));
        state.put(Entry::Attempt(attempt(who, what, 1, *phase)));
    }
    state
}

fn rows(plan: &Plan) -> Vec<(String, Kind, &'static str)> {
    let row = |a: &Action| (a.name.to_string(), a.kind, a.reason.code);
    plan.actions.iter().map(row).collect()
}

fn check(wishes: &[(&str, &str)], state: &Recorded, expected: &[(&str, Kind, &'static str)]) {
    check_with(&desired(wishes), state, &options(), expected);
}

fn check_with(
    desired: &Desired,
    state: &Recorded,
    options: &Options,
    expected: &[(&str, Kind, &'static str)],
) {
    let plan = plan(desired, state, options);
    let expected: Vec<_> = expected
        .iter()
        .map(|(n, kind, code)| ((*n).to_owned(), *kind, *code))
        .collect();
    assert_eq!(rows(&plan), expected);
}

#[test]
fn a_name_without_record_is_created() {
    check(
        &[("a", "x")],
        &Recorded::default(),
        &[("a", Kind::Create, "new")],
    );
}

#[test]
fn a_live_attempt_of_the_wished_hash_needs_nothing() {
    for phase in [Phase::Submitted, Phase::Rendering, Phase::Completed] {
        let plan = plan(
            &desired(&[("a", "x")]),
            &recorded(&[("a", "x", phase)]),
            &options(),
        );
        assert!(plan.is_empty());
        assert_eq!(plan.unchanged, 1);
    }
}

#[test]
fn an_attempt_without_known_outcome_is_settled_before_anything_else() {
    for phase in [Phase::Submitting, Phase::Unknown] {
        let state = recorded(&[("a", "x", phase)]);
        check(&[("a", "x")], &state, &[("a", Kind::Settle, "unsettled")]);
        check(
            &[("a", "edited")],
            &state,
            &[("a", Kind::Settle, "unsettled")],
        );
        check(&[], &state, &[("a", Kind::Settle, "unsettled")]);
        let mut replace = options();
        replace.replace.insert(name("a"));
        let settle = [("a", Kind::Settle, "unsettled")];
        check_with(&desired(&[("a", "x")]), &state, &replace, &settle);
    }
}

#[test]
fn an_unsettled_hash_holds_every_name_that_wishes_it() {
    let state = recorded(&[("b", "x", Phase::Unknown)]);
    check(
        &[("a", "x"), ("b", "x")],
        &state,
        &[
            ("a", Kind::Reuse, "same_content_unsettled"),
            ("b", Kind::Settle, "unsettled"),
        ],
    );
    let mut forgotten = state.clone();
    forgotten.put(Entry::Forget(name("b")));
    check(
        &[("a", "x")],
        &forgotten,
        &[("a", Kind::Settle, "unsettled")],
    );
}

#[test]
fn a_revert_a_copy_and_a_rename_cost_nothing() {
    let mut state = recorded(&[
        ("a", "old", Phase::Completed),
        ("a", "new", Phase::Completed),
    ]);
    check(&[("a", "old")], &state, &[("a", Kind::Reuse, "reverted")]);
    state = recorded(&[("a", "x", Phase::Completed)]);
    let copied = [("b", Kind::Reuse, "same_content")];
    check(&[("a", "x"), ("b", "x")], &state, &copied);
    let renamed = plan(&desired(&[("b", "x")]), &state, &options());
    assert_eq!(rows(&renamed), [("b".to_owned(), Kind::Move, "renamed")]);
    assert_eq!(renamed.actions[0].previous_name, Some(name("a")));
    assert_eq!(renamed.summary().submissions, 0);
}

#[test]
fn one_orphan_is_moved_once_and_others_reuse() {
    let state = recorded(&[("old", "x", Phase::Completed)]);
    check(
        &[("a", "x"), ("b", "x")],
        &state,
        &[
            ("a", Kind::Move, "renamed"),
            ("b", Kind::Reuse, "same_content"),
        ],
    );
}

#[test]
fn only_the_first_of_several_names_with_one_new_hash_pays() {
    let wishes = [("a", "x"), ("b", "x"), ("c", "x")];
    let plan = plan(&desired(&wishes), &Recorded::default(), &options());
    assert_eq!(
        rows(&plan),
        [
            ("a".to_owned(), Kind::Create, "new"),
            ("b".to_owned(), Kind::Reuse, "same_content_in_plan"),
            ("c".to_owned(), Kind::Reuse, "same_content_in_plan"),
        ]
    );
    assert_eq!(plan.summary().submissions, 1);
    assert_eq!(plan.estimate_usd, 1.998);
}

#[test]
fn a_video_paid_for_under_a_name_that_moved_on_is_not_paid_for_again() {
    let mut state = recorded(&[("a", "x", Phase::Completed)]);
    state.put(record("a", "y"));
    state.put(Entry::Attempt(attempt("a", "y", 1, Phase::Completed)));
    let reused = [("b", Kind::Reuse, "paid_before")];
    check(&[("a", "y"), ("b", "x")], &state, &reused);
}

#[test]
fn failures_are_retried_as_tries_and_time_allow() {
    let wishes = [("a", "x")];
    let mut state = recorded(&[("a", "x", Phase::Failed)]);
    check(&wishes, &state, &[("a", Kind::Retry, "failed")]);
    let mut second = attempt("a", "x", 2, Phase::Failed);
    second.completed_at = Some(now() - Duration::from_secs(119));
    state.put(Entry::Attempt(second.clone()));
    check(&wishes, &state, &[("a", Kind::Blocked, "failed_not_due")]);
    second.completed_at = Some(now() - Duration::from_secs(120));
    state.put(Entry::Attempt(second));
    check(&wishes, &state, &[("a", Kind::Retry, "failed")]);
    state.put(Entry::Attempt(attempt("a", "x", 3, Phase::Failed)));
    check(&wishes, &state, &[("a", Kind::Blocked, "failed_exhausted")]);
    let mut forced = options();
    forced.retry_failed = true;
    let retry = [("a", Kind::Retry, "retry_requested")];
    check_with(&desired(&wishes), &state, &forced, &retry);
}

#[test]
fn a_replace_counts_tries_anew_and_keeps_failing_alone() {
    let mut state = recorded(&[("a", "x", Phase::Completed)]);
    let mut take_two = attempt("a", "x", 2, Phase::Failed);
    take_two.replace = true;
    state.put(Entry::Attempt(take_two));
    check(&[("a", "x")], &state, &[("a", Kind::Retry, "failed")]);
    let mut options = options();
    options.replace.insert(name("a"));
    let plan = plan(&desired(&[("a", "x")]), &state, &options);
    assert_eq!(
        rows(&plan),
        [("a".to_owned(), Kind::Replace, "replace_requested")]
    );
    assert_eq!(plan.actions[0].attempt, Some(3));
}

#[test]
fn a_replacement_that_was_never_sent_leaves_the_old_video() {
    let mut state = recorded(&[("a", "x", Phase::Completed)]);
    state.put(Entry::Attempt(attempt("a", "x", 2, Phase::NotSent)));
    check(&[("a", "x")], &state, &[]);
}

#[test]
fn a_rejected_request_stays_blocked_until_it_changes() {
    let mut state = recorded(&[("a", "x", Phase::Rejected)]);
    check(&[("a", "x")], &state, &[("a", Kind::Blocked, "rejected")]);
    check(&[("a", "y")], &state, &[("a", Kind::Update, "changed")]);
    let mut with_callback = attempt("a", "x", 1, Phase::Rejected);
    with_callback.callback_url = Some("https://example.com/wrong".into());
    state.put(Entry::Attempt(with_callback));
    let plan = plan(&desired(&[("a", "x")]), &state, &options());
    assert_eq!(
        rows(&plan),
        [("a".to_owned(), Kind::Update, "request_changed")]
    );
    assert_eq!(plan.actions[0].attempt, Some(2));
}

#[test]
fn what_came_to_nothing_is_submitted_and_its_number_is_used_again_only_if_it_never_arrived() {
    for (phase, code, number) in [
        (Phase::NotSent, "not_sent", 1),
        (Phase::Gone, "gone", 2),
        (Phase::Deleted, "deleted", 2),
    ] {
        let plan = plan(
            &desired(&[("a", "x")]),
            &recorded(&[("a", "x", phase)]),
            &options(),
        );
        assert_eq!(rows(&plan), [("a".to_owned(), Kind::Update, code)]);
        assert_eq!(plan.actions[0].attempt, Some(number));
    }
}

#[test]
fn a_changed_manifest_is_an_update_with_the_hash_before() {
    let plan = plan(
        &desired(&[("a", "y")]),
        &recorded(&[("a", "x", Phase::Completed)]),
        &options(),
    );
    assert_eq!(rows(&plan), [("a".to_owned(), Kind::Update, "changed")]);
    assert_eq!(plan.actions[0].previous_hash, Some(hash("x")));
}

#[test]
fn a_record_without_manifest_is_an_orphan_and_deleted_only_if_asked() {
    let state = recorded(&[("a", "x", Phase::Completed)]);
    check(&[], &state, &[("a", Kind::Orphan, "manifest_gone")]);
    let mut prune = options();
    prune.prune = true;
    let pruned = [("a", Kind::Delete, "pruned")];
    check_with(
        &desired(&[("b", "y")]),
        &state,
        &prune,
        &[pruned[0], ("b", Kind::Create, "new")],
    );
    let reverted = recorded(&[("a", "x", Phase::Completed), ("b", "x", Phase::Completed)]);
    let shown = [("a", Kind::Orphan, "shown_elsewhere")];
    check_with(&desired(&[("b", "x")]), &reverted, &prune, &shown);
    let rendering = recorded(&[("a", "x", Phase::Rendering)]);
    let kept = [("a", Kind::Orphan, "nothing_to_delete")];
    check_with(&desired(&[]), &rendering, &prune, &kept);
}

#[test]
fn while_anything_is_unreadable_nothing_is_moved_deleted_or_orphaned_below_it() {
    let state = recorded(&[
        ("old/a", "x", Phase::Completed),
        ("z", "z", Phase::Completed),
    ]);
    let mut broken = desired(&[("b", "x")]);
    broken.problems.push(Problem {
        path: "videos/old".into(),
        place: None,
        code: "unreadable",
        message: String::new(),
        suggestion: None,
    });
    broken.hidden.push(Hidden::At {
        name: "old".into(),
        path: "videos/old".into(),
    });
    let mut prune = options();
    prune.prune = true;
    check_with(
        &broken,
        &state,
        &prune,
        &[
            ("b", Kind::Reuse, "paid_before"),
            ("z", Kind::Orphan, "kept_while_broken"),
        ],
    );
    broken.hidden.push(Hidden::Everything);
    check_with(
        &broken,
        &state,
        &prune,
        &[("b", Kind::Reuse, "paid_before")],
    );
}

#[test]
fn a_selection_limits_actions_but_not_knowledge() {
    let mut only_b = options();
    only_b.selection = Selection::Only([name("b")].into());
    let wishes = desired(&[("a", "x"), ("b", "x"), ("c", "c")]);
    let state = Recorded::default();
    check_with(&wishes, &state, &only_b, &[("b", Kind::Create, "new")]);
    let state = recorded(&[("a", "x", Phase::Completed)]);
    check_with(
        &wishes,
        &state,
        &only_b,
        &[("b", Kind::Reuse, "same_content")],
    );
}

/// Does what a plan says, as an apply without faults would.
fn execute(plan: &Plan, state: &mut Recorded) {
    for action in &plan.actions {
        if action.kind.submits() {
            let number = action.attempt.unwrap();
            let done = Attempt {
                hash: action.hash,
                replace: action.kind == Kind::Replace,
                ..attempt(action.name.as_str(), "", number, Phase::Completed)
            };
            state.put(Entry::Attempt(done));
        }
        if action.kind == Kind::Move {
            state.put(Entry::Forget(action.previous_name.clone().unwrap()));
        }
        if action.kind.submits() || matches!(action.kind, Kind::Reuse | Kind::Move) {
            state.put(Entry::Record(Record {
                name: action.name.clone(),
                path: action.path.clone(),
                hash: action.hash,
                previous: action.previous_hash,
                moved_from: None,
                since: now(),
                shown: None,
                protected: false,
            }));
        }
    }
}

const NAMES: [&str; 5] = ["a", "b", "c/d", "c/e", "f"];
const CONTENTS: [&str; 4] = ["w", "x", "y", "z"];
const PHASES: [Phase; 10] = [
    Phase::Submitting,
    Phase::Submitted,
    Phase::Rendering,
    Phase::Completed,
    Phase::Failed,
    Phase::Rejected,
    Phase::NotSent,
    Phase::Unknown,
    Phase::Deleted,
    Phase::Gone,
];

fn wishes() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let wish = (
        prop::sample::select(&NAMES[..]),
        prop::sample::select(&CONTENTS[..]),
    );
    prop::collection::vec(wish, 0..6)
}

fn states() -> impl Strategy<Value = Recorded> {
    let one = (
        prop::sample::select(&NAMES[..]),
        prop::sample::select(&CONTENTS[..]),
        1..3_u32,
        prop::sample::select(&PHASES[..]),
        any::<bool>(),
    );
    prop::collection::vec(one, 0..10).prop_map(|entries| {
        let mut state = Recorded::default();
        for (who, what, number, phase, keep) in entries {
            for earlier in 1..number {
                if state.attempts_of(&hash(what)).len() < earlier as usize {
                    state.put(Entry::Attempt(attempt(who, what, earlier, Phase::Failed)));
                }
            }
            state.put(Entry::Attempt(attempt(who, what, number, phase)));
            if keep {
                state.put(record(who, what));
            }
        }
        state
    })
}

proptest! {
    #[test]
    fn a_plan_never_pays_for_a_hash_twice_nor_for_a_live_one(w in wishes(), state in states()) {
        let plan = plan(&desired(&w), &state, &options());
        let mut paid = BTreeSet::new();
        for action in plan.actions.iter().filter(|a| a.kind.submits()) {
            prop_assert!(paid.insert(action.hash), "{:?}", rows(&plan));
            let current = state.current_attempt(&action.hash).map(|a| a.phase);
            let open = current.is_some_and(|p| p.is_live() || p.is_unsettled());
            prop_assert!(!open, "{:?}", rows(&plan));
            let last = state.last_attempt(&action.hash).map(|a| a.phase);
            prop_assert!(!last.is_some_and(Phase::is_unsettled));
        }
    }

    #[test]
    fn the_plan_after_an_apply_is_empty_but_for_what_must_be_settled(w in wishes(), state in states()) {
        let wished = desired(&w);
        let mut after = state;
        let first = plan(&wished, &after, &options());
        execute(&first, &mut after);
        let second = plan(&wished, &after, &options());
        let left = second.actions.iter().filter(|a| a.kind.is_change() && a.kind != Kind::Settle);
        let waiting = |a: &&Action| a.reason.code != "same_content_unsettled";
        prop_assert_eq!(left.filter(waiting).count(), 0, "{:?}", rows(&second));
    }

    #[test]
    fn the_order_of_input_does_not_matter(w in wishes(), state in states()) {
        let mut unique: Vec<_> = std::collections::BTreeMap::from_iter(w).into_iter().collect();
        let forward = plan(&desired(&unique), &state, &options());
        unique.reverse();
        prop_assert_eq!(forward, plan(&desired(&unique), &state, &options()));
    }

    #[test]
    fn every_action_has_a_reason_and_every_submission_a_price(w in wishes(), state in states()) {
        let plan = plan(&desired(&w), &state, &options());
        for action in &plan.actions {
            prop_assert!(!action.reason.code.is_empty() && !action.reason.text.is_empty());
            let pays = action.kind.submits() || action.kind == Kind::Settle;
            prop_assert_eq!(pays, action.estimate_usd.is_some());
        }
    }
}

#[test]
fn a_failure_is_quoted_in_the_reason() {
    let mut state = recorded(&[("a", "x", Phase::Rejected)]);
    let mut refused = attempt("a", "x", 1, Phase::Rejected);
    refused.failure = Some(Failure::new("invalid_parameter", "no such avatar").into());
    state.put(Entry::Attempt(refused));
    let plan = plan(&desired(&[("a", "x")]), &state, &options());
    let text = &plan.actions[0].reason.text;
    assert!(text.contains("invalid_parameter: no such avatar"), "{text}");
    assert!(text.contains("--replace a"), "{text}");
}
