//! The recorded state as one value: what planning reads and every store agrees on.

use std::collections::{BTreeMap, HashMap};

use super::{Account, Asset, Attempt, Entry, Phase, Record, Run};
use crate::video::{Name, Sha256Hex, VideoHash};

/// All entries of a state, folded: the latest of each key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    pub records: BTreeMap<Name, Record>,
    /// The attempts of each hash, by number.
    pub attempts: HashMap<VideoHash, Vec<Attempt>>,
    pub assets: HashMap<Sha256Hex, Asset>,
    pub account: Option<Account>,
    pub runs: BTreeMap<u64, Run>,
}

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
            Entry::Account(account) => self.account = Some(account),
            Entry::Run(run) => {
                self.runs.insert(run.number, run);
            }
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

    /// The attempt that speaks for a hash: the one with the highest number.
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
