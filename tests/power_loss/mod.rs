//! A disk that forgets: what a program did to a folder, and what may be left of it when the power
//! goes at any moment.
//!
//! Sure is only what was synced: a file's bytes by syncing it, a name by syncing its folder. Of the
//! rest anything may be there: whole writes, pages of them, their length alone, or nothing; names in
//! any combination.

pub mod trace;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use trace::{Call, Inode};

const PAGE: usize = 4096;

/// Random numbers that a seed gives again.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end.max(1) as u64).unwrap()
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
}

#[derive(Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// What happens to a name.
#[derive(Clone)]
struct Naming {
    path: PathBuf,
    now: Option<Inode>,
}

/// A disk and its cache.
#[derive(Default)]
pub struct Disk {
    files: HashMap<Inode, File>,
    /// Files and folders by path.
    durable: BTreeMap<PathBuf, Inode>,
    pending: Vec<Naming>,
}

impl Disk {
    /// The folder as it was before.
    pub fn holding(files: &BTreeMap<PathBuf, Inode>, contents: HashMap<Inode, Vec<u8>>) -> Self {
        let file = |durable| File {
            durable,
            pending: Vec::new(),
        };
        Self {
            files: contents.into_iter().map(|(i, c)| (i, file(c))).collect(),
            durable: files.clone(),
            pending: Vec::new(),
        }
    }

    pub fn play(&mut self, call: &Call) {
        match call {
            Call::Write(inode, at, bytes) => self.change(*inode, Change::Write(*at, bytes.clone())),
            Call::Copy(from, to, size) => {
                let mut bytes = self.cached(*from);
                bytes.truncate(*size);
                self.change(*to, Change::Write(0, bytes));
            }
            Call::Resize(inode, len) => self.change(*inode, Change::Resize(*len)),
            Call::Name(path, now) => self.pending.push(Naming {
                path: path.clone(),
                now: *now,
            }),
            Call::SyncFile(inode) => {
                let file = self.files.entry(*inode).or_default();
                for change in std::mem::take(&mut file.pending) {
                    apply(&mut file.durable, &change);
                }
            }
            Call::SyncFolder(folder) => {
                let (synced, pending) = std::mem::take(&mut self.pending)
                    .into_iter()
                    .partition(|naming| naming.path.parent() == Some(folder));
                self.pending = pending;
                let synced: Vec<Naming> = synced;
                for naming in synced {
                    name(&mut self.durable, &naming);
                }
            }
            Call::Say(_) => {}
        }
    }

    /// What the program sees in a file.
    fn cached(&self, inode: Inode) -> Vec<u8> {
        let file = self.files.get(&inode).cloned().unwrap_or_default();
        let mut bytes = file.durable;
        for change in &file.pending {
            apply(&mut bytes, change);
        }
        bytes
    }

    fn change(&mut self, inode: Inode, change: Change) {
        self.files.entry(inode).or_default().pending.push(change);
    }

    /// Writes what is left of the folder after the power went.
    pub fn lose_power(&self, dice: &mut Dice, to: &Path) {
        let mut names = self.durable.clone();
        let kept = dice.below(3);
        for naming in &self.pending {
            if kept == 0 || kept == 1 && dice.coin() {
                name(&mut names, naming);
            }
        }
        fs::create_dir_all(to).unwrap();
        for (path, inode) in &names {
            let folders = path
                .ancestors()
                .skip(1)
                .filter(|p| !p.as_os_str().is_empty());
            if !folders.clone().all(|folder| names.contains_key(folder)) {
                continue;
            }
            match self.files.get(inode) {
                Some(file) => fs::write(to.join(path), left_of(file, dice)).unwrap(),
                None if inode.is_folder => fs::create_dir_all(to.join(path)).unwrap(),
                None => fs::write(to.join(path), "").unwrap(),
            }
        }
    }
}

fn name(names: &mut BTreeMap<PathBuf, Inode>, naming: &Naming) {
    match naming.now {
        Some(inode) => drop(names.insert(naming.path.clone(), inode)),
        None => drop(names.remove(&naming.path)),
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Resize(len) => bytes.resize(*len, 0),
        Change::Write(at, data) => {
            let end = at + data.len();
            bytes.resize(bytes.len().max(end), 0);
            bytes[*at..end].copy_from_slice(data);
        }
    }
}

fn left_of(file: &File, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = file.durable.clone();
    let mode = dice.below(6);
    for change in &file.pending {
        match change {
            _ if mode == 0 => {}
            _ if mode == 1 => apply(&mut bytes, change),
            Change::Resize(_) => {
                if dice.coin() {
                    apply(&mut bytes, change);
                }
            }
            Change::Write(at, data) => keep_pages(&mut bytes, *at, data, mode, dice),
        }
    }
    bytes
}

/// The length is there, and some of the pages; where one is missing, zeros or what was there before.
fn keep_pages(bytes: &mut Vec<u8>, at: usize, data: &[u8], mode: usize, dice: &mut Dice) {
    let end = at + data.len();
    let whole = mode == 2 || dice.coin();
    let shown = match whole {
        true => end,
        false => at + dice.below(data.len()),
    };
    if shown > bytes.len() {
        let garbage = u8::try_from(dice.below(256)).unwrap();
        bytes.resize(shown, if mode == 3 { garbage } else { 0 });
    }
    let mut from = at;
    while from < shown {
        let to = shown.min((from / PAGE + 1) * PAGE);
        if dice.coin() {
            bytes[from..to].copy_from_slice(&data[from - at..to - at]);
        }
        from = to;
    }
}
