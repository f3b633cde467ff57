//! The index of manifests saves time and changes nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use reconcile::project::{Desired, Settings, load};
use reconcile::video::{Name, VideoHash};
use tempfile::TempDir;

struct Project {
    dir: TempDir,
}

impl Project {
    fn new() -> Self {
        let project = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(project.root().join("videos")).unwrap();
        project
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.root().join("videos").join(name), text).unwrap();
    }

    /// Loads as if it were `later`, so that what was just written counts as left alone.
    #[expect(clippy::disallowed_methods, reason = "files have the machine's time")]
    fn load(&self, later: Duration) -> Desired {
        let index = self.root().join("index");
        let now = SystemTime::now() + later;
        load(self.root(), &Settings::default(), Some(&index), now)
    }

    fn without_index(&self) -> BTreeMap<Name, VideoHash> {
        let now = SystemTime::UNIX_EPOCH;
        hashes(&load(self.root(), &Settings::default(), None, now))
    }
}

const SOON: Duration = Duration::from_secs(10);

fn hashes(desired: &Desired) -> BTreeMap<Name, VideoHash> {
    let wishes = desired.wishes.iter();
    wishes
        .map(|(name, wish)| (name.clone(), wish.hash))
        .collect()
}

fn from_index(desired: &Desired) -> usize {
    let wishes = desired.wishes.values();
    wishes.filter(|wish| wish.manifest.is_none()).count()
}

#[test]
fn what_was_left_alone_is_not_read_again_and_what_changed_is() {
    let project = Project::new();
    for n in 0..20 {
        project.write(&format!("v{n}.yaml"), format!("prompt: Number {n}.\n"));
    }
    assert_eq!(from_index(&project.load(SOON)), 0);
    assert_eq!(from_index(&project.load(SOON)), 20);
    project.write("v3.yaml", "prompt: Number X.\n");
    let changed = project.load(SOON);
    assert_eq!(from_index(&changed), 19);
    assert_eq!(hashes(&changed), project.without_index());
}

#[test]
fn what_was_just_written_is_not_remembered() {
    let project = Project::new();
    project.write("a.yaml", "prompt: One.\n");
    project.load(Duration::ZERO);
    assert_eq!(from_index(&project.load(Duration::ZERO)), 0);
}

#[test]
fn a_change_that_keeps_size_and_time_is_seen() {
    let project = Project::new();
    project.write("a.yaml", "prompt: One.\n");
    let path = project.root().join("videos/a.yaml");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    project.load(SOON);
    project.write("a.yaml", "prompt: Two.\n");
    fs::File::open(&path).unwrap().set_modified(time).unwrap();
    assert_eq!(hashes(&project.load(SOON)), project.without_index());
}

#[test]
fn a_changed_local_file_changes_the_wish() {
    let project = Project::new();
    project.write("a.yaml", "prompt: One.\nfiles: [{path: a.png}]\n");
    project.write("a.png", b"\x89PNG\r\n\x1a\none");
    project.load(SOON);
    let before = hashes(&project.load(SOON));
    project.write("a.png", b"\x89PNG\r\n\x1a\ntwo");
    let after = hashes(&project.load(SOON));
    assert_ne!(before, after);
    assert_eq!(after, project.without_index());
}

#[test]
fn a_seeded_series_of_changes_gives_what_a_fresh_reading_gives() {
    let project = Project::new();
    let mut seed = 7_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for _ in 0..150 {
        let name = format!("v{}.yaml", next(12));
        let path = project.root().join("videos").join(&name);
        match next(4) {
            0 => drop(fs::remove_file(path)),
            1 => {
                let other = project.root().join(format!("videos/w{}.yml", next(6)));
                drop(fs::rename(path, other));
            }
            _ => project.write(&name, format!("prompt: Text {}.\n", next(5))),
        }
        let later = if next(2) == 0 { SOON } else { Duration::ZERO };
        assert_eq!(hashes(&project.load(later)), project.without_index());
    }
}

#[test]
fn a_damaged_index_is_ignored() {
    let project = Project::new();
    project.write("a.yaml", "prompt: One.\n");
    project.load(SOON);
    let index = project.root().join("index");
    let whole = fs::read(&index).unwrap();
    for cut in 0..whole.len() {
        fs::write(&index, &whole[..cut]).unwrap();
        assert_eq!(
            hashes(&project.load(Duration::ZERO)),
            project.without_index()
        );
        let mut flipped = whole.clone();
        flipped[cut] ^= 0x40;
        fs::write(&index, &flipped).unwrap();
        assert_eq!(
            hashes(&project.load(Duration::ZERO)),
            project.without_index()
        );
    }
    fs::remove_file(&index).unwrap();
    fs::create_dir(&index).unwrap();
    assert_eq!(hashes(&project.load(SOON)), project.without_index());
}
