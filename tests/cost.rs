//! What was really spent: each finished video once, by label and in all.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Heygen, Project, Ran};

const WAIT: [&str; 5] = ["apply", "--auto-approve", "--wait", "--format", "json"];
const TEXT: [&str; 3] = ["apply", "--auto-approve", "--wait"];

/// The stand-in makes five seconds of a short prompt; half a dollar at this price.
fn project(heygen: &Heygen) -> Project {
    let project = Project::new(Some(heygen));
    project.set("price_per_second: 0.1\n");
    project
}

fn wish(project: &Project, name: &str, prompt: &str, labels: &str) {
    let manifest = format!("prompt: {prompt}\nlabels: {{{labels}}}\n");
    project.write(&format!("videos/{name}.yaml"), manifest);
}

fn cost(project: &Project, arguments: &[&str]) -> Value {
    let ran = project.expect(
        0,
        &[&["status", "--cost", "--format", "json"], arguments].concat(),
    );
    serde_json::from_str(&ran.stdout).unwrap()
}

fn sum(videos: u64, seconds: f64, usd: f64) -> Value {
    json!({"videos": videos, "seconds": seconds, "usd": usd, "without_length": 0})
}

/// `label=value` with videos and dollars of each label.
fn labels(cost: &Value) -> Vec<String> {
    let labels = cost["labels"].as_array().unwrap().iter();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    labels
        .map(|l| {
            let (label, value) = (text(&l["label"]), text(&l["value"]));
            format!("{label}={value} {} {}", l["videos"], l["usd"])
        })
        .collect()
}

fn last_line(ran: &Ran) -> &str {
    ran.stdout.lines().last().unwrap()
}

#[test]
fn an_apply_ends_with_what_its_videos_cost() {
    let heygen = Heygen::quick();
    let project = project(&heygen);
    wish(&project, "a", "A.", "team: web, lang: en");
    wish(&project, "b", "B.", "team: web");
    let ran = project.expect(0, &TEXT);
    assert_eq!(
        last_line(&ran),
        "Spent: 10 s, $1.00 (team=web $1.00, lang=en $0.50)"
    );
    wish(&project, "c", "C.", "");
    let ran = project.expect(0, &TEXT);
    assert_eq!(last_line(&ran), "Spent: 5 s, $0.50");
    wish(&project, "d", "D.", "");
    let summary = project.expect(0, &WAIT).summary();
    assert_eq!(
        (&summary["seconds"], &summary["usd"]),
        (&json!(5.0), &json!(0.5))
    );
    let summary = project.expect(0, &WAIT).summary();
    assert_eq!(
        (&summary["seconds"], &summary["usd"]),
        (&json!(0.0), &json!(0.0))
    );
    let ran = project.expect(0, &["status"]);
    assert_eq!(
        last_line(&ran),
        "4 videos, 4 completed; 20 s made, $2.00 in all"
    );
    let ran = project.expect(0, &["status", "b"]);
    assert_eq!(
        last_line(&ran),
        "1 video, 1 completed; 5 s made, $0.50 in all"
    );
}

#[test]
fn a_video_of_an_earlier_run_has_the_labels_of_its_manifest() {
    let heygen = Heygen::start(reconcile::sandbox::Config {
        render_time: std::time::Duration::from_millis(1_500),
        ..Default::default()
    });
    let project = project(&heygen);
    wish(&project, "a", "A.", "team: web");
    project.expect(0, &["apply", "--auto-approve"]);
    let ran = project.expect(0, &TEXT);
    assert_eq!(last_line(&ran), "Spent: 5 s, $0.50 (team=web $0.50)");
}

#[test]
fn what_was_paid_counts_once_whatever_became_of_it() {
    let heygen = Heygen::quick();
    let project = project(&heygen);
    wish(&project, "kept", "Kept.", "team: web");
    wish(&project, "copy", "Kept.", "team: docs");
    wish(&project, "old", "Renamed.", "team: docs");
    wish(&project, "gone", "Pruned.", "team: docs");
    wish(&project, "bare", "Bare.", "");
    project.expect(0, &WAIT);
    // A change supersedes, a rename moves, a replacement pays again, a removal deletes.
    wish(&project, "bare", "Bare, another time.", "");
    fs::rename(
        project.path("videos/old.yaml"),
        project.path("videos/new.yaml"),
    )
    .unwrap();
    fs::remove_file(project.path("videos/gone.yaml")).unwrap();
    project.expect(0, &[&WAIT[..], &["--prune", "--replace", "kept"]].concat());
    assert_eq!(heygen.sessions().len(), 6);
    let told = cost(&project, &[]);
    assert_eq!(told["total"], sum(6, 30.0, 3.0));
    // `copy` is the first of its content and paid for it; `old` is called `new` now.
    assert_eq!(labels(&told), ["team=docs 2 1.0", "team=web 1 0.5"]);
    assert_eq!(told["unlabelled"], sum(2, 10.0, 1.0));
    assert_eq!(told["no_manifest"], sum(1, 5.0, 0.5));
    let table = project.expect(0, &["status", "--cost"]).stdout;
    assert!(table.contains("(no manifest)"), "{table}");
    assert!(
        table.ends_with("6 videos: 30 s made, $3.00 in all, at $0.1 per second\n"),
        "{table}"
    );
    let one = cost(&project, &["new"]);
    assert_eq!(one["total"], sum(1, 5.0, 0.5));
    assert_eq!(one["videos"][0]["manifest_name"], "new");
    assert_eq!(one["videos"][0]["labels"], json!({"team": "docs"}));
}

