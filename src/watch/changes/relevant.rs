//! Which events of the file system may concern what is wished. When in doubt, they do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind};
use notify::{Event, EventKind};

/// Where something matters.
#[derive(Debug, Clone, Default)]
pub(super) struct Relevant {
    /// Everything below, as it is watched.
    pub(super) manifests: PathBuf,
    /// Names of the manifests' folder itself: as given, and where a link leads.
    pub(super) roots: BTreeSet<PathBuf>,
}

/// What an event is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Worth {
    pub(super) look: bool,
    /// Folders came or went: files in them may have no event of their own.
    pub(super) folders: bool,
    /// What is watched is not what it was.
    pub(super) rearm: bool,
}

impl Relevant {
    /// `files` matter wherever they lie.
    pub(super) fn worth(&self, event: &Event, files: &BTreeSet<PathBuf>) -> Worth {
        if event.need_rescan() || event.paths.is_empty() {
            return Worth {
                look: true,
                folders: true,
                rearm: true,
            };
        }
        if is_noise(event.kind) {
            return Worth::default();
        }
        let structural = is_structural(event.kind);
        let holds = |p: &PathBuf| files.iter().any(|file| file != p && file.starts_with(p));
        let above = |p: &PathBuf| self.is_above(p) || holds(p);
        let rearm = structural && event.paths.iter().any(above);
        let matters = |p: &PathBuf| files.contains(p) || self.is_inside(p, structural);
        let look = rearm || event.paths.iter().any(matters);
        Worth {
            look,
            folders: look && structural,
            rearm,
        }
    }

    /// The manifests' folder itself, or one it lies in.
    fn is_above(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| root.starts_with(path))
    }

    fn is_inside(&self, path: &Path, structural: bool) -> bool {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let hidden = name.starts_with(b".") || name.starts_with(b"_");
        let manifest = name.ends_with(b".yaml") || name.ends_with(b".yml");
        path.starts_with(&self.manifests) && !hidden && (manifest || structural)
    }
}

/// Reading is no change, our own least of all.
fn is_noise(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    }
}

/// May be about a folder.
fn is_structural(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Create(CreateKind::Folder | CreateKind::Any)
            | EventKind::Remove(RemoveKind::Folder | RemoveKind::Any)
            | EventKind::Modify(ModifyKind::Name(_))
            | EventKind::Any
            | EventKind::Other
    )
}

#[cfg(test)]
mod tests {
    use notify::event::{DataChange, Flag, RenameMode};

    use super::*;

    fn relevant() -> Relevant {
        Relevant {
            manifests: "/p/videos".into(),
            roots: [PathBuf::from("/p/videos")].into(),
        }
    }

    fn worth(kind: EventKind, path: &str) -> Worth {
        let files = ["/p/logo.png", "/p/videos/team/logo.png"].map(PathBuf::from);
        relevant().worth(&Event::new(kind).add_path(path.into()), &files.into())
    }

    #[test]
    fn only_what_may_change_a_wish_is_worth_a_look() {
        let write = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let rename = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        for (kind, path, look) in [
            (write, "/p/videos/a.yaml", true),
            (write, "/p/videos/x/a.yml", true),
            (write, "/p/videos/.a.yaml.swp", false),
            (write, "/p/videos/notes.md", false),
            (write, "/p/logo.png", true),
            (write, "/p/videos/team/logo.png", true),
            (write, "/p/videos/team/other.png", false),
            (write, "/p/other.png", false),
            (open, "/p/videos/a.yaml", false),
            (rename, "/p/videos/v1.2", true),
            (EventKind::Create(CreateKind::Folder), "/p/videos/new", true),
            (EventKind::Create(CreateKind::Folder), "/p/src", false),
        ] {
            assert_eq!(worth(kind, path).look, look, "{kind:?} {path}");
        }
    }

    #[test]
    fn a_root_that_comes_or_goes_and_an_overflow_are_watched_anew() {
        let created = EventKind::Create(CreateKind::Folder);
        assert!(worth(created, "/p/videos").rearm);
        assert!(worth(created, "/p").rearm);
        assert!(!worth(created, "/p/videos/new").rearm);
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert!(relevant().worth(&overflow, &BTreeSet::new()).rearm);
    }
}
