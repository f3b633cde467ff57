//! The recorded state as one value: what planning reads and every store agrees on.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    Account, Asset, Attempt, AttemptKey, Doubted, Entry, FileRecord, Phase, Record, Run, Unproven,
    Vouch,
};
use crate::video::{Name, Sha256Hex, VideoHash};

/// All entries of a state, folded: the latest of each key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    pub records: BTreeMap<Name, Record>,
    /// The attempts of each hash, by number.
    pub attempts: HashMap<VideoHash, Vec<Attempt>>,
    pub assets: HashMap<Sha256Hex, Asset>,
    /// Films that were downloaded, by name.
    pub files: BTreeMap<Name, FileRecord>,
    pub account: Option<Account>,
    pub runs: BTreeMap<u64, Run>,
    pub vouch: Option<Vouch>,
}

/// How far back a state that has just begun looks for submissions it may have forgotten.
const NEW_LOOKS_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long before the newest entry what is missing may have begun.
pub(super) const MARGIN: SignedDuration = SignedDuration::from_mins(15);

impl Recorded {
    /// Applies one entry. The order of entries of one key matters, that of different keys does not.
    pub fn put(&mut self, entry: Entry) {
        match entry {
            Entry::Record(record) => {
                self.records.insert(record.name.clone(), record);
            }
            Entry::Forget(name) => {
                self.records.remove(&name);
            }
            Entry::Attempt(attempt) => self.put_attempt(attempt),
            Entry::Asset(asset) => {
                self.assets.insert(asset.sha256, asset);
            }
            Entry::ForgetAsset(sha256) => {
                self.assets.remove(&sha256);
            }
            Entry::File(file) => {
                self.files.insert(file.name.clone(), file);
            }
            Entry::ForgetFile(name) => {
                self.files.remove(&name);
            }
            Entry::Account(account) => self.account = Some(account),
            Entry::Run(run) => {
                self.runs.insert(run.number, run);
            }
            Entry::Vouch(vouch) => self.vouch = Some(vouch),
        }
    }

    fn put_attempt(&mut self, attempt: Attempt) {
        let attempts = self.attempts.entry(attempt.hash).or_default();
        match attempts.binary_search_by_key(&attempt.number, |a| a.number) {
            Ok(at) => attempts[at] = attempt,
            Err(at) => {
                // Hardly any hash has a second attempt, and room for it would be most of the memory.
                attempts.reserve_exact(1);
                attempts.insert(at, attempt);
            }
        }
    }

    #[must_use]
    pub fn attempts_of(&self, hash: &VideoHash) -> &[Attempt] {
        self.attempts.get(hash).map_or(&[], Vec::as_slice)
    }

    /// The attempt that speaks for a hash: the last one, unless it came to nothing while an
    /// earlier one is live.
    #[must_use]
    pub fn current_attempt(&self, hash: &VideoHash) -> Option<&Attempt> {
        let last = self.last_attempt(hash)?;
        match last.phase {
            Phase::NotSent | Phase::Deleted | Phase::Gone => {
                Some(self.live_attempt(hash).unwrap_or(last))
            }
            _ => Some(last),
        }
    }

    /// The attempt with the highest number.
    #[must_use]
    pub fn last_attempt(&self, hash: &VideoHash) -> Option<&Attempt> {
        self.attempts_of(hash).last()
    }

    /// The newest attempt of a hash whose video exists or is being made.
    #[must_use]
    pub fn live_attempt(&self, hash: &VideoHash) -> Option<&Attempt> {
        self.attempts_of(hash)
            .iter()
            .rev()
            .find(|a| a.phase.is_live())
    }

    /// The number the next attempt of a hash takes: one that proved never to have been sent is used again.
    #[must_use]
    pub fn next_number(&self, hash: &VideoHash) -> u32 {
        match self.last_attempt(hash) {
            None => 1,
            Some(a) if a.phase == Phase::NotSent => a.number,
            Some(a) => a.number + 1,
        }
    }

    /// The record of a name once it shows a hash.
    #[must_use]
    pub fn next_record(
        &self,
        name: &Name,
        path: &str,
        hash: VideoHash,
        protected: bool,
        now: Timestamp,
    ) -> Record {
        let old = self.records.get(name);
        let same = old.filter(|r| r.hash == hash);
        Record {
            name: name.clone(),
            path: path.to_owned(),
            hash,
            previous: same.map_or_else(|| old.map(|r| r.hash), |r| r.previous),
            moved_from: old.and_then(|r| r.moved_from.clone()),
            since: same.map_or(now, |r| r.since),
            shown: old.and_then(|r| self.finished(r)).map(|a| a.key().into()),
            protected,
        }
    }

