//! When to look again: events of the file system where there are any, else every few seconds.
//!
//! An event never says what is wished now, only that it may be something else. What events miss
//! (files in a folder that was just made, a queue that ran over, a root that was replaced) is made up
//! for by looking again a little later.

mod mount;
mod relevant;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::Instant;

use relevant::{Relevant, Worth};

/// After folders came or went: files written before the folder was watched have no event.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(150), Duration::from_secs(1)];
/// How often one who can't watch looks.
const POLL: Duration = Duration::from_secs(5);
/// How often one who can't watch tries to again.
const TRY_EVENTS: Duration = Duration::from_secs(600);
const LOOK: Worth = Worth {
    look: true,
    folders: false,
    rearm: false,
};

/// What is to be watched.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder of the manifests; it may not exist.
    pub manifests: PathBuf,
    /// Local files that are part of what is wished, wherever they lie.
    pub files: BTreeSet<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    Events,
    /// Looking every few seconds, and why.
    Polling(String),
}

/// Tells when something may have changed. Ends with the value.
pub struct Changes {
    places: Places,
    /// Those outside the manifests that were there when it was armed.
    folders: BTreeSet<PathBuf>,
    mode: Mode,
    watcher: Option<RecommendedWatcher>,
    heard: Arc<Heard>,
    again: Vec<Instant>,
    /// While polling: when watching is tried again.
    try_events: Instant,
}

/// What the watcher's own thread leaves for the loop.
#[derive(Debug, Default)]
struct Heard {
    pending: Mutex<Pending>,
    /// The files of [`Places`], by the names events have for them.
    files: Mutex<BTreeSet<PathBuf>>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    at: Option<Instant>,
    folders: bool,
    rearm: bool,
}

impl Changes {
    #[must_use]
    pub fn start(places: Places) -> Self {
        let mut changes = Self {
            places,
            folders: BTreeSet::new(),
            mode: Mode::Events,
            watcher: None,
            heard: Arc::default(),
            again: Vec::new(),
            try_events: Instant::now(),
        };
        changes.arm();
        changes
    }

    #[must_use]
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// Other files are part of what is wished now.
    pub fn follow(&mut self, files: BTreeSet<PathBuf>) {
        if self.places.files == files && parents(&self.places) == self.folders {
            return;
        }
        self.places.files = files;
        if parents(&self.places) != self.folders {
            return self.arm();
        }
        self.heard.listen_for(&self.places);
        // One of them may have changed between being read and being listened for.
        self.heard.note(LOOK);
    }

    /// When something may have changed. Nothing is lost if this is dropped before it is ready.
    pub async fn next(&mut self) -> Instant {
        loop {
            if let Some(at) = self.take(Instant::now()) {
                return at;
            }
            let due = self.again.iter().min().copied();
            let heard = Arc::clone(&self.heard);
            match due {
                None => heard.wake.notified().await,
                Some(due) => tokio::select! {
                    () = heard.wake.notified() => {}
                    () = tokio::time::sleep_until(due) => {}
                },
            }
        }
    }

    fn take(&mut self, now: Instant) -> Option<Instant> {
        let pending = std::mem::take(&mut *self.heard.lock());
        if pending.rearm {
            self.arm();
        }
        if pending.folders {
            self.again.extend(LOOK_AGAIN.map(|wait| now + wait));
        }
        let waited = self.again.iter().any(|due| *due <= now);
        self.again.retain(|due| *due > now);
        if waited {
            self.poll_again(now);
        }
        pending.at.or(waited.then_some(now))
    }

    fn poll_again(&mut self, now: Instant) {
        match self.mode {
            Mode::Events => {}
            Mode::Polling(_) if self.try_events <= now => self.arm(),
            Mode::Polling(_) => self.again.push(now + POLL),
        }
    }

    /// Watches what is there now, or says why not.
    fn arm(&mut self) {
        // The old one first: its watches count against the limit.
        self.watcher = None;
        self.heard.listen_for(&self.places);
        self.folders = parents(&self.places);
        let now = Instant::now();
        let armed = match mount::remote(&self.places.manifests) {
            Some(kind) => Err(format!(
                "{} is on a network mount ({kind}), where changes made by others are not told",
                self.places.manifests.display()
            )),
            None => watch(&self.places, &self.folders, &self.heard).map_err(|e| reason(&e)),
        };
        match armed {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.mode = Mode::Events;
                // What happened while nothing was watched.
                self.heard.note(LOOK);
            }
            Err(why) => {
                self.mode = Mode::Polling(why);
                self.again.push(now + POLL);
                self.try_events = now + TRY_EVENTS;
            }
        }
    }
}

