//! What the kernel can't tell: a queue that ran over, a limit that was reached, a mount that others
//! write to. Provoked for real, and skipped where this machine does not let us, unless
//! `RECONCILE_TEST_REQUIRE_ALL` is set.

use std::path::Path;
use std::process::Command;

use crate::support::{Heygen, Project, until};
use crate::watcher::Watcher;

/// Nothing but a change leads to a look within the time of a test.
const NOTHING_ELSE: &str = "poll_interval: 10m\nwatch: {quiet: 50ms}\n";

fn done(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

fn skip(why: &str) {
    let required = std::env::vars().any(|(name, _)| name == "RECONCILE_TEST_REQUIRE_ALL");
    assert!(!required, "{why}");
    eprintln!("skipped: {why}");
}

/// More happens than the kernel keeps for one who does not listen: everything is looked at instead.
#[test]
fn a_queue_that_ran_over_loses_nothing() {
    let project = Project::new(None);
    project.write("reconcile.yaml", NOTHING_ELSE);
    project.wish("first", "First.");
    let watcher = Watcher::start(&project, &["--dry-run"]);
    until("it looked", || watcher.get("/readyz").0 == 200);
    watcher.signal("-STOP");
    // Each is made, written and closed: 16,384 events are kept by default.
    for n in 0..6_500 {
        project.wish(&format!("v{n:04}"), &format!("Show {n}."));
    }
    watcher.signal("-CONT");
    watcher.says("more changed at once than the kernel keeps");
    until("all are planned", || {
        watcher.stdout().contains("Plan: 6501 to create")
    });
    // What is watched anew is watched.
    project.wish("last", "Last.");
    until("the last is planned", || {
        watcher.stdout().contains("Plan: 6502 to create")
    });
}

/// The limit of a user namespace is for whoever is in it, and nobody else.
#[test]
fn a_limit_of_watches_that_is_reached_is_told_with_the_way_out_and_polled_around() {
    const LIMIT: &str = "/proc/sys/user/max_inotify_watches";
    let namespace = ["--user", "--map-root-user"];
    let small = format!("echo 6 > {LIMIT} && exec \"$0\" \"$@\"");
    let wrapped = ["sh", "-c", &small];
    if !done("unshare", &[&namespace[..], &wrapped, &["true"]].concat()) {
        return skip("user namespaces can't be made here");
    }
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("reconcile.yaml", NOTHING_ELSE);
    for n in 0..12 {
        project.wish(&format!("f{n}/one"), "The same everywhere.");
    }
    let wrapper = [&["unshare"][..], &namespace, &wrapped].concat();
    let watcher = Watcher::start_in(&project, &wrapper, &[]);
    watcher.says("sysctl fs.inotify.max_user_watches");
    until("the first is submitted", || heygen.sessions().len() == 1);
    until("a metric tells", || {
        watcher.metric("reconcile_polling") == 1.0
    });
    project.wish("f3/two", "Another.");
    until("the change is seen all the same", || {
        heygen.sessions().len() == 2
    });
    let raise = format!("echo 1000 > {LIMIT}");
    let pid = watcher.pid().to_string();
    assert!(done("nsenter", &["-t", &pid, "-U", "sh", "-c", &raise]));
    watcher.signal("-HUP");
    watcher.says("changes are watched again");
    until("a metric tells", || {
        watcher.metric("reconcile_polling") == 0.0
    });
}

/// A mount behind which others write, until this is dropped.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn of(behind: &Path, at: &'a Path) -> Option<Self> {
        let paths = [behind, at].map(|path| path.to_str().unwrap());
        done("bindfs", &paths).then_some(Self(at))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn on_a_network_mount_it_looks_regularly_and_says_why() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("reconcile.yaml", NOTHING_ELSE);
    project.write("elsewhere/one.yaml", "prompt: One.\n");
    let videos = project.path("videos");
    let Some(_mount) = Mount::of(&project.path("elsewhere"), &videos) else {
        return skip("bindfs can't mount here");
    };
    let watcher = Watcher::start(&project, &[]);
    watcher.says("on a network mount (FUSE)");
    until("the first is submitted", || heygen.sessions().len() == 1);
    project.write("elsewhere/two.yaml", "prompt: Two.\n");
    until("what another machine wrote is submitted", || {
        heygen.sessions().len() == 2
    });
}
