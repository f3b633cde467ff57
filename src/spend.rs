//! What the finished videos cost: by the second, as HeyGen bills them. Pure.
//!
//! Every attempt whose video was finished counts once, however many names show it, and whatever
//! became of it since. Labels are those of today's manifests, because attempts record none.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::plan::Selection;
use crate::state::{Attempt, Phase, Recorded};
use crate::video::{Name, VideoHash};

pub type Labels = BTreeMap<String, String>;

/// A finished video.
#[derive(Debug, Clone, Copy)]
pub struct Billed<'a> {
    pub attempt: &'a Attempt,
    /// The wished name it belongs to today.
    pub owner: Option<&'a Name>,
}

/// Videos, and what is known of their length.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    pub videos: usize,
    pub seconds: f64,
    /// Those of the videos that are not in the seconds.
    pub without_length: usize,
}

/// Where it went. A video with several labels counts under each, and once in the total.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Breakdown<'a> {
    pub total: Sum,
    /// By name and value.
    pub labels: BTreeMap<(&'a str, &'a str), Sum>,
    pub unlabelled: Sum,
    pub no_manifest: Sum,
}

/// Whether HeyGen finished its video, which is when it bills.
#[must_use]
pub fn is_billed(attempt: &Attempt) -> bool {
    match attempt.phase {
        Phase::Completed => true,
        // What failed, or was lost before its end was seen, costs nothing as far as anyone knows.
        Phase::Deleted | Phase::Gone => attempt.completed_at.is_some() && attempt.failure.is_none(),
        _ => false,
    }
}

/// When it was billed.
#[must_use]
pub fn billed_at(attempt: &Attempt) -> Timestamp {
    let known = attempt.completed_at.or(attempt.answered_at);
    known.unwrap_or(attempt.intent_at)
}

/// Everything that was billed, oldest first.
#[must_use]
pub fn billed<'a>(recorded: &'a Recorded, is_wished: impl Fn(&Name) -> bool) -> Vec<Billed<'a>> {
    let owners = Owners::new(recorded, is_wished);
    let attempts = recorded.attempts.values().flatten();
    let mut billed: Vec<_> = attempts
        .filter(|attempt| is_billed(attempt))
        .map(|attempt| Billed {
            attempt,
            owner: owners.of(attempt),
        })
        .collect();
    billed.sort_by_key(|b| (billed_at(b.attempt), b.attempt.key()));
    billed
}

impl Billed<'_> {
    /// Whether it belongs to a selected name, today or when it was asked for.
    #[must_use]
    pub fn is_of(&self, selection: &Selection) -> bool {
        let owner = self.owner.is_some_and(|name| selection.contains(name));
        owner || selection.contains(&self.attempt.name)
    }
}

/// Which wished name an attempt belongs to.
struct Owners<'a, W> {
    is_wished: W,
    /// What a name is called since it was moved.
    renamed: HashMap<&'a Name, &'a Name>,
    /// The first wished name that shows a content.
    showing: HashMap<VideoHash, &'a Name>,
}

impl<'a, W: Fn(&Name) -> bool> Owners<'a, W> {
    fn new(recorded: &'a Recorded, is_wished: W) -> Self {
        let (mut renamed, mut showing) = (HashMap::new(), HashMap::new());
        for record in recorded.records.values() {
            if let Some(from) = &record.moved_from {
                renamed.entry(from).or_insert(&record.name);
            }
            if is_wished(&record.name) {
                showing.entry(record.hash).or_insert(&record.name);
            }
        }
        Self {
            is_wished,
            renamed,
            showing,
        }
    }

    /// The name that asked for it, or what that is called now, or whoever shows its content.
    fn of(&self, attempt: &'a Attempt) -> Option<&'a Name> {
        let mut name = &attempt.name;
        // A chain that leads back to where it began has no end.
        for _ in 0..=self.renamed.len() {
            if (self.is_wished)(name) {
                return Some(name);
            }
            match self.renamed.get(name) {
                Some(next) => name = next,
                None => break,
            }
        }
        self.showing.get(&attempt.hash).copied()
    }
}

impl Sum {
    pub fn add(&mut self, attempt: &Attempt) {
        self.videos += 1;
        match attempt.duration_s {
            Some(seconds) => self.seconds += seconds,
            None => self.without_length += 1,
        }
    }

    #[must_use]
    pub fn of<'a>(attempts: impl IntoIterator<Item = &'a Attempt>) -> Self {
        let mut sum = Self::default();
        attempts.into_iter().for_each(|attempt| sum.add(attempt));
        sum
    }

    /// US dollars, to a hundredth of a cent.
    #[must_use]
    pub fn usd(&self, price_per_second: f64) -> f64 {
        rounded_usd(self.seconds * price_per_second)
    }
}

