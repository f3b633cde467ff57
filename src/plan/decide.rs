//! The table: for each name, the first row that fits.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use super::action::{Action, Field, Kind, Plan, Reason};
use super::lookup::Lookup;
use super::options::Options;
use super::retry::{Verdict, verdict};
use crate::project::{Desired, Wish};
use crate::state::{Attempt, Phase, Record, Recorded};
use crate::video::{Name, VideoHash};

/// Compares what is wished with what is recorded.
///
/// The result has no diffs yet: [`super::explain`] adds them where the texts are at hand.
#[must_use]
pub fn plan(desired: &Desired, recorded: &Recorded, options: &Options) -> Plan {
    let mut planner = Planner {
        desired,
        options,
        recorded,
        lookup: Lookup::new(desired, recorded),
        claimed: HashMap::new(),
        moved: HashSet::new(),
        taken: HashMap::new(),
        deleted: HashMap::new(),
        shown_videos: OnceCell::new(),
        plan: Plan::default(),
    };
    // Both maps are in the order of names, so they are walked side by side.
    let mut records = recorded.records.iter().peekable();
    for (name, wish) in &desired.wishes {
        while records.next_if(|(other, _)| *other < name).is_some() {}
        let record = records.peek().filter(|(other, _)| *other == name);
        if options.selection.contains(name) {
            planner.wished(name, wish, record.map(|(_, record)| *record));
        }
    }
    planner.unwished();
    planner.finish()
}

pub(super) struct Planner<'a> {
    pub(super) desired: &'a Desired,
    pub(super) recorded: &'a Recorded,
    pub(super) options: &'a Options,
    pub(super) lookup: Lookup<'a>,
    /// Hashes an earlier entry of this plan pays for.
    claimed: HashMap<VideoHash, &'a Name>,
    /// Orphans whose record an earlier entry took over.
    pub(super) moved: HashSet<&'a Name>,
    /// Hashes an earlier entry moved, and to whom.
    taken: HashMap<VideoHash, &'a Name>,
    /// Hashes whose video an earlier entry deletes.
    pub(super) deleted: HashMap<VideoHash, &'a Name>,
    pub(super) plan: Plan,
    /// Videos that a wished name shows, once somebody has to know.
    pub(super) shown_videos: OnceCell<HashSet<&'a str>>,
}

/// A wish on its way through the table.
struct Case<'a> {
    name: &'a Name,
    wish: &'a Wish,
    record: Option<&'a Record>,
    /// The attempt that speaks for the wished hash.
    current: Option<&'a Attempt>,
}

impl<'a> Planner<'a> {
    fn wished(&mut self, name: &'a Name, wish: &'a Wish, record: Option<&'a Record>) {
        let case = Case {
            name,
            wish,
            record,
            current: self.recorded.current_attempt(&wish.hash),
        };
        if self.is_as_wished(&case) {
            self.plan.unchanged += 1;
            return;
        }
        let action = self.decide(&case);
        if action.kind.submits() {
            self.claimed.insert(action.hash, name);
        }
        self.plan.actions.push(action);
    }

    /// The row `none`, ahead of the others because nearly every name of a large project is in it.
    /// A live attempt is never an unsettled one, so only `replace` could come before.
    fn is_as_wished(&self, case: &Case<'_>) -> bool {
        case.record.is_some_and(|r| r.hash == case.wish.hash)
            && case.current.is_some_and(|a| a.phase.is_live())
            && !self.options.replace.contains(case.name)
    }

    fn decide(&mut self, case: &Case<'a>) -> Action {
        if let Some(action) = self.settle(case) {
            return action;
        }
        if let Some(earlier) = self.claimed.get(&case.wish.hash).copied() {
            return self.reuse_of_earlier(case, earlier);
        }
        if self.options.replace.contains(case.name) {
            return self.replace(case);
        }
        match case.current.map(|a| (a, a.phase)) {
            Some((attempt, phase)) if phase.is_live() => self.live(case, attempt),
            Some((_, Phase::Failed)) => self.failed(case),
            Some((attempt, Phase::Rejected)) if same_request(attempt, case.wish) => {
                self.rejected(case, attempt)
            }
            _ => self.missing(case),
        }
    }