#[test]
fn a_failed_video_and_one_that_renders_cost_nothing() {
    let heygen = Heygen::quick();
    let project = project(&heygen);
    project.wishes(2);
    heygen.faults(json!([{"kind": "fail_render"}]));
    let summary = project.expect(1, &WAIT).summary();
    assert_eq!(
        (&summary["completed"], &summary["usd"]),
        (&json!(1), &json!(0.5))
    );
    assert_eq!(cost(&project, &[])["total"], sum(1, 5.0, 0.5));
    let ran = project.expect(0, &["status"]);
    assert_eq!(
        last_line(&ran),
        "2 videos, 1 completed; 5 s made, $0.50 in all"
    );
}

#[test]
fn since_is_an_age_or_a_date() {
    let heygen = Heygen::quick();
    let project = project(&heygen);
    let ran = project.expect(0, &["status", "--cost"]);
    assert_eq!(
        ran.stdout,
        "0 videos: 0 s made, $0.00 in all, at $0.1 per second\n"
    );
    project.wishes(1);
    project.expect(0, &WAIT);
    for (since, videos) in [
        ("30d", 1),
        ("1h", 1),
        ("2020-01-01", 1),
        ("2999-01-01T00:00:00Z", 0),
    ] {
        let told = cost(&project, &["--since", since]);
        assert_eq!(told["total"]["videos"], videos, "{since}");
        assert_eq!(told["videos"].as_array().unwrap().len(), videos);
    }
    let told = cost(&project, &["--since", "2020-01-01"]);
    assert_eq!(told["since"], "2020-01-01T00:00:00Z");
    let ran = project.expect(0, &["status", "--cost", "--since", "2020-01-01"]);
    assert!(
        last_line(&ran).starts_with("1 video since 2020-01-01T00:00:00Z: "),
        "{ran:?}"
    );
    let alone = project.expect(0, &["status", "--since", "30d"]);
    assert!(last_line(&alone).contains(" since "), "{alone:?}");
    let ran = project.expect(64, &["status", "--cost", "--since", "soon"]);
    assert!(ran.stderr.contains("30d"), "{ran:?}");
}

#[test]
fn a_label_cannot_drive_the_terminal_and_a_broken_manifest_is_told() {
    let heygen = Heygen::quick();
    let project = project(&heygen);
    wish(&project, "a", "A.", r#""\u001b[2J": "\u0007""#);
    let ran = project.expect(0, &TEXT);
    let table = project.expect(0, &["status", "--cost"]);
    assert!(!ran.stdout.contains('\u{1b}') && !table.stdout.contains('\u{7}'));
    project.write("videos/b.yaml", "promt: B.\n");
    let ran = project.expect(1, &["status", "--cost", "--format", "json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["errors"][0]["path"], "videos/b.yaml");
    assert_eq!(told["total"]["videos"], 1);
}

#[test]
fn a_video_of_unknown_length_is_told_and_not_guessed() {
    let heygen = Heygen::quick();
    let first = project(&heygen);
    first.wishes(2);
    first.expect(0, &WAIT);
    let export = first.expect(0, &["state", "export"]).stdout;
    let project = project(&heygen);
    project.wishes(2);
    project.write(
        "backup.jsonl",
        export.replacen("\"duration_s\":5.0,", "", 1),
    );
    let file = project.path("backup.jsonl");
    let import = ["state", "import", file.to_str().unwrap(), "--auto-approve"];
    project.expect(0, &import);
    let told = cost(&project, &[]);
    let mut expected = sum(2, 5.0, 0.5);
    expected["without_length"] = json!(1);
    assert_eq!(told["total"], expected);
    let ran = project.expect(0, &["status"]);
    assert_eq!(
        last_line(&ran),
        "2 videos, 2 completed; 5 s made, $0.50 in all (1 video without known length)"
    );
}