impl Heard {
    fn listen_for(&self, places: &Places) {
        let root = places.manifests.canonicalize();
        let told = |file: &PathBuf| match (file.strip_prefix(&places.manifests), &root) {
            (Ok(below), Ok(root)) => root.join(below),
            _ => file.clone(),
        };
        *self.files() = places.files.iter().map(told).collect();
    }

    fn files(&self) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, worth: Worth) {
        if !worth.look {
            return;
        }
        let mut pending = self.lock();
        pending.at = Some(Instant::now());
        pending.folders |= worth.folders;
        pending.rearm |= worth.rearm;
        drop(pending);
        self.wake.notify_one();
    }
}

fn watch(
    places: &Places,
    folders: &BTreeSet<PathBuf>,
    heard: &Arc<Heard>,
) -> notify::Result<RecommendedWatcher> {
    let root = places.manifests.canonicalize();
    let relevant = Relevant {
        manifests: root.as_deref().unwrap_or(&places.manifests).to_owned(),
        roots: roots(places, root.as_deref().ok()),
    };
    let heard = Arc::clone(heard);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        heard.note(match event {
            Ok(event) => {
                if event.need_rescan() {
                    tracing::info!("more changed at once than the kernel keeps; all is looked at");
                }
                relevant.worth(&event, &heard.files())
            }
            Err(_) => Worth {
                look: true,
                folders: true,
                rearm: true,
            },
        });
    })?;
    for folder in folders {
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
    }
    match root {
        Ok(root) => match watcher.watch(&root, RecursiveMode::Recursive) {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(watcher),
        },
        Err(_) => Ok(watcher),
    }
}

/// Every name under which the manifests' folder may come or go.
fn roots(places: &Places, root: Option<&Path>) -> BTreeSet<PathBuf> {
    let given = [Some(places.manifests.as_path()), root];
    given.into_iter().flatten().map(Path::to_owned).collect()
}

/// The folders of files outside the manifests' folder, and those in which they, and that folder, would
/// appear.
fn parents(places: &Places) -> BTreeSet<PathBuf> {
    let outside = |file: &&PathBuf| !file.starts_with(&places.manifests);
    let files = places.files.iter().filter(outside);
    let of_files = files.filter_map(|file| file.parent());
    let there = |path: &Path| {
        let mut up = path.ancestors();
        up.find(|p| p.is_dir()).map(Path::to_owned)
    };
    let mut folders = BTreeSet::new();
    for folder in of_files {
        folders.extend(there(folder));
        folders.extend(folder.parent().and_then(there));
    }
    folders.extend(places.manifests.parent().and_then(there));
    folders
}

/// It went away meanwhile: its parent tells when it is back.
fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn reason(error: &notify::Error) -> String {
    let full = "the limit of watched folders is reached: raise it with \
                `sysctl fs.inotify.max_user_watches=524288`";
    match &error.kind {
        ErrorKind::MaxFilesWatch => full.to_owned(),
        ErrorKind::Io(e) if e.raw_os_error() == Some(28) => full.to_owned(),
        ErrorKind::Io(e) if e.raw_os_error() == Some(24) => {
            "the limit of watchers is reached: raise it with \
             `sysctl fs.inotify.max_user_instances=1024`"
                .to_owned()
        }
        _ => format!("changes can't be watched: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_with_what_raises_it() {
        let full = notify::Error::new(ErrorKind::MaxFilesWatch);
        assert!(reason(&full).contains("fs.inotify.max_user_watches"));
        let io = |code| notify::Error::io(std::io::Error::from_raw_os_error(code));
        assert!(reason(&io(28)).contains("fs.inotify.max_user_watches"));
        assert!(reason(&io(24)).contains("fs.inotify.max_user_instances"));
        assert!(reason(&io(13)).contains("can't be watched"));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_can_not_watch_looks_every_few_seconds() {
        let mut changes = Changes::start(Places {
            manifests: "/nonexistent/videos".into(),
            files: BTreeSet::new(),
        });
        changes.next().await;
        changes.watcher = None;
        changes.mode = Mode::Polling("no room".to_owned());
        changes.try_events = Instant::now() + TRY_EVENTS;
        let begun = Instant::now();
        changes.again = vec![begun + POLL];
        changes.next().await;
        changes.next().await;
        assert_eq!(begun.elapsed(), POLL * 2);
        // After a while it watches again.
        while changes.mode != Mode::Events {
            changes.next().await;
        }
        assert!(begun.elapsed() >= TRY_EVENTS);
    }
}
