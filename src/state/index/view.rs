//! What sled keeps: the latest entry of each key, and a seal that says what that must add up to.
//!
//! sled 0.34 can lose entries without a word and panics on damaged files, so every call is caught,
//! and what is read counts only if it adds up. Nothing here is ever synced.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::state::{Entry, Recorded, StateError};

/// Sorts before every key of an entry.
const SEAL: &[u8] = b"\0seal";
/// sled's cache; the pages of an index are read once.
const CACHE: u64 = 8 << 20;
const FOLDED_AT_A_TIME: usize = 2048;

/// Why an index is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Doubt {
    #[error("{0}")]
    Sled(#[from] sled::Error),
    #[error("sled panicked")]
    Panicked,
    #[error("{0}")]
    State(#[from] StateError),
    #[error("{0}")]
    Wrong(&'static str),
}

/// How much of which journal is in the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub journal: String,
    pub end: u64,
    /// The checksum of the journal's last line before `end`.
    pub crc: u32,
}

/// A new value of a key, or none any more.
#[derive(Debug)]
pub(super) struct Change {
    pub key: String,
    pub value: Option<Vec<u8>>,
}

/// Depends on every entry, not on their order, and follows a change without reading the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    entries: u64,
    digest: u128,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Seal {
    place: Place,
    sum: Sum,
}

#[derive(Debug)]
pub(super) struct View {
    /// Always there, but for a view that is being dropped.
    db: Option<sled::Db>,
    seal: Seal,
}

impl View {
    /// Opens the index in a folder, or says `None` when there is none.
    pub fn open(folder: &Path) -> Result<Option<Self>, Doubt> {
        if !folder.exists() {
            return Ok(None);
        }
        remove_unfinished_snapshots(folder);
        let db = guarded(|| config(folder).open())?;
        let seal = guarded(|| db.get(SEAL))?;
        match seal.as_deref().and_then(Seal::decode) {
            Some(seal) => Ok(Some(Self { db: Some(db), seal })),
            None => {
                std::mem::forget(db);
                Err(Doubt::Wrong("it was never finished"))
            }
        }
    }

    /// Makes an empty one. It counts from the first change that comes with a place.
    pub fn create(folder: &Path, journal: &str) -> Result<Self, Doubt> {
        let db = guarded(|| config(folder).open())?;
        let place = Place {
            journal: journal.into(),
            end: 0,
            crc: 0,
        };
        let sum = Sum::default();
        Ok(Self {
            db: Some(db),
            seal: Seal { place, sum },
        })
    }

    fn db(&self) -> Result<&sled::Db, Doubt> {
        self.db.as_ref().ok_or(Doubt::Wrong("it was closed"))
    }

    pub fn place(&self) -> &Place {
        &self.seal.place
    }

    /// Applies changes of different keys all together, and seals them if they end at a place.
    pub fn apply(&mut self, changes: &[Change], place: Option<&Place>) -> Result<(), Doubt> {
        let mut seal = self.seal.clone();
        let db = self.db()?;
        let mut batch = sled::Batch::default();
        for Change { key, value } in changes {
            if let Some(old) = guarded(|| db.get(key))? {
                seal.sum.subtract(key.as_bytes(), &old);
            }
            match value {
                Some(value) => {
                    seal.sum.add(key.as_bytes(), value);
                    batch.insert(key.as_str(), value.as_slice());
                }
                None => batch.remove(key.as_str()),
            }
        }
        if let Some(place) = place {
            seal.place = place.clone();
            batch.insert(SEAL, seal.encode()?);
        }
        guarded(|| db.apply_batch(batch))?;
        self.seal = seal;
        Ok(())
    }

    /// Reads everything, and proves that it is everything.
    pub fn load(&self) -> Result<Recorded, Doubt> {
        let db = self.db()?;
        let mut fold = Fold::default();
        guarded(|| {
            for pair in db.iter() {
                let (key, value) = pair?;
                if key != SEAL {
                    fold.take(key, value);
                }
            }
            fold.finish();
            Ok(())
        })?;
        match fold.failed {
            false if fold.sum == self.seal.sum => Ok(fold.recorded),
            _ => Err(Doubt::Wrong("it is not complete")),
        }
    }

    /// Lets go of it without writing to it again.
    pub fn leak(mut self) {
        std::mem::forget(self.db.take());
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else {
            return;
        };
        let closed = guarded(|| {
            db.flush()?;
            drop(db);
            Ok(())
        });
        if let Err(doubt) = closed {
            tracing::debug!("the index was not closed in order: {doubt}");
        }
    }
}

fn config(folder: &Path) -> sled::Config {
    sled::Config::new()
        .path(folder)
        .cache_capacity(CACHE)
        .flush_every_ms(None)
}

/// A snapshot that a killed process was writing stops sled from opening; without it, all is well.
fn remove_unfinished_snapshots(folder: &Path) {
    let Ok(files) = fs::read_dir(folder) else {
        return;
    };
    for file in files.flatten() {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            let _ = fs::remove_file(file.path());
        }
    }
}

fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Doubt> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(done) => Ok(done?),
        Err(_) => Err(Doubt::Panicked),
    }
}

impl Seal {
    fn encode(&self) -> Result<Vec<u8>, Doubt> {
        let json = serde_json::to_vec(self).map_err(|_| Doubt::Wrong("its seal is unwritable"))?;
        let mut sealed = crc32fast::hash(&json).to_be_bytes().to_vec();
        sealed.extend(json);
        Ok(sealed)
    }

    fn decode(sealed: &[u8]) -> Option<Self> {
        let (crc, json) = sealed.split_first_chunk::<4>()?;
        if crc32fast::hash(json).to_be_bytes() != *crc {
            return None;
        }
        serde_json::from_slice(json).ok()
    }
}

impl Sum {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.entries = self.entries.wrapping_add(1);
        self.digest = self.digest.wrapping_add(digest(key, value));
    }

    fn subtract(&mut self, key: &[u8], value: &[u8]) {
        self.entries = self.entries.wrapping_sub(1);
        self.digest = self.digest.wrapping_sub(digest(key, value));
    }
}

fn digest(key: &[u8], value: &[u8]) -> u128 {
    let mut hasher = Sha256::new();
    hasher.update((key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    let digest: [u8; 32] = hasher.finalize().into();
    let (low, _) = digest.as_chunks::<16>();
    low.first().map_or(0, |bytes| u128::from_le_bytes(*bytes))
}

/// Folds what comes out of sled, some thousands at a time on every core.
#[derive(Default)]
struct Fold {
    pairs: Vec<(sled::IVec, sled::IVec)>,
    sum: Sum,
    recorded: Recorded,
    failed: bool,
}

impl Fold {
    fn take(&mut self, key: sled::IVec, value: sled::IVec) {
        self.pairs.push((key, value));
        if self.pairs.len() == FOLDED_AT_A_TIME {
            self.finish();
        }
    }

    fn finish(&mut self) {
        let folded: Vec<_> = self
            .pairs
            .par_iter()
            .with_min_len(128)
            .map(|(key, value)| (digest(key, value), serde_json::from_slice::<Entry>(value)))
            .collect();
        self.pairs.clear();
        for (digest, entry) in folded {
            self.sum.entries += 1;
            self.sum.digest = self.sum.digest.wrapping_add(digest);
            match entry {
                Ok(entry) => self.recorded.put(entry),
                Err(_) => self.failed = true,
            }
        }
    }
}