    fn settle(&self, case: &Case<'a>) -> Option<Action> {
        let own = case.record.map(|r| r.hash);
        if let Some(hash) = own.filter(|hash| self.lookup.is_unsettled(hash)) {
            return Some(self.settle_action(case.name, &case.wish.path, hash));
        }
        if !self.lookup.is_unsettled(&case.wish.hash) {
            return None;
        }
        match self.lookup.held_by(&case.wish.hash) {
            None => Some(self.settle_action(case.name, &case.wish.path, case.wish.hash)),
            Some(holder) => Some(self.action(
                case,
                Kind::Reuse,
                Reason::new(
                    "same_content_unsettled",
                    format!("the same content as {holder}, whose attempt must be settled first"),
                ),
            ))
            .map(|action| action.with_previous_name(holder)),
        }
    }

    pub(super) fn settle_action(&self, name: &Name, path: &str, hash: VideoHash) -> Action {
        let attempt = self.recorded.last_attempt(&hash);
        let text = attempt.map_or_else(String::new, |a| unsettled_text(name, a));
        self.bare(
            name,
            path,
            hash,
            Kind::Settle,
            Reason::new("unsettled", text),
        )
        .with_attempt(attempt)
    }

    fn reuse_of_earlier(&self, case: &Case<'a>, earlier: &Name) -> Action {
        let text = format!("the same content as {earlier}, which this plan submits");
        self.action(case, Kind::Reuse, Reason::new("same_content_in_plan", text))
            .with_previous_name(earlier)
    }

    fn replace(&self, case: &Case<'a>) -> Action {
        let reason = Reason::new(
            "replace_requested",
            "another take was asked for with --replace",
        );
        self.submission(case, Kind::Replace, reason)
    }

    fn live(&mut self, case: &Case<'a>, attempt: &Attempt) -> Action {
        let action = match self.orphan_for(case) {
            Some(orphan) => {
                self.moved.insert(orphan);
                self.taken.insert(case.wish.hash, case.name);
                let text = format!("the manifest of {orphan} is gone and its content is here now");
                self.action(case, Kind::Move, Reason::new("renamed", text))
                    .with_previous_name(orphan)
            }
            None => self.reuse(case, attempt),
        };
        action.with_attempt(Some(attempt))
    }

    fn orphan_for(&self, case: &Case<'a>) -> Option<&'a Name> {
        if case.record.is_some() || self.shown_by(&case.wish.hash).is_some() {
            return None;
        }
        self.lookup.orphan_with(&case.wish.hash)
    }

    /// A wished name whose video is of this hash, now or once this plan is applied.
    fn shown_by(&self, hash: &VideoHash) -> Option<&'a Name> {
        let taken = self.taken.get(hash).copied();
        self.lookup.shown_by(hash).or(taken)
    }

    fn reuse(&self, case: &Case<'a>, attempt: &Attempt) -> Action {
        if case.record.is_some() && attempt.name == *case.name {
            let text = "back to content this name had before; its video exists";
            return self.action(case, Kind::Reuse, Reason::new("reverted", text));
        }
        match self.shown_by(&case.wish.hash) {
            Some(other) => {
                let text = format!("the same content as {other}, whose video exists");
                self.action(case, Kind::Reuse, Reason::new("same_content", text))
                    .with_previous_name(other)
            }
            None => {
                let text = format!(
                    "a video of this content exists, paid for as {}",
                    attempt.name
                );
                self.action(case, Kind::Reuse, Reason::new("paid_before", text))
                    .with_previous_name(&attempt.name)
            }
        }
    }

    fn failed(&self, case: &Case<'a>) -> Action {
        let attempts = self.recorded.attempts_of(&case.wish.hash);
        let max = self.options.retry.max_attempts;
        let why = attempts.last().map_or_else(String::new, failure_text);
        if self.options.retry_failed {
            let text = format!("failed{why}; asked for with --retry-failed");
            return self.submission(case, Kind::Retry, Reason::new("retry_requested", text));
        }
        match verdict(attempts, self.options.retry, self.options.now) {
            Verdict::Due { failed } => {
                let text = format!("failed{why}; try {} of {max}", failed + 1);
                self.submission(case, Kind::Retry, Reason::new("failed", text))
            }
            Verdict::NotDue { failed, at } => {
                let text = format!("failed{why}; try {} of {max} from {at:.0}", failed + 1);
                Action {
                    due: Some(at),
                    ..self.blocked(case, Reason::new("failed_not_due", text))
                }
            }
            Verdict::Exhausted { failed } => {
                let text = format!(
                    "failed {failed} times{why}; change the manifest, or apply with --retry-failed"
                );
                self.blocked(case, Reason::new("failed_exhausted", text))
            }
        }
    }

    fn rejected(&self, case: &Case<'a>, attempt: &Attempt) -> Action {
        let text = format!(
            "HeyGen refused this request{}; change the manifest, or apply with --replace {}",
            failure_text(attempt),
            case.name
        );
        let param = attempt.failure.as_ref().and_then(|f| f.param());
        Action {
            field: param.map(|param| Field::named(param).into()),
            ..self.blocked(case, Reason::new("rejected", text))
        }
    }

