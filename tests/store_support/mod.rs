//! Entries to store, and directories to store them in, for the tests of the state.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use reconcile::state::{
    Account, Asset, Attempt, AttemptKey, EmbeddedState, Entry, Failure, FileRecord, Holder, Lock,
    Phase, Record, Run, StateError, Stored,
};
use reconcile::video::{Name, Sha256Hex, VideoHash};
use tempfile::TempDir;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + second).unwrap()
}

pub fn name(n: u32) -> Name {
    Name::parse(&format!("folder-{:03}/video-{n:06}", n % 100)).unwrap()
}

/// The text of the `n`th wish.
pub fn text(n: u32) -> String {
    format!(r#"{{"prompt":"wish {n}"}}"#)
}

pub fn hash(n: u32) -> VideoHash {
    VideoHash::of_canonical(&text(n))
}

pub fn record(n: u32) -> Entry {
    Entry::Record(Record {
        name: name(n),
        path: format!("videos/{}.yaml", name(n)),
        hash: hash(n),
        previous: None,
        moved_from: None,
        since: at(n.into()),
        shown: None,
        protected: false,
    })
}

/// An attempt as small as its phase allows.
pub fn bare(n: u32, number: u32, phase: Phase) -> Attempt {
    Attempt {
        phase,
        ..Attempt::intent(hash(n), number, name(n), at(n.into()))
    }
}

/// An attempt with all that HeyGen tells of it.
pub fn attempt(n: u32, phase: Phase) -> Attempt {
    Attempt {
        intent_at_heygen: Some(at(n.into())),
        run: Some(1),
        answered_at: Some(at(i64::from(n) + 1)),
        session_id: Some(format!("sess_{:032x}", u128::from(n) << 64)),
        video_id: Some(format!("{n:032x}")),
        completed_at: Some(at(i64::from(n) + 300)),
        duration_s: Some(61.25),
        video_page_url: Some(format!("https://app.heygen.com/videos/{n:032x}")),
        ..bare(n, 1, phase)
    }
}

pub fn failure() -> Failure {
    Failure {
        code: "render_failed".into(),
        message: "the avatar \"x\" has no such look\n…".into(),
    }
}

pub fn asset(n: u32) -> Asset {
    Asset {
        sha256: Sha256Hex::of(&n.to_le_bytes()),
        asset_id: format!("asset-{n}"),
        uploaded_at: at(n.into()),
    }
}

pub fn file(n: u32) -> FileRecord {
    let stored = Stored {
        sha256: Sha256Hex::of(&n.to_le_bytes()),
        bytes: u64::from(n),
        modified: at(n.into()),
    };
    FileRecord {
        name: name(n),
        attempt: AttemptKey {
            hash: hash(n),
            number: 1,
        },
        video_id: "v".to_owned(),
        folder: "downloads".into(),
        film: stored,
        subtitles: n.is_multiple_of(2).then_some(stored),
        captioned: None,
        thumbnail: Some(stored),
        downloaded_at: at(n.into()),
    }
}

pub fn account(n: u32) -> Account {
    Account {
        base_url: "https://api.heygen.com".into(),
        username: format!("user-{n}"),
        since: at(n.into()),
    }
}

pub fn run(number: u64, sessions: u32) -> Run {
    Run {
        number,
        at: at(0),
        foreign_sessions: (0..sessions).map(|n| format!("session-{n}")).collect(),
        complete: true,
    }
}

pub fn holder() -> Holder {
    Holder {
        pid: std::process::id(),
        host: "test".into(),
        command: "test".into(),
        since: at(0),
    }
}

/// A state directory that goes away with the test.
pub struct Project {
    folder: TempDir,
}

impl Project {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join(".reconcile")
    }

    pub fn journal(&self) -> PathBuf {
        self.dir().join("journal")
    }

    pub fn open(&self) -> EmbeddedState {
        self.try_open().unwrap()
    }

    pub fn try_open(&self) -> Result<EmbeddedState, StateError> {
        open(&self.dir())
    }
}

pub fn open(dir: &Path) -> Result<EmbeddedState, StateError> {
    let lock = Lock::try_acquire(dir, &holder())?;
    EmbeddedState::open(dir, lock)
}