impl<'a> Breakdown<'a> {
    /// `labels` gives those of a wished name.
    #[must_use]
    pub fn of(billed: &[Billed<'_>], labels: impl Fn(&Name) -> Option<&'a Labels>) -> Self {
        let mut breakdown = Self::default();
        for Billed { attempt, owner } in billed {
            breakdown.total.add(attempt);
            match owner.and_then(&labels) {
                None => breakdown.no_manifest.add(attempt),
                Some(labels) if labels.is_empty() => breakdown.unlabelled.add(attempt),
                Some(labels) => {
                    for (label, value) in labels {
                        let sum = breakdown.labels.entry((label, value)).or_default();
                        sum.add(attempt);
                    }
                }
            }
        }
        breakdown
    }
}

/// To a hundredth of a cent.
#[must_use]
pub fn rounded_usd(exact: f64) -> f64 {
    (exact * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Entry, Failure, Record};

    const PRICE: f64 = 0.0333;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn hash(text: &str) -> VideoHash {
        VideoHash::of_canonical(text)
    }

    fn finished(content: &str, asked: &str, seconds: f64) -> Attempt {
        Attempt {
            phase: Phase::Completed,
            completed_at: Some(Timestamp::UNIX_EPOCH),
            duration_s: Some(seconds),
            ..Attempt::intent(hash(content), 1, name(asked), Timestamp::UNIX_EPOCH)
        }
    }

    fn record(shown: &str, content: &str, from: Option<&str>) -> Entry {
        Entry::Record(Record {
            name: name(shown),
            path: String::new(),
            hash: hash(content),
            previous: None,
            moved_from: from.map(name),
            since: Timestamp::UNIX_EPOCH,
            shown: None,
            protected: false,
        })
    }

    fn recorded(entries: impl IntoIterator<Item = Entry>) -> Recorded {
        let mut recorded = Recorded::default();
        entries.into_iter().for_each(|entry| recorded.put(entry));
        recorded
    }

    fn owner_of(recorded: &Recorded, wished: &[&str]) -> Option<String> {
        let billed = billed(recorded, |name| wished.contains(&name.as_str()));
        billed[0].owner.map(ToString::to_string)
    }

    #[test]
    fn what_was_finished_is_billed_also_when_it_is_gone_and_nothing_else_is() {
        let whole = finished("a", "a", 10.0);
        for phase in Phase::ALL {
            let attempt = Attempt {
                phase,
                ..whole.clone()
            };
            let expected = matches!(phase, Phase::Completed | Phase::Deleted | Phase::Gone);
            assert_eq!(is_billed(&attempt), expected, "{phase:?}");
        }
        let gone = Attempt {
            phase: Phase::Gone,
            completed_at: None,
            ..whole.clone()
        };
        let deleted = Attempt {
            phase: Phase::Deleted,
            failure: Some(Failure::new("render_failed", "").into()),
            ..whole
        };
        assert!(!is_billed(&gone) && !is_billed(&deleted));
    }

    #[test]
    fn an_attempt_counts_once_however_many_names_show_it() {
        let names = ["a", "b", "c"].map(|n| record(n, "x", None));
        let attempt = Entry::Attempt(finished("x", "a", 30.0));
        let recorded = recorded(names.into_iter().chain([attempt]));
        let all = billed(&recorded, |_| true);
        let sum = Sum::of(all.iter().map(|b| b.attempt));
        assert_eq!((sum.videos, sum.seconds), (1, 30.0));
        assert_eq!(sum.usd(PRICE), 0.999);
    }

    #[test]
    fn a_video_belongs_to_its_name_or_what_that_is_called_now_or_to_who_shows_it() {
        let attempt = || Entry::Attempt(finished("x", "a", 1.0));
        let state = recorded([
            attempt(),
            record("c", "y", Some("b")),
            record("b", "y", Some("a")),
        ]);
        assert_eq!(owner_of(&state, &["a", "c"]).as_deref(), Some("a"));
        assert_eq!(owner_of(&state, &["c"]).as_deref(), Some("c"));
        assert_eq!(owner_of(&state, &[]), None);
        let state = recorded([attempt(), record("z", "x", None), record("y", "x", None)]);
        assert_eq!(owner_of(&state, &["y", "z"]).as_deref(), Some("y"));
        let circle = [record("a", "y", Some("b")), record("b", "y", Some("a"))];
        assert_eq!(
            owner_of(&recorded(circle.into_iter().chain([attempt()])), &["q"]),
            None
        );
    }

    #[test]
    fn a_video_counts_under_each_of_its_labels_and_once_in_all() {
        let attempts = [
            finished("1", "both", 10.0),
            finished("2", "web", 0.1),
            finished("3", "bare", 0.2),
            finished("4", "lost", 5.0),
            Attempt {
                duration_s: None,
                ..finished("5", "web", 0.0)
            },
        ];
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            let own = pairs
                .iter()
                .map(|(l, v)| ((*l).to_owned(), (*v).to_owned()));
            own.collect()
        };
        let (both, web, none) = (
            labels(&[("lang", "en"), ("team", "web")]),
            labels(&[("team", "web")]),
            Labels::new(),
        );
        let recorded = recorded(attempts.into_iter().map(Entry::Attempt));
        let billed = billed(&recorded, |name| name.as_str() != "lost");
        let breakdown = Breakdown::of(&billed, |name| match name.as_str() {
            "both" => Some(&both),
            "web" => Some(&web),
            "bare" => Some(&none),
            _ => None,
        });
        let sum = |videos, seconds, without_length| Sum {
            videos,
            seconds,
            without_length,
        };
        assert_eq!(breakdown.labels[&("lang", "en")], sum(1, 10.0, 0));
        assert_eq!(breakdown.labels[&("team", "web")].videos, 3);
        assert_eq!(breakdown.labels[&("team", "web")].without_length, 1);
        assert_eq!(breakdown.unlabelled, sum(1, 0.2, 0));
        assert_eq!(breakdown.no_manifest, sum(1, 5.0, 0));
        assert_eq!(breakdown.total.videos, 5);
        assert_eq!(breakdown.total.usd(PRICE), 0.5095);
    }
}
