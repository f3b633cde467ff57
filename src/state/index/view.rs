//! What sled keeps: where the latest line of each key stands in the journal, and a seal that says
//! what that must add up to.
//!
//! sled 0.34 can lose entries without a word and panics on damaged files, so every call is caught,
//! and what is read counts only if it adds up. Nothing here is ever synced.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::state::StateError;
use crate::state::journal::{Journal, Spot};
use crate::state::key::{Key, Keyed};

/// Shorter than every key of an entry.
const SEAL: &[u8] = b"\0seal";
/// sled's cache; the pages of an index are read once.
const CACHE: u64 = 8 << 20;

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
pub(in crate::state) struct Place {
    pub journal: String,
    /// How often that journal had been written anew.
    #[serde(default)]
    pub rewritten: u64,
    /// The last line taken in.
    pub last: Option<Spot>,
}

/// A new place of a key's line, or none any more.
#[derive(Debug)]
pub(super) struct Change {
    pub key: [u8; 16],
    spot: Option<[u8; 16]>,
    /// A run's line is not counted as needed: most are left out when the journal is written anew.
    counts: bool,
}

impl Change {
    pub fn new(keyed: &Keyed<'_>, spot: Spot) -> Self {
        Self {
            key: digest(keyed.key.to_string().as_bytes()),
            spot: (!keyed.removes).then(|| spot.to_bytes()),
            counts: !matches!(keyed.key, Key::Run(_)),
        }
    }
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
    /// Bytes of the lines that count, about.
    #[serde(default)]
    live: u64,
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
                Err(Doubt::Wrong("it has no seal, as after a kill"))
            }
        }
    }

    /// Makes an empty one.
    pub fn create(folder: &Path, journal: &Journal) -> Result<Self, Doubt> {
        let db = guarded(|| config(folder).open())?;
        let place = Place {
            journal: journal.id().into(),
            rewritten: journal.lineage().rewritten,
            last: None,
        };
        let sum = Sum::default();
        let mut view = Self {
            db: Some(db),
            seal: Seal {
                place,
                sum,
                live: 0,
            },
        };
        view.apply(&[], None)?;
        Ok(view)
    }

    fn db(&self) -> Result<&sled::Db, Doubt> {
        self.db.as_ref().ok_or(Doubt::Wrong("it was closed"))
    }

    pub fn place(&self) -> &Place {
        &self.seal.place
    }

    /// How many bytes of the journal count, about.
    pub fn live(&self) -> u64 {
        self.seal.live
    }

    /// Applies changes of different keys all together. Until `last` is told they may be applied once
    /// more.
    pub fn apply(&mut self, changes: &[Change], last: Option<Spot>) -> Result<(), Doubt> {
        let mut seal = self.seal.clone();
        let db = self.db()?;
        let mut batch = sled::Batch::default();
        for Change { key, spot, counts } in changes {
            if let Some(old) = guarded(|| db.get(key))? {
                seal.sum.subtract(key, &old);
                seal.live = seal.live.saturating_sub(size(&old, *counts));
            }
            match spot {
                Some(spot) => {
                    seal.sum.add(key, spot);
                    seal.live += size(spot, *counts);
                    batch.insert(key, spot);
                }
                None => batch.remove(key),
            }
        }
        seal.place.last = last.or(seal.place.last);
        batch.insert(SEAL, seal.encode()?);
        guarded(|| db.apply_batch(batch))?;
        self.seal = seal;
        Ok(())
    }

    /// Where the line of every key stands, in order, proven to be all of them.
    pub fn spots(&self) -> Result<Vec<Spot>, Doubt> {
        let db = self.db()?;
        let mut spots = Vec::new();
        let mut sum = Sum::default();
        guarded(|| {
            for pair in db.iter() {
                let (key, value) = pair?;
                if key != SEAL {
                    sum.add(&key, &value);
                    spots.extend(Spot::from_bytes(&value));
                }
            }
            Ok(())
        })?;
        if sum != self.seal.sum {
            return Err(Doubt::Wrong("it is not complete"));
        }
        spots.sort_unstable();
        Ok(spots)
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

fn size(spot: &[u8], counts: bool) -> u64 {
    let spot = Spot::from_bytes(spot).filter(|_| counts);
    spot.map_or(0, |spot| u64::from(spot.len) + 1)
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
        self.digest = self.digest.wrapping_add(Self::of(key, value));
    }

    fn subtract(&mut self, key: &[u8], value: &[u8]) {
        self.entries = self.entries.wrapping_sub(1);
        self.digest = self.digest.wrapping_sub(Self::of(key, value));
    }

    /// Keys and values have one length each, so nothing need stand between them.
    fn of(key: &[u8], value: &[u8]) -> u128 {
        u128::from_le_bytes(digest(&[key, value].concat()))
    }
}

/// The first half of the SHA-256.
fn digest(bytes: &[u8]) -> [u8; 16] {
    let whole: [u8; 32] = Sha256::digest(bytes).into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}