    fn blocked(&self, case: &Case<'a>, reason: Reason) -> Action {
        self.action(case, Kind::Blocked, reason)
            .with_attempt(case.current)
    }

    /// Nothing live, failed or refused stands for the wish: it has to be submitted.
    fn missing(&self, case: &Case<'a>) -> Action {
        let Some(record) = case.record else {
            let reason = Reason::new("new", "no video of this name is recorded");
            return self.submission(case, Kind::Create, reason);
        };
        let reason = if record.hash != case.wish.hash {
            Reason::new("changed", "the manifest changed")
        } else {
            missing_reason(case.current.map(|a| a.phase))
        };
        self.submission(case, Kind::Update, reason)
    }

    fn submission(&self, case: &Case<'a>, kind: Kind, reason: Reason) -> Action {
        let number = self.recorded.next_number(&case.wish.hash);
        Action {
            attempt: Some(number),
            estimate_usd: Some(self.options.pricing.estimate_usd(1)),
            ..self.action(case, kind, reason)
        }
    }

    fn action(&self, case: &Case<'a>, kind: Kind, reason: Reason) -> Action {
        let mut action = self.bare(case.name, &case.wish.path, case.wish.hash, kind, reason);
        action.protected = case.wish.protected;
        action.previous_hash = case
            .record
            .map(|r| r.hash)
            .filter(|hash| *hash != case.wish.hash);
        action
    }

    pub(super) fn bare(
        &self,
        name: &Name,
        path: &str,
        hash: VideoHash,
        kind: Kind,
        reason: Reason,
    ) -> Action {
        Action {
            name: name.clone(),
            kind,
            reason,
            path: path.to_owned(),
            hash,
            previous_hash: None,
            previous_name: None,
            attempt: None,
            session_id: None,
            video_id: None,
            changes: Vec::new(),
            diff: Vec::new(),
            estimate_usd: (kind == Kind::Settle).then(|| self.options.pricing.estimate_usd(1)),
            protected: false,
            due: None,
            field: None,
        }
    }

    fn finish(mut self) -> Plan {
        let submissions = self.plan.summary().submissions;
        self.plan.estimate_usd = self.options.pricing.estimate_usd(submissions);
        self.plan.basis = self.options.pricing.basis();
        self.plan
    }
}

/// Only the hash and where the webhook goes make up a request; the name does not.
fn same_request(attempt: &Attempt, wish: &Wish) -> bool {
    attempt.callback_url == wish.callback_url
}

fn missing_reason(phase: Option<Phase>) -> Reason {
    match phase {
        Some(Phase::Gone) => Reason::new("gone", "its video is missing at HeyGen"),
        Some(Phase::Deleted) => Reason::new("deleted", "its video was deleted"),
        Some(Phase::Rejected) => {
            Reason::new("request_changed", "refused before, and changed since")
        }
        _ => Reason::new("not_sent", "it was never sent"),
    }
}

/// What is not known, and what is done about it.
fn unsettled_text(name: &Name, attempt: &Attempt) -> String {
    let told = attempt.phase == Phase::Unknown && !attempt.candidates.is_empty();
    if told {
        return format!(
            "whether HeyGen took it is not known{}; `reconcile state settle {name}` shows the sessions \
             it could be; apply asks again, and sends it again only if HeyGen has none of it",
            attempt
                .failure
                .as_ref()
                .map_or_else(String::new, |f| format!(" ({})", f.message)),
        );
    }
    let what = match attempt.phase {
        Phase::Submitting => "the attempt was interrupted before its answer was recorded",
        _ => "the outcome of the attempt was not learned",
    };
    format!(
        "{what}; apply first asks HeyGen, which is free, and sends it again only if HeyGen never \
         took it"
    )
}

fn failure_text(attempt: &Attempt) -> String {
    attempt
        .failure
        .as_ref()
        .map_or_else(String::new, |f| format!(" ({}: {})", f.code, f.message))
}

impl Action {
    pub(super) fn with_previous_name(mut self, name: &Name) -> Self {
        self.previous_name = Some(name.clone());
        self
    }

    pub(super) fn with_attempt(mut self, attempt: Option<&Attempt>) -> Self {
        if let Some(attempt) = attempt {
            self.attempt = Some(attempt.number);
            self.session_id.clone_from(&attempt.session_id);
            self.video_id.clone_from(&attempt.video_id);
        }
        self
    }
}
