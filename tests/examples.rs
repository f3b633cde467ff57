//! Everything in `examples/` and `videos/` works as it stands, and so does what `init` writes.

mod support;

use std::path::Path;
use std::process::Command;

use support::{Heygen, Project, Ran, copy_from_repository};

fn script(project: &Project, name: &str) -> Ran {
    let binary = Path::new(env!("CARGO_BIN_EXE_reconcile"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/ci")
        .join(name);
    let path = format!("{}:/usr/bin:/bin", binary.parent().unwrap().display());
    let output = Command::new(script)
        .arg("--sandbox")
        .env_clear()
        .env("PATH", path)
        .current_dir(project.path("."))
        .output();
    Ran::from(output.unwrap())
}

#[test]
fn the_first_project_is_what_init_writes_and_becomes_a_video() {
    let project = Project::new(None);
    std::fs::remove_file(project.path("reconcile.yaml")).unwrap();
    let init = project.expect(0, &["init"]);
    assert!(
        init.stderr.contains("wrote videos/welcome.yaml"),
        "{init:#?}"
    );
    for file in [
        "reconcile.yaml",
        "videos/welcome.yaml",
        ".reconcile-schema/manifest.json",
        ".reconcile-schema/settings.json",
    ] {
        let example = Path::new("examples/first-project").join(file);
        let example = std::fs::read_to_string(example).unwrap();
        assert_eq!(
            std::fs::read_to_string(project.path(file)).unwrap(),
            example
        );
    }
    project.expect(0, &["validate"]);
    let again = project.expect(0, &["init"]);
    assert!(
        again.stderr.contains("reconcile.yaml is there already"),
        "{again:#?}"
    );
    let ignored = std::fs::read_to_string(project.path(".gitignore")).unwrap();
    assert_eq!(ignored, "/.reconcile/\n/downloads/\n");
    let rehearse = |more: &[&str]| {
        let arguments = [
            "apply",
            "--sandbox",
            "--wait",
            "--download",
            "--auto-approve",
        ];
        let ran = project.expect(0, &[&arguments[..], more].concat());
        assert_eq!(ran.stderr.matches("sandbox:").count(), 1, "{ran:#?}");
    };
    rehearse(&[]);
    let film = project.path(".reconcile/sandbox/downloads/welcome.mp4");
    assert!(film.is_file());
    project.write("videos/welcome.yaml", "prompt: Welcome again.\n");
    rehearse(&["--refresh"]);
    let status = project.expect(0, &["status", "--sandbox"]);
    assert!(
        status.stdout.contains("1 video, 1 completed"),
        "{status:#?}"
    );
}

#[test]
fn the_settings_that_init_writes_say_the_defaults() {
    let template = std::fs::read_to_string("examples/first-project/reconcile.yaml").unwrap();
    let mut uncommented = String::new();
    for line in template.lines() {
        let text = line.strip_prefix("# ").unwrap_or(line);
        let is_key = text.trim_start().split(':').next().unwrap_or("");
        if text.contains(':')
            && !is_key.is_empty()
            && is_key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        {
            uncommented.push_str(text);
            uncommented.push('\n');
        }
    }
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("reconcile.yaml"), uncommented).unwrap();
    let mut settings = reconcile::project::load_settings(root.path()).unwrap();
    assert!(
        settings.defaults.take().is_some(),
        "an example, not a default"
    );
    let expected = reconcile::project::Settings {
        callback_url: Some("https://example.com/hooks/heygen".into()),
        max_cost_usd: Some(100.0),
        ..Default::default()
    };
    assert_eq!(settings, expected);
}

#[test]
fn the_sample_manifests_are_valid_and_the_ci_scripts_take_them_to_videos() {
    let project = Project::new(None);
    copy_from_repository("videos", &project.path("videos"));
    let plan = script(&project, "plan.sh");
    assert_eq!(plan.code, Some(0), "{plan:#?}");
    assert!(plan.stdout.contains("Plan: 8 to create"), "{plan:#?}");
    let apply = script(&project, "apply.sh");
    assert_eq!(apply.code, Some(0), "{apply:#?}");
    assert!(
        apply.stdout.contains("Applied: 8 submitted, 8 completed."),
        "{apply:#?}"
    );
    let plan = script(&project, "plan.sh");
    assert!(plan.stdout.contains("Nothing to do"), "{plan:#?}");
    let refreshed = project.expect(0, &["refresh", "--sandbox"]);
    assert_eq!(refreshed.stdout, "Nothing changed at HeyGen.\n");
}

#[test]
fn the_faults_of_the_example_strike_and_are_survived() {
    let rules = std::fs::read_to_string("examples/sandbox/faults.json").unwrap();
    let heygen = Heygen::quick();
    heygen.faults(serde_json::from_str(&rules).unwrap());
    let project = Project::new(Some(&heygen));
    project.wishes(6);
    let ran = project.expect(
        1,
        &["apply", "--auto-approve", "--wait", "--format", "json"],
    );
    assert_eq!(ran.summary()["settled"], 1, "{ran:#?}");
    assert_eq!(ran.summary()["failed"], 1, "{ran:#?}");
    assert_eq!(ran.summary()["completed"], 5, "{ran:#?}");
    assert_eq!(
        heygen.count("POST", "/v3/video-agents"),
        7,
        "one was told to wait"
    );
}

#[test]
fn completions_are_scripts() {
    let project = Project::new(None);
    for shell in ["bash", "zsh", "fish"] {
        let ran = project.expect(0, &["completions", shell]);
        assert!(ran.stdout.contains("reconcile"), "{shell}");
    }
}

fn example(name: &str) -> String {
    std::fs::read_to_string(Path::new("examples/watch").join(name)).unwrap()
}

fn exec_start(unit: &str) -> Vec<String> {
    let line = unit.lines().find_map(|l| l.strip_prefix("ExecStart="));
    line.unwrap().split(' ').map(str::to_owned).collect()
}

/// What the unit starts, started: it becomes ready and tells every metric that the alerts ask for.
#[test]
fn the_units_command_runs_and_has_every_metric_of_the_alert_rules() {
    let unit = example("reconcile-watch.service");
    let command = exec_start(&unit);
    assert_eq!(command[..2], ["/usr/local/bin/reconcile", "watch"]);
    let arguments: Vec<_> = command[1..]
        .iter()
        .map(|a| a.replace(":8080", ":0"))
        .collect();
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write("state/webhook-secret", "whsec_1\n");
    project.write("heygen-key", "a key\n");
    let log = std::fs::File::create(project.path("err.log")).unwrap();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut child = project
        .command(&arguments)
        .env_remove("HEYGEN_API_KEY")
        .env("HEYGEN_API_KEY_FILE", project.path("heygen-key"))
        .env("RECONCILE_STATE", project.path("state"))
        .stderr(log)
        .spawn()
        .unwrap();
    let mut page = String::new();
    support::until("it tells its metrics", || {
        let log = std::fs::read_to_string(project.path("err.log")).unwrap();
        let addr = log.lines().find_map(|l| l.split("addr=").nth(1));
        page = addr
            .map(|addr| heygen.fetch(&format!("http://{addr}/metrics")))
            .unwrap_or_default();
        !page.is_empty()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let rules: serde_yaml::Value = serde_yaml::from_str(&example("alerts.yaml")).unwrap();
    let rules = rules["groups"][0]["rules"].as_sequence().unwrap().clone();
    assert!(rules.len() > 5);
    for rule in rules {
        let expression = rule["expr"].as_str().unwrap().to_owned();
        if expression.starts_with("node_") {
            continue;
        }
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics: Vec<_> = words.filter(|w| w.starts_with("reconcile_")).collect();
        assert!(!metrics.is_empty(), "{expression}");
        for metric in metrics {
            assert!(page.contains(&format!("# TYPE {metric} ")), "{metric}");
        }
    }
}

#[test]
fn the_pull_of_the_timer_brings_what_was_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let git = |dir: &str, arguments: &[&str]| {
        let done = Command::new("/usr/bin/env")
            .args(["git", "-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(arguments)
            .current_dir(folder.path().join(dir))
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(".", &["init", "--quiet", "origin"]);
    git(
        "origin",
        &["commit", "--quiet", "--allow-empty", "-m", "begin"],
    );
    git(".", &["clone", "--quiet", "origin", "project"]);
    std::fs::write(folder.path().join("origin/a.yaml"), "prompt: A.\n").unwrap();
    git("origin", &["add", "."]);
    git("origin", &["commit", "--quiet", "-m", "add a"]);
    let command = exec_start(&example("reconcile-pull.service"));
    assert_eq!(command[0], "/usr/bin/git");
    let arguments: Vec<_> = command[1..].iter().map(String::as_str).collect();
    git("project", &arguments);
    assert!(folder.path().join("project/a.yaml").exists());
    assert!(example("reconcile-pull.timer").contains("OnUnitInactiveSec="));
}

/// `systemd-run` and what it runs are stand-ins that only tell what they were given.
#[test]
fn the_operators_command_runs_reconcile_as_the_unit_does() {
    let project = Project::new(None);
    let systemd_run = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do\n\
        case $1 in --setenv=*) export \"${1#--setenv=}\";; esac\n\
        shift\ndone\nshift\nCREDENTIALS_DIRECTORY=/keys exec \"$@\"\n";
    let told = "#!/bin/sh\nprintf '%s ' \"$HEYGEN_API_KEY_FILE\" \"$RECONCILE_STATE\" \"$@\"\n";
    let here = project.path("bin/reconcile");
    let videos = example("videos").replace("/usr/local/bin/reconcile", here.to_str().unwrap());
    for (name, script) in [
        ("bin/systemd-run", systemd_run),
        ("bin/reconcile", told),
        ("bin/videos", &videos),
    ] {
        project.write(name, script);
        let rights = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(project.path(name), rights).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", project.path("bin").display());
    let ran = Command::new(project.path("bin/videos"))
        .args(["state", "settle", "a name"])
        .env_clear()
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(example("reconcile-watch.service").contains("RECONCILE_STATE=/srv/videos/state"));
    assert_eq!(
        said,
        "/keys/heygen-key /srv/videos/state state settle a name "
    );
}
