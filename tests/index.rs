//! The index of manifests saves time and changes nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use reconcile::project::{Desired, Settings, load, load_settings};
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
        load(self.root(), &self.settings(), Some(&index), now)
    }

    fn settings(&self) -> Settings {
        load_settings(self.root()).unwrap()
    }

    fn without_index(&self) -> BTreeMap<Name, VideoHash> {
        let now = SystemTime::UNIX_EPOCH;
        hashes(&load(self.root(), &self.settings(), None, now))
    }

    /// What is read now, with and without the index; it must have changed.
    fn changes(&self, before: &mut BTreeMap<Name, VideoHash>, what: &str) {
        let now = hashes(&self.load(SOON));
        assert_eq!(now, self.without_index(), "{what}");
        assert_ne!(now, *before, "{what}");
        assert_eq!(hashes(&self.load(SOON)), now, "{what}, again");
        *before = now;
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
fn changed_defaults_and_their_files_are_seen() {
    let project = Project::new();
    let settings = |text: &str| fs::write(project.root().join("reconcile.yaml"), text).unwrap();
    let logo = |text: &[u8]| {
        let bytes = [b"\x89PNG\r\n\x1a\n", text].concat();
        fs::write(project.root().join("logo.png"), bytes).unwrap();
    };
    project.write("a.yaml", "prompt: One.\n");
    let mut before = hashes(&project.load(SOON));
    assert_eq!(from_index(&project.load(SOON)), 1);
    settings("defaults: {voice_id: one}\n");
    project.changes(&mut before, "a default");
    settings("defaults: {voice_id: two}\n");
    project.changes(&mut before, "another default");
    logo(b"one");
    settings("defaults: {files: [{path: logo.png}]}\n");
    project.changes(&mut before, "a file by default");
    assert_eq!(from_index(&project.load(SOON)), 1);
    logo(b"two");
    project.changes(&mut before, "the bytes of that file");
    fs::remove_file(project.root().join("logo.png")).unwrap();
    project.changes(&mut before, "that file is gone");
    assert!(before.is_empty());
    logo(b"two");
    project.changes(&mut before, "that file is back");
    settings("");
    project.changes(&mut before, "no default");
}

#[test]
fn an_edited_prompt_file_is_seen_and_so_is_a_link_that_leads_elsewhere() {
    let project = Project::new();
    project.write("a.yaml", "prompt_file: a.md\n");
    project.write("a.md", "One.\n");
    project.write("other.md", "Other.\n");
    let mut before = hashes(&project.load(SOON));
    assert_eq!(from_index(&project.load(SOON)), 1);
    project.write("a.md", "Two.\n");
    project.changes(&mut before, "an edit");
    let link = |to: &str| {
        let path = project.root().join("videos/a.md");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(to, path).unwrap();
    };
    link("other.md");
    project.changes(&mut before, "a link");
    assert_eq!(from_index(&project.load(SOON)), 1);
    project.write("third.md", "Third.\n");
    link("third.md");
    project.changes(&mut before, "a link that leads elsewhere");
    project.write("third.md", "Third, again.\n");
    project.changes(&mut before, "an edit behind the link");
    project.write("third.md", "Raw \u{2028}.\n");
    project.changes(&mut before, "a broken one");
    project.write("third.md", "Mended.\n");
    project.changes(&mut before, "a mended one");
}

/// What `watch` measures its quiet period by.
#[test]
fn a_wish_is_as_young_as_the_last_of_the_files_it_was_read_from() {
    let project = Project::new();
    let settings = "defaults: {files: [{path: logo.png}]}\n";
    fs::write(project.root().join("reconcile.yaml"), settings).unwrap();
    let changed = |file: &str| {
        let metadata = fs::metadata(project.root().join(file)).unwrap();
        let nanoseconds = u32::try_from(metadata.ctime_nsec()).unwrap();
        let seconds = u64::try_from(metadata.ctime()).unwrap();
        SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds)
    };
    project.write("a.yaml", "prompt_file: a.md\n");
    fs::write(project.root().join("logo.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    project.write("a.md", "One.\n");
    for (file, text) in [
        ("videos/a.md", &b"Two.\n"[..]),
        ("logo.png", b"\x89PNG\r\n\x1a\ntwo"),
    ] {
        fs::write(project.root().join(file), text).unwrap();
        for _ in 0..2 {
            let desired = project.load(SOON);
            let wish = desired.wishes.values().next().unwrap();
            assert_eq!(wish.changed, changed(file), "{file}");
        }
        assert_eq!(from_index(&project.load(SOON)), 1);
    }
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
