//! What of a plan is left for later. Pure.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use crate::manifest::Manifest;
use crate::plan::{Action, Kind, Plan};
use crate::project::Desired;
use crate::video::{Name, VideoHash};

/// Wishes whose file was changed within the quiet period, and when the first of them is quiet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Young {
    pub names: BTreeSet<Name>,
    /// From now on.
    pub wait: Option<Duration>,
}

/// A file of the future tells that a clock was set, not that somebody writes.
#[must_use]
pub fn young(desired: &Desired, quiet: Duration, now: SystemTime) -> Young {
    let mut young = Young::default();
    for (name, wish) in &desired.wishes {
        let Ok(age) = now.duration_since(wish.changed) else {
            continue;
        };
        if age < quiet {
            young.names.insert(name.clone());
            let wait = quiet - age;
            young.wait = Some(young.wait.map_or(wait, |w| w.min(wait)));
        }
    }
    young
}

/// What was left out of a plan.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Submissions beyond what is allowed.
    pub over: usize,
    /// Submissions of files that are still being written.
    pub young: usize,
}

/// Takes out what must not be submitted now: what is young, and all beyond the first `allowed`
/// submissions. What is to be settled is settled all the same, and not sent again: if it proves never
/// to have been sent, the next plan submits it.
pub fn hold_back(
    plan: &mut Plan,
    manifests: &mut HashMap<Name, Box<Manifest>>,
    young: &BTreeSet<Name>,
    allowed: usize,
) -> Left {
    let (mut left, mut allowed) = (Left::default(), allowed);
    let mut held: HashSet<VideoHash> = HashSet::new();
    let posts = |a: &&Action| a.kind.submits() || a.kind == Kind::Settle;
    for action in plan.by_urgency().into_iter().filter(posts) {
        let is_young = young.contains(&action.name);
        let submits = action.kind.submits();
        if submits && !is_young && allowed > 0 {
            allowed -= 1;
            continue;
        }
        held.insert(action.hash);
        left.young += usize::from(submits && is_young);
        left.over += usize::from(submits && !is_young);
    }
    // Of a held hash nothing is sent, whichever name would.
    manifests.retain(|_, manifest| !held.contains(&manifest.hash));
    plan.actions.retain(|action| {
        let sends = action.may_submit() && action.kind != Kind::Settle;
        !(sends && held.contains(&action.hash))
    });
    left
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::plan::{Options, plan};
    use crate::project::{Settings, Wish};
    use crate::state::{Attempt, Entry, Phase, Recorded};

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn desired(wishes: &[(&str, &str, u64)]) -> Desired {
        let mut desired = Desired::default();
        for (who, what, changed) in wishes {
            let wish = Wish {
                path: format!("videos/{who}.yaml").into(),
                hash: VideoHash::of_canonical(what),
                callback_url: None,
                protected: false,
                changed: SystemTime::UNIX_EPOCH + Duration::from_secs(*changed),
                manifest: None,
            };
            desired.wishes.insert(name(who), wish);
        }
        desired
    }

    fn planned(desired: &Desired, recorded: &Recorded) -> Plan {
        let options = Options::new(&Settings::default(), Timestamp::UNIX_EPOCH);
        plan(desired, recorded, &options)
    }

    fn names(plan: &Plan) -> Vec<&str> {
        plan.actions.iter().map(|a| a.name.as_str()).collect()
    }

    #[test]
    fn a_file_is_young_until_it_was_quiet_and_one_of_the_future_is_not() {
        let desired = desired(&[
            ("a", "1", 90),
            ("b", "2", 95),
            ("c", "3", 101),
            ("d", "4", 99),
        ]);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let young = young(&desired, Duration::from_secs(10), now);
        assert_eq!(young.names, BTreeSet::from([name("b"), name("d")]));
        assert_eq!(young.wait, Some(Duration::from_secs(5)));
    }

    #[test]
    fn what_is_young_or_over_waits_and_so_do_names_of_the_same_content() {
        let desired = desired(&[("a", "1", 0), ("b", "2", 0), ("c", "3", 0), ("d", "2", 0)]);
        let mut plan = planned(&desired, &Recorded::default());
        let left = hold_back(
            &mut plan,
            &mut HashMap::new(),
            &BTreeSet::from([name("b")]),
            1,
        );
        assert_eq!(left, Left { over: 1, young: 1 });
        assert_eq!(names(&plan), ["a"]);
    }

    #[test]
    fn what_is_not_settled_yet_takes_no_share_and_is_not_sent_again() {
        let mut recorded = Recorded::default();
        let hash = VideoHash::of_canonical("1");
        let attempt = Attempt::intent(hash, 1, name("a"), Timestamp::UNIX_EPOCH);
        recorded.put(Entry::Attempt(Attempt {
            phase: Phase::Unknown,
            ..attempt
        }));
        let desired = desired(&[("a", "1", 0), ("b", "2", 0)]);
        let mut plan = planned(&desired, &recorded);
        let left = hold_back(&mut plan, &mut HashMap::new(), &BTreeSet::new(), 1);
        assert_eq!(left, Left::default());
        assert_eq!(names(&plan), ["a", "b"]);
        assert_eq!(plan.actions[0].kind, Kind::Settle);
    }
}
