//! Two hundred films while everything goes wrong that can.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::films::{film, whose};
use crate::support::{Ran, until};
use crate::{
    all_whole, file_requests, files, finished, heygen, hidden, json_file, made, of_type, prompt,
};

/// Names that would take each other's place, or leave the folder, if anyone let them.
const HOSTILE: [&str; 16] = [
    "a",
    "a/b",
    "a.mp4",
    "a.mp4/b",
    "a.captioned",
    "a.captioned.mp4/x",
    "a.json/b",
    "a.srt/c",
    "index",
    "index.json/b",
    "-rf",
    "...",
    "...mp4/..a",
    ".a.mp4.reconcile-part/x",
    ".a.mp4.reconcile-note",
    "a.jpg/d",
];

/// Numbers that follow from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn rules(draw: &mut Draw) -> Value {
    let mut rules = Vec::new();
    let length = film("", "").len() as u64;
    for _ in 0..80 {
        rules.push(
            json!({"kind": "cut_file", "at": draw.below(length), "times": 2,
            "probability": 0.02}),
        );
    }
    for (kind, more) in [
        (json!("forbidden"), json!({})),
        (json!("drop_before"), json!({})),
        (json!({"status_before": {"status": 410}}), json!({})),
        (json!({"status_before": {"status": 503}}), json!({})),
        (json!({"rate_limit": {"retry_after": 0}}), json!({})),
        (
            json!({"wrong_length": {"more": 1 + draw.below(9_000)}}),
            json!({}),
        ),
        (json!("no_ranges"), json!({})),
        (json!("reset_mid_answer"), json!({})),
        (
            json!({"redirect": {"to": "http://192.0.2.1/film.mp4"}}),
            json!({"times": 3}),
        ),
        (
            json!({"redirect": {"to": "file:///etc/passwd"}}),
            json!({"times": 2}),
        ),
    ] {
        let mut rule = json!({"kind": kind, "method": "GET", "path_prefix": "/files/",
            "times": 20, "probability": 0.05});
        rule.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        rules.push(rule);
    }
    rules.push(
        json!({"kind": "rate_limit", "retry_after": 0, "method": "GET",
        "path_prefix": "/v3/videos/", "times": 10, "probability": 0.1}),
    );
    Value::Array(rules)
}

/// What the binary says it fetched or failed at is what is there.
fn agrees(ran: &Ran, found: &BTreeMap<String, Vec<u8>>) -> usize {
    let lines = ran.lines();
    for line in of_type(&lines, "downloaded") {
        let path = line["path"]
            .as_str()
            .unwrap()
            .strip_prefix("downloads/")
            .unwrap();
        assert!(found.contains_key(path), "{line}");
    }
    let failed = of_type(&lines, "error");
    for line in &failed {
        let name = line["name"].as_str().unwrap();
        assert!(!line.to_string().contains("signature"), "{name}: {line}");
    }
    assert_eq!(ran.code, Some(i32::from(!failed.is_empty())), "{ran:#?}");
    failed.len()
}

#[test]
fn two_hundred_films_are_whole_or_absent_whatever_goes_wrong() {
    let heygen = heygen();
    let long = "n".repeat(200);
    let plain: Vec<_> = (0..200 - HOSTILE.len() - 1)
        .map(|n| format!("plain/{n}"))
        .collect();
    let names = HOSTILE.iter().copied().chain([long.as_str()]);
    let names: Vec<_> = names.chain(plain.iter().map(String::as_str)).collect();
    let project = finished(&heygen, &names);
    let outside = |found: &mut BTreeMap<String, Vec<u8>>| {
        found.retain(|path, _| !path.starts_with("downloads/") && !path.starts_with(".reconcile/"));
    };
    let mut before = files(&project.path(""));
    outside(&mut before);

    let mut draw = Draw(20_261_124);
    let arguments = ["download", "--format", "json", "--captioned"];
    let mut struck = 0;
    for _ in 0..2 {
        heygen.faults(rules(&mut draw));
        let ran = project.run(&arguments);
        let found = files(&project.path("downloads"));
        all_whole(&found);
        struck += agrees(&ran, &found);
    }
    let broken = file_requests(&heygen)
        .iter()
        .filter(|r| r["status"] != 200)
        .count();
    assert!(broken > 40 && struck > 0, "{broken} {struck}");

    heygen.faults(json!([]));
    let ran = project.expect(0, &arguments);
    let mut found = files(&project.path("downloads"));
    all_whole(&found);
    assert_eq!(agrees(&ran, &found), 0);
    assert_eq!(hidden(&found), [""; 0]);
    assert!(found.contains_key("a.mp4~/b.mp4") && found.contains_key("index~.json"));
    let made = made(&heygen);
    let index = json_file(&project, "downloads/index.json");
    for (n, name) in names.iter().enumerate() {
        let video_id = &made[&prompt(n, name)];
        let mut films = index["films"].as_array().unwrap().iter();
        let about = films.find(|film| film["name"] == *name).unwrap();
        for (kind, file) in [("film", "video.mp4"), ("captioned", "captioned.mp4")] {
            let film = &found[about[kind].as_str().unwrap()];
            assert_eq!(whose(film), Some(format!("{video_id}/{file}")), "{about}");
        }
    }
    found.retain(|path, _| path.ends_with(".mp4"));
    assert_eq!(found.len(), 400);
    let mut after = files(&project.path(""));
    outside(&mut after);
    assert_eq!(before, after, "something was written outside");
    assert!(
        file_requests(&heygen)
            .iter()
            .all(|request| request["key_present"] == false)
    );

    let fetched = file_requests(&heygen).len();
    assert_eq!(project.expect(0, &arguments).summary()["present"], 200);
    assert_eq!(file_requests(&heygen).len(), fetched);
}

#[test]
fn a_download_that_is_killed_or_interrupted_leaves_nothing_half() {
    let heygen = heygen();
    let names: Vec<_> = (0..24).map(|n| format!("film-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let project = finished(&heygen, &names);
    for round in 0..6 {
        heygen.faults(json!([
            {"kind": "slow", "ms": 40, "method": "GET", "path_prefix": "/files/", "times": null},
            {"kind": "cut_file", "at": 3_000 * round, "times": null, "probability": 0.3}
        ]));
        let before = file_requests(&heygen).len();
        let mut child = project.spawn(&["download"]);
        until("it fetches", || {
            file_requests(&heygen).len() > before + 3 || child.try_wait().unwrap().is_some()
        });
        let signal = if round % 2 == 0 { "-KILL" } else { "-INT" };
        let pid = child.id().to_string();
        let _ = Command::new("kill").args([signal, &pid]).status();
        let code = child.wait().unwrap().code();
        let in_order = matches!(code, Some(130 | 1 | 0));
        assert!(in_order || signal == "-KILL", "{code:?}");
        all_whole(&files(&project.path("downloads")));
    }
    heygen.faults(json!([]));
    project.expect(0, &["download"]);
    let found = files(&project.path("downloads"));
    all_whole(&found);
    assert_eq!(hidden(&found), [""; 0]);
    assert_eq!(
        found.keys().filter(|path| path.ends_with(".mp4")).count(),
        24
    );
    let made = made(&heygen);
    for (n, name) in names.iter().enumerate() {
        let mark = format!("{}/video.mp4", made[&prompt(n, name)]);
        assert_eq!(whose(&found[&format!("{name}.mp4")]), Some(mark));
    }
}