    /// Every session that is some attempt's.
    #[must_use]
    pub fn sessions(&self) -> HashSet<String> {
        let attempts = self.attempts.values().flatten();
        attempts.filter_map(|a| a.session_id.clone()).collect()
    }

    /// What the state can't vouch for. One without an account was never used.
    #[must_use]
    pub fn unproven(&self, now: Timestamp) -> Option<Unproven> {
        match &self.vouch {
            Some(vouch) => vouch.unproven,
            None if self.account.is_some() => None,
            None => Some(Unproven {
                cause: Doubted::New,
                since: now.saturating_sub(NEW_LOOKS_BACK).unwrap_or(now),
            }),
        }
    }

    /// The latest time any entry speaks of.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.times().max()
    }

    /// The earliest one.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.times().min()
    }

    fn times(&self) -> impl Iterator<Item = Timestamp> {
        let attempts = self.attempts.values().flatten();
        let attempts = attempts.flat_map(|a| [Some(a.intent_at), a.answered_at]);
        attempts
            .flatten()
            .chain(self.records.values().map(|record| record.since))
            .chain(self.assets.values().map(|asset| asset.uploaded_at))
            .chain(self.runs.values().map(|run| run.at))
            .chain(self.account.iter().map(|account| account.since))
            .chain(self.vouch.iter().map(|vouch| vouch.at))
    }

    /// The vouch of a state that lost what was written last: later than anything it knows, but for
    /// a margin. One that knows of no time is as good as new, and needs none.
    pub(super) fn doubt_the_last(&self, cause: Doubted, at: Option<Timestamp>) -> Option<Vouch> {
        let newest = self.newest()?;
        let at = at.unwrap_or(newest);
        let since = newest.min(at).saturating_sub(MARGIN).ok()?;
        let since = since.saturating_sub(self.ahead_of_heygen()).ok()?;
        Some(self.doubted_since(cause, since, at))
    }

    /// The vouch of a state that may lack everything since something that is known, or at least since
    /// a week ago.
    pub(super) fn doubt_since(&self, cause: Doubted, known: Timestamp, now: Timestamp) -> Vouch {
        let week = now.checked_sub(NEW_LOOKS_BACK).unwrap_or(now);
        let since = known.checked_sub(MARGIN).unwrap_or(known).min(week);
        self.doubted_since(cause, since, now)
    }

    /// What was doubted before stays so.
    pub(super) fn doubted_since(&self, cause: Doubted, since: Timestamp, at: Timestamp) -> Vouch {
        let before = self.vouch.as_ref().and_then(|vouch| vouch.unproven);
        let since = before.map_or(since, |before| since.min(before.since));
        let unproven = Some(Unproven { cause, since });
        Vouch { at, unproven }
    }

    /// The most our clock was ever seen to be ahead.
    pub(super) fn ahead_of_heygen(&self) -> SignedDuration {
        let attempts = self.attempts.values().flatten();
        let ahead = attempts.filter_map(|a| Some(a.intent_at.duration_since(a.intent_at_heygen?)));
        ahead.max().unwrap_or_default().max(SignedDuration::ZERO)
    }

    /// The finished video a name has: that of its hash, or else the one it showed before.
    #[must_use]
    pub fn finished(&self, record: &Record) -> Option<&Attempt> {
        let completed = |a: &&Attempt| a.phase == Phase::Completed;
        let own = self.attempts_of(&record.hash).iter().rev().find(completed);
        own.or_else(|| self.attempt(record.shown.as_ref()?).filter(completed))
    }

    #[must_use]
    pub fn attempt(&self, key: &AttemptKey) -> Option<&Attempt> {
        let attempts = self.attempts_of(&key.hash);
        attempts.iter().find(|a| a.number == key.number)
    }

    /// Attempts in a phase that `wanted` accepts, in the order of hash and number.
    pub fn attempts_where(&self, wanted: impl Fn(Phase) -> bool) -> Vec<&Attempt> {
        let mut found: Vec<_> = self
            .attempts
            .values()
            .flatten()
            .filter(|a| wanted(a.phase))
            .collect();
        found.sort_by_key(|a| (a.hash, a.number));
        found
    }
}
