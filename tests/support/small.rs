//! A small disk. Needs the right to mount; whoever has none skips, unless
//! `RECONCILE_TEST_REQUIRE_ALL` is set.

use std::path::Path;
use std::process::Command;

/// A small file system that goes away with this.
pub struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    /// `None`, with a word about it, where nobody may mount.
    pub fn mount(at: &'a Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at);
        if mount.status().is_ok_and(|s| s.success()) {
            return Some(Self(at));
        }
        let required = std::env::vars().any(|(name, _)| name == "RECONCILE_TEST_REQUIRE_ALL");
        assert!(!required, "cannot mount");
        eprintln!("skipped: cannot mount a file system here");
        None
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}
