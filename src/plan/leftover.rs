//! The rows of the table for records without a manifest: their videos stay, or are pruned.

use super::action::{Action, Kind, Reason};
use super::decide::Planner;
use crate::state::{Attempt, Phase, Record};
use crate::video::{Name, VideoHash};

impl<'a> Planner<'a> {
    pub(super) fn unwished(&mut self) {
        let recorded = self.recorded;
        for (name, record) in &recorded.records {
            let skip = self.desired.wishes.contains_key(name)
                || self.moved.contains(name)
                || !self.options.selection.contains(name);
            if !skip && let Some(action) = self.leftover(name, record) {
                self.plan.actions.push(action);
            }
        }
        self.plan.actions.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Its video was deleted, or is missing at HeyGen: there is nothing to say any more.
    fn has_nothing_left(&self, record: &Record) -> bool {
        let current = self.recorded.current_attempt(&record.hash);
        current.is_some_and(|a| matches!(a.phase, Phase::Deleted | Phase::Gone))
    }

    fn leftover(&mut self, name: &'a Name, record: &Record) -> Option<Action> {
        if self.lookup.is_unsettled(&record.hash) {
            return Some(self.settle_action(name, &record.path, record.hash));
        }
        if self.desired.may_hide(name, &record.path) || self.has_nothing_left(record) {
            return None;
        }
        let (kind, reason) = self.keep_or_delete(name, record);
        Some(
            self.bare(name, &record.path, record.hash, kind, reason)
                .with_attempt(self.recorded.current_attempt(&record.hash)),
        )
    }

    fn keep_or_delete(&mut self, name: &'a Name, record: &Record) -> (Kind, Reason) {
        let gone = "its manifest is gone";
        let keep = |code, why: &str| (Kind::Orphan, Reason::new(code, format!("{gone}; {why}")));
        if !self.options.prune {
            return keep("manifest_gone", "the video stays");
        }
        if !self.desired.problems.is_empty() {
            return keep(
                "kept_while_broken",
                "the video stays while a manifest is broken",
            );
        }
        if record.protected {
            return keep("protected", "its label `prune: never` keeps the video");
        }
        if self.is_shown_elsewhere(&record.hash) || self.has_shown_video(&record.hash) {
            return keep("shown_elsewhere", "another manifest shows the video");
        }
        if let Some(other) = self.deleted.get(&record.hash) {
            let why = format!("{other} has the same video, which this plan deletes");
            return keep("deleted_in_plan", &why);
        }
        match self.recorded.current_attempt(&record.hash) {
            Some(a) if is_deletable(a) => {
                self.deleted.insert(record.hash, name);
                let text = format!("{gone}; --prune deletes its video at HeyGen for good");
                (Kind::Delete, Reason::new("pruned", text))
            }
            _ => keep("nothing_to_delete", "no finished video is known to delete"),
        }
    }

    /// Two attempts may have one video, where somebody adopted it by hand.
    fn has_shown_video(&self, hash: &VideoHash) -> bool {
        let video = |hash| self.recorded.current_attempt(hash)?.video_id.as_deref();
        let shown = self.shown_videos.get_or_init(|| {
            let wished = self.desired.wishes.values();
            wished.filter_map(|w| video(&w.hash)).collect()
        });
        video(hash).is_some_and(|id| shown.contains(id))
    }

    fn is_shown_elsewhere(&self, hash: &VideoHash) -> bool {
        self.lookup.shown_by(hash).is_some()
            || self.lookup.is_shown_for_now(hash)
            || self.desired.wishes.values().any(|w| w.hash == *hash)
    }
}

fn is_deletable(attempt: &Attempt) -> bool {
    matches!(attempt.phase, Phase::Completed | Phase::Failed) && attempt.video_id.is_some()
}
