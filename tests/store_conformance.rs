//! What every store of the state must do, run on each of them.

mod store_support;

use proptest::prelude::*;
use reconcile::state::{
    Entry, MemoryState, Phase, ReadState, Recorded, StateError, WriteState, open_reader,
};
use store_support::{
    Project, account, asset, attempt, bare, failure, file, hash, name, record, run, text,
};

/// A kind of store, and one place of its kind.
trait Place {
    fn new() -> Self;
    /// The next process that writes there; the one before has ended.
    fn writer(&self) -> Box<dyn WriteState + Send>;
    fn reader(&self) -> Box<dyn ReadState>;
}

impl Place for Project {
    fn new() -> Self {
        Self::new()
    }

    fn writer(&self) -> Box<dyn WriteState + Send> {
        Box::new(self.open())
    }

    fn reader(&self) -> Box<dyn ReadState> {
        Box::new(open_reader(&self.dir()).unwrap())
    }
}

impl Place for MemoryState {
    fn new() -> Self {
        Self::lenient()
    }

    fn writer(&self) -> Box<dyn WriteState + Send> {
        Box::new(self.reopen())
    }

    fn reader(&self) -> Box<dyn ReadState> {
        Box::new(self.clone())
    }
}

macro_rules! conformance {
    ($($test:ident),* $(,)?) => {
        mod embedded {
            $(#[test] fn $test() { super::$test::<super::Project>(); })*
        }
        mod memory {
            $(#[test] fn $test() { super::$test::<super::MemoryState>(); })*
        }
    };
}

conformance!(
    a_new_state_is_empty,
    the_latest_of_each_key_counts,
    specs_are_kept_by_hash,
    an_oversized_entry_is_refused_and_leaves_nothing,
    a_run_may_be_larger,
    a_reader_beside_a_writer_sees_whole_batches_in_order,
    any_entries_fold_to_the_same,
);

fn a_new_state_is_empty<P: Place>() {
    let place = P::new();
    assert_eq!(place.reader().load().unwrap(), Recorded::default());
    assert_eq!(place.writer().load().unwrap(), Recorded::default());
    assert_eq!(place.reader().load().unwrap(), Recorded::default());
    place.writer().append(&[]).unwrap();
}

fn the_latest_of_each_key_counts<P: Place>() {
    let place = P::new();
    let completed = attempt(1, Phase::Completed);
    let mut writer = place.writer();
    let intent = Entry::Attempt(bare(1, 1, Phase::Submitting));
    writer.append(&[record(1), intent]).unwrap();
    writer.append(&[Entry::Attempt(completed.clone())]).unwrap();
    writer.append(&[record(2), Entry::Forget(name(2))]).unwrap();
    drop(writer);
    let recorded = place.writer().load().unwrap();
    assert_eq!(recorded.attempts_of(&hash(1)), [completed]);
    assert_eq!(recorded.records.keys().collect::<Vec<_>>(), [&name(1)]);
    assert_eq!(place.reader().load().unwrap(), recorded);
}

fn specs_are_kept_by_hash<P: Place>() {
    let place = P::new();
    assert_eq!(place.reader().spec(&hash(1)).unwrap(), None);
    let mut writer = place.writer();
    writer.put_spec(&hash(1), &text(1)).unwrap();
    writer.put_spec(&hash(1), &text(1)).unwrap();
    assert_eq!(writer.spec(&hash(1)).unwrap(), Some(text(1)));
    assert_eq!(place.reader().spec(&hash(1)).unwrap(), Some(text(1)));
    assert_eq!(place.reader().spec(&hash(2)).unwrap(), None);
}

fn an_oversized_entry_is_refused_and_leaves_nothing<P: Place>() {
    let place = P::new();
    let mut writer = place.writer();
    let mut large = attempt(1, Phase::Completed);
    large.video_page_url = Some("x".repeat(5000));
    let refused = writer.append(&[record(1), Entry::Attempt(large)]);
    assert!(matches!(
        refused,
        Err(StateError::EntryTooLarge { limit: 4096, .. })
    ));
    assert_eq!(writer.load().unwrap(), Recorded::default());
    writer.append(&[record(1)]).unwrap();
    assert_eq!(place.reader().load().unwrap().records.len(), 1);
}

fn a_run_may_be_larger<P: Place>() {
    let place = P::new();
    let mut writer = place.writer();
    writer.append(&[Entry::Run(run(3, 2000))]).unwrap();
    assert_eq!(writer.load().unwrap().runs[&3].foreign_sessions.len(), 2000);
    assert!(writer.append(&[Entry::Run(run(4, 9000))]).is_err());
}

fn a_reader_beside_a_writer_sees_whole_batches_in_order<P: Place>() {
    let place = P::new();
    let mut writer = place.writer();
    let reader = place.reader();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for n in (0..400).step_by(2) {
                writer.append(&[record(n), record(n + 1)]).unwrap();
            }
        });
        let mut seen = 0;
        while seen < 400 {
            let recorded = reader.load().unwrap();
            let count = u32::try_from(recorded.records.len()).unwrap();
            assert!(count >= seen && count.is_multiple_of(2));
            assert!((0..count).all(|n| recorded.records.contains_key(&name(n))));
            seen = count;
        }
    });
}

/// Batches of entries over few keys, so that they meet; `None` opens the state again.
fn batches() -> impl Strategy<Value = Vec<Option<Vec<Entry>>>> {
    let entry = prop_oneof![
        (0..6_u32).prop_map(record),
        (0..6_u32).prop_map(|n| Entry::Forget(name(n))),
        (0..6_u32, 1..4_u32).prop_map(|(n, i)| Entry::Attempt(bare(n, i, Phase::Submitting))),
        (0..6_u32).prop_map(|n| Entry::Attempt(attempt(n, Phase::Rendering))),
        (0..6_u32, 1..4_u32).prop_map(|(n, i)| {
            let mut failed = bare(n, i, Phase::Failed);
            failed.failure = Some(failure().into());
            Entry::Attempt(failed)
        }),
        (0..3_u32).prop_map(|n| Entry::Asset(asset(n))),
        (0..3_u32).prop_map(|n| Entry::ForgetAsset(asset(n).sha256)),
        (0..4_u32).prop_map(|n| Entry::File(file(n))),
        (0..4_u32).prop_map(|n| Entry::ForgetFile(name(n))),
        (0..3_u32).prop_map(|n| Entry::Account(account(n))),
        (0..3_u64, 0..9_u32).prop_map(|(n, sessions)| Entry::Run(run(n, sessions))),
    ];
    let batch = prop_oneof![
        4 => prop::collection::vec(entry, 0..7).prop_map(Some),
        1 => Just(None),
    ];
    prop::collection::vec(batch, 0..20)
}

fn any_entries_fold_to_the_same<P: Place>() {
    let config = ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(batches in batches())| {
        let place = P::new();
        let mut expected = Recorded::default();
        let mut writer = Some(place.writer());
        for batch in batches {
            match (batch, &mut writer) {
                (Some(batch), Some(writer)) => {
                    writer.append(&batch).unwrap();
                    batch.into_iter().for_each(|entry| expected.put(entry));
                }
                _ => {
                    drop(writer.take());
                    writer = Some(place.writer());
                }
            }
            prop_assert_eq!(&writer.as_ref().unwrap().load().unwrap(), &expected);
        }
        prop_assert_eq!(&place.reader().load().unwrap(), &expected);
        drop(writer);
        prop_assert_eq!(&place.writer().load().unwrap(), &expected);
    });
}
