//! Signals, health, and others that work beside it.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::{Heygen, Project, Ran, until};
use crate::watcher::Watcher;

#[test]
fn a_signal_finishes_what_is_under_way_and_ends_well() {
    for signal in ["-TERM", "-INT"] {
        let heygen = Heygen::quick();
        let project = Project::new(Some(&heygen));
        project.set("watch: {quiet: 50ms}\n");
        heygen.faults(json!([{"kind": {"slow": {"ms": 600}}, "method": "POST"}]));
        project.wishes(1);
        let watcher = Watcher::start(&project, &[]);
        until("it is sent", || {
            heygen.count("POST", "/v3/video-agents") == 1
        });
        assert_eq!(watcher.stop(signal), Some(0));
        assert_eq!(project.phases()[0].1, "submitted");
        assert_eq!(heygen.sessions().len(), 1);
    }
}

/// A signal while it only reads: nothing is sent that was not under way.
#[test]
fn a_signal_before_the_first_submission_sends_nothing() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 50ms}\n");
    heygen.faults(json!([{
        "kind": {"slow": {"ms": 3_000}}, "method": "GET", "path_prefix": "/v3/users/me",
    }]));
    project.wishes(3);
    let watcher = Watcher::start(&project, &[]);
    until("it asks", || heygen.count("GET", "/v3/users/me") == 1);
    assert_eq!(watcher.stop("-TERM"), Some(0));
    assert_eq!(heygen.count("POST", "/"), 0);
}

#[test]
fn after_the_grace_time_it_ends_and_what_was_under_way_is_unknown() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write(
        "reconcile.yaml",
        "request_timeout: 60s\nwatch: {quiet: 50ms, grace: 200ms}\n",
    );
    heygen.faults(json!([{"kind": {"silence": {"ms": 30_000}}, "method": "POST"}]));
    project.wishes(1);
    let watcher = Watcher::start(&project, &[]);
    until("it is sent", || {
        heygen.count("POST", "/v3/video-agents") == 1
    });
    assert_eq!(watcher.stop("-TERM"), Some(0));
    assert_eq!(project.actions(), ["video-00 settle unsettled"]);
}

#[test]
fn settings_are_read_again_and_bad_ones_keep_the_old() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 50ms, max_submissions_per_hour: 1}\n");
    project.wishes(2);
    let watcher = Watcher::start(&project, &[]);
    watcher.says("watch.max_submissions_per_hour is 1");
    project.set("watch: {quiet: soon}\n");
    watcher.signal("-HUP");
    watcher.says("the old ones stay");
    until("it is counted", || {
        watcher.metric("reconcile_failed_reloads_total") == 1.0
    });
    assert_eq!(heygen.sessions().len(), 1);
    project.set("watch: {quiet: 50ms, max_submissions_per_hour: 9}\n");
    watcher.signal("-HUP");
    until("the other is submitted", || heygen.sessions().len() == 2);
    until("a metric tells", || {
        watcher.metric("reconcile_reloads_total") == 1.0
    });
}

#[test]
fn it_stays_ready_while_heygen_is_down_and_goes_on_when_it_is_back() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 50ms}\n");
    let watcher = Watcher::start(&project, &[]);
    until("it looked", || watcher.get("/readyz").0 == 200);
    heygen.faults(json!([{
        "kind": {"status_before": {"status": 503}}, "method": "GET", "path_prefix": "/v3/", "times": 1000,
    }]));
    project.wishes(1);
    until("a look failed", || {
        watcher.metric("reconcile_failed_looks_total") > 0.0
    });
    assert_eq!(
        (watcher.get("/readyz").0, watcher.get("/healthz").0),
        (200, 200)
    );
    heygen.faults(json!([]));
    until("it is submitted", || heygen.sessions().len() == 1);
    watcher.says("looks succeed again");
}

#[test]
fn others_work_beside_it_and_a_second_one_is_refused() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 50ms, resync: 500ms}\n");
    project.wishes(2);
    let watcher = Watcher::start(&project, &[]);
    until("both are submitted", || heygen.sessions().len() == 2);
    let second = project.expect(1, &["watch"]);
    assert!(
        second.stderr.contains("another watch works on this state"),
        "{second:#?}"
    );
    project.expect(
        0,
        &["apply", "--auto-approve", "--wait", "--timeout", "10s"],
    );
    project.expect(0, &["plan", "--detailed-exitcode"]);
    project.expect(0, &["status"]);
    project.expect(0, &["state", "export"]);
    project.expect(0, &["state", "rm", "video-00", "--auto-approve"]);
    until("it takes the video back", || {
        project.phases().iter().all(|(_, p)| p == "completed")
    });
    assert_eq!(heygen.sessions().len(), 2);
    assert_eq!(watcher.stop("-TERM"), Some(0));
}

#[test]
fn in_json_every_line_is_an_object_and_says_whose_it_is() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("watch: {quiet: 50ms}\n");
    project.wishes(1);
    let mut command = project.command(&["watch", "--format", "json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("it is completed", || project.phases()[0].1 == "completed");
    let pid = child.id().to_string();
    Command::new("kill").arg(&pid).status().unwrap();
    assert!(child.wait().unwrap().success());
    let ran = Ran::finish(child);
    let kinds: Vec<_> = ran
        .lines()
        .iter()
        .map(|l| l["type"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        kinds.starts_with(&["plan".to_owned(), "submitted".to_owned()]),
        "{kinds:?}"
    );
    for line in ran.stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["timestamp"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    let submitted = ran
        .stderr
        .lines()
        .find(|l| l.contains("\"submitted\""))
        .unwrap();
    assert!(
        submitted.contains("\"name\":\"video-00\"") && submitted.contains("\"hash\":\""),
        "{submitted}"
    );
}

/// A datagram socket, as systemd gives one.
#[test]
fn systemd_is_told_when_it_is_ready_that_it_lives_and_that_it_stops() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let path = project.path("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let watch = project.command(&["watch"]);
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "export WATCHDOG_PID=$$; exec \"$0\" \"$@\""])
        .arg(watch.get_program())
        .args(watch.get_args())
        .env_clear()
        .envs(watch.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "300000");
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut hear = |wanted: &str| {
        let mut buffer = [0; 4_096];
        while !told.contains(wanted) {
            let size = socket.recv(&mut buffer).unwrap();
            told.push_str(std::str::from_utf8(&buffer[..size]).unwrap());
        }
    };
    hear("READY=1");
    hear("WATCHDOG=1");
    let pid = child.id().to_string();
    Command::new("kill").arg(&pid).status().unwrap();
    hear("STOPPING=1");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_resync_of_no_time_is_refused() {
    let project = Project::new(None);
    let ran = project.expect(64, &["watch", "--dry-run", "--resync", "0s"]);
    assert!(ran.stderr.contains("above zero"), "{ran:#?}");
}

/// Whoever opens connections and says nothing keeps nobody from asking.
#[test]
fn idle_connections_do_not_keep_others_out() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let watcher = Watcher::start(&project, &[]);
    let addr = watcher.url("").replace("http://", "");
    let silent: Vec<_> = (0..300)
        .map(|_| std::net::TcpStream::connect(&addr).unwrap())
        .collect();
    assert_eq!(watcher.get("/healthz").0, 200);
    drop(silent);
    // Nor those that asked once and stay.
    let mut stay = Vec::new();
    for _ in 0..300 {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(&addr).unwrap();
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).unwrap();
        assert!(stream.read(&mut [0; 64]).unwrap() > 0);
        stay.push(stream);
    }
    assert_eq!(watcher.get("/healthz").0, 200);
}

/// What is wrong with new settings is a line of the log like any other.
#[test]
fn in_json_bad_settings_are_told_as_objects() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let watcher = Watcher::start(&project, &["--format", "json"]);
    project.set("watch: {quiet: soon}\n");
    watcher.signal("-HUP");
    watcher.says("the old ones stay");
    for line in watcher.log().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].is_string(), "{line}");
    }
    assert!(watcher.log().contains("\"line\":4"), "{}", watcher.log());
}

#[test]
fn while_heygen_is_not_reached_that_is_told_and_so_is_its_return() {
    let heygen = Heygen::start(reconcile::sandbox::Config {
        render_time: Duration::from_secs(60),
        ..Default::default()
    });
    let project = Project::new(Some(&heygen));
    project.wish("one", "One.");
    let watcher = Watcher::start(&project, &[]);
    until("it is submitted", || heygen.sessions().len() == 1);
    heygen.faults(json!([
        {"kind": "drop_before", "method": "GET", "path_prefix": "/v3", "times": null},
    ]));
    watcher.says("HeyGen can't be asked");
    until("a metric tells", || {
        watcher.metric("reconcile_heygen_reachable") == 0.0
    });
    assert_eq!(watcher.get("/readyz").0, 200);
    heygen.faults(json!([]));
    watcher.says("HeyGen is reached again");
    until("a metric tells", || {
        watcher.metric("reconcile_heygen_reachable") == 1.0
    });
}

/// They come with a pull, and count when somebody says so.
#[test]
fn settings_that_are_not_in_force_are_told() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let watcher = Watcher::start(&project, &[]);
    until("it looked", || watcher.get("/readyz").0 == 200);
    project.set("watch: {quiet: 40ms}\n");
    watcher.says("reconcile.yaml changed; what it says counts after SIGHUP");
    project.set("watch: {quiet: soon}\n");
    watcher.signal("-HUP");
    watcher.says("mend them before the next restart, which would fail: reconcile.yaml:4:");
    until("a metric tells", || {
        watcher.metric("reconcile_settings_refused") == 1.0
    });
    project.set("watch: {quiet: 50ms}\n");
    watcher.signal("-HUP");
    watcher.says("were read again");
    until("a metric tells", || {
        watcher.metric("reconcile_settings_refused") == 0.0
    });
}

#[test]
fn in_systemds_journal_each_line_has_its_priority() {
    let project = Project::new(None);
    project.write("videos/broken.yaml", "prompt: 7\n");
    let script = "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$0\" \"$@\"";
    let watcher = Watcher::start_in(&project, &["sh", "-c", script], &["--dry-run"]);
    watcher.says("plan made");
    for line in watcher.log().lines() {
        let priority = match line.contains("WARN") {
            true => "<4>",
            false => "<6>",
        };
        assert!(line.starts_with(priority), "{line}");
    }
    assert!(watcher.log().contains("<4> WARN"), "{}", watcher.log());
}
