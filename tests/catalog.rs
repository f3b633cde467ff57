//! What the account may use: listed, and held against what manifests name.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use reconcile::sandbox::Config;
use serde_json::{Value, json};
use support::{Heygen, KEY, Project, Ran};

const SARA: &str = "1bd001e7e50f421d891986aad5158bc8";

fn items(ran: &Ran) -> Vec<Value> {
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["format_version"], "1.0");
    document["items"].as_array().unwrap().clone()
}

fn ids(ran: &Ran) -> Vec<String> {
    let items = items(ran).into_iter();
    items
        .map(|i| i["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Answers every request with what `answer` makes of its path and query, and remembers both.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answer: impl Fn(usize, &str) -> (u16, Value) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let path = read_path(&stream);
                seen.lock().unwrap().push(path.clone());
                let (status, body) = answer(n, &path);
                let body = body.to_string();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nretry-after: 0\r\n\
                     connection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn run(&self, project: &Project, code: i32, arguments: &[&str]) -> Ran {
        let mut command = project.command(arguments);
        let ran = Ran::from(command.env("HEYGEN_API_BASE", &self.url).output().unwrap());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:#?}");
        ran
    }
}

fn read_path(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut line = first.clone();
    while !line.trim().is_empty() {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    first.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn every_kind_is_listed_with_the_id_first_and_the_field_it_belongs_in() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    for (kind, id, beside, field) in [
        (
            "avatars",
            "Iker_standing_street_portrait",
            "portrait",
            "avatar_id",
        ),
        ("voices", SARA, "English", "voice_id"),
        ("styles", "warm_paper", "16:9", "style_id"),
        ("brand-kits", "bk_lumen", "Lumen", "brand_kit_id"),
    ] {
        let ran = project.expect(0, &["catalog", kind]);
        let line = ran.stdout.lines().find(|l| l.starts_with(id));
        assert!(line.unwrap().contains(beside), "{ran:#?}");
        assert!(ran.stderr.contains(&format!("`{field}: ID`")), "{ran:#?}");
        let json = project.expect(0, &["catalog", kind, "--format", "json"]);
        assert!(ids(&json).contains(&id.to_owned()), "{json:#?}");
        assert!(!format!("{ran:?}{json:?}").contains(KEY));
    }
    assert_eq!(heygen.count("POST", "/"), 0);
    assert!(!project.path(".reconcile").exists(), "nothing is recorded");
}

#[test]
fn every_word_has_to_occur() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let search = |kind: &str, words: &[&str]| {
        let start = ["catalog", kind, "--format", "json", "--search"];
        ids(&project.expect(0, &[&start[..], words].concat()))
    };
    assert_eq!(search("voices", &["ENGLISH", "sar"]), [SARA]);
    assert_eq!(search("voices", &["english sar"]), [SARA]);
    assert_eq!(search("styles", &["handmade"]), ["warm_paper"]);
    assert_eq!(search("avatars", &["professional", "STREET"]).len(), 1);
    assert_eq!(search("voices", &["german", "sara"]), [""; 0]);
    let none = project.expect(0, &["catalog", "voices", "--search", "klingon"]);
    assert_eq!(none.stdout, "None of 3 voices has all these words.\n");
}

#[test]
fn without_a_key_it_says_so_and_a_rehearsal_needs_none() {
    let project = Project::new(None);
    let run = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        Ran::from(command.env_remove("HEYGEN_API_KEY").output().unwrap())
    };
    let ran = run(&["catalog", "voices"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stderr.contains("HEYGEN_API_KEY is not set"), "{ran:#?}");
    let ran = run(&["catalog", "voices", "--sandbox"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains(SARA), "{ran:#?}");
    project.expect(64, &["catalog", "voices", "--format", "github"]);
    project.expect(64, &["catalog", "prompts"]);
}

#[test]
fn all_pages_are_read_with_the_largest_limits_and_waits_are_kept() {
    let server = Server::start(|n, path| match n {
        0 => (
            429,
            json!({"error": {"code": "rate_limit_exceeded", "message": "wait"}}),
        ),
        _ if path.contains("token=") => (
            200,
            json!({"data": [{"id": "two\u{1b}[2J", "name": "x"}, {"id": "2", "name": "Two\u{1b}[2J"}], "has_more": false, "next_token": "no"}),
        ),
        _ => (
            200,
            json!({"data": [{"id": "1", "name": "One", "new_field": 7, "tags": null}], "has_more": true, "next_token": "a b&c"}),
        ),
    });
    let project = Project::new(None);
    let ran = server.run(&project, 0, &["catalog", "avatars"]);
    let first: Vec<_> = ran
        .stdout
        .lines()
        .map(|l| l.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        first,
        ["ID", "1", "2"],
        "an id that no manifest takes is left out"
    );
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:#?}");
    let page = "/v3/avatars/looks?limit=50";
    assert_eq!(
        server.asked(),
        [page, page, "/v3/avatars/looks?limit=50&token=a+b%26c"]
    );
    let voices = Server::start(|_, _| (200, json!({"data": []})));
    let ran = voices.run(&project, 0, &["catalog", "voices"]);
    assert_eq!(ran.stdout, "This account has no voices.\n");
    assert_eq!(
        voices.asked(),
        [
            "/v3/voices?limit=100&type=private",
            "/v3/voices?limit=100&type=public"
        ]
    );
}

#[test]
fn a_list_without_an_end_is_given_up_and_not_taken_for_whole() {
    let server = Server::start(|_, _| {
        (
            200,
            json!({"data": [{"brand_kit_id": "b", "name": "B"}], "has_more": true, "next_token": "t"}),
        )
    });
    let project = Project::new(None);
    let ran = server.run(&project, 1, &["catalog", "brand-kits"]);
    assert!(
        ran.stderr.contains("does not end within 200 pages"),
        "{ran:#?}"
    );
    assert_eq!((server.asked().len(), ran.stdout.as_str()), (200, ""));
}

/// Three ids that name nothing, and one wish that is right.
fn misnamed(heygen: &Heygen) -> Project {
    let project = Project::new(Some(heygen));
    project.write(
        "videos/a.yaml",
        "prompt: A\navatar_id: Abigail_standing_ofice_front\nvoice_id: Sara\n",
    );
    project.write(
        "videos/b.yaml",
        "name: one\nprompt: B\nvoice_id: xxxxxxxx\n---\nname: two\nprompt: B\nvoice_id: Lena\n",
    );
    project.write("videos/c.yaml", format!("prompt: C\nvoice_id: {SARA}\n"));
    project
}

#[test]
fn an_unknown_id_of_the_defaults_is_shown_once_and_there() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.set("defaults:\n  voice_id: Lena\n");
    project.wishes(3);
    let ran = project.expect(1, &["validate", "--online"]);
    assert!(ran.stderr.contains("--> reconcile.yaml:5:13"), "{ran:#?}");
    assert_eq!(ran.stderr.matches("unknown_id").count(), 1, "{ran:#?}");
}

#[test]
fn ids_that_do_not_exist_are_shown_where_they_stand_with_what_was_meant() {
    let heygen = Heygen::quick();
    let project = misnamed(&heygen);
    assert_eq!(
        project.expect(0, &["validate"]).stdout,
        "4 valid videos, no errors\n"
    );
    assert_eq!(heygen.count("GET", "/v3"), 0);
    let ran = project.expect(1, &["validate", "--online", "--format", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["valid"], 1);
    let shown: Vec<_> = document["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            format!(
                "{} {}:{} {}",
                e["path"].as_str().unwrap(),
                e["line"],
                e["column"],
                e["suggestion"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "videos/a.yaml 2:12 did you mean `Abigail_standing_office_front` (Abigail in the office)?".to_owned(),
            format!("videos/a.yaml 3:11 did you mean `{SARA}` (Sara)?"),
            "videos/b.yaml 3:11 `reconcile catalog voices` lists them".to_owned(),
            "videos/b.yaml 7:11 did you mean `9f2c1d5be4b84b5f9b7cc1cbe9f6a111` (Lena)?".to_owned(),
        ]
    );
    let codes = document["errors"].as_array().unwrap().iter();
    assert!(codes.map(|e| &e["code"]).all(|code| code == "unknown_id"));
    for unused in ["/v3/video-agents/styles", "/v3/brand-kits"] {
        assert_eq!(heygen.count("GET", unused), 0, "only what is used is read");
    }
    let text = project.expect(1, &["validate", "--online"]);
    assert!(text.stderr.contains("--> videos/a.yaml:2:12"), "{text:#?}");
    assert!(
        text.stderr
            .contains("avatar_id: Abigail_standing_ofice_front\n"),
        "{text:#?}"
    );
    let github = project.expect(1, &["validate", "--online", "--format", "github"]);
    let line =
        "::error file=videos/b.yaml,line=7,col=11,title=unknown_id::`voice_id` names no voice";
    assert!(github.stdout.contains(line), "{github:#?}");
}

#[test]
fn a_name_with_white_space_is_told_its_id() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write(
        "videos/a.yaml",
        "prompt: A\navatar_id: \"Marcus on the sofa\"\n",
    );
    let ran = project.expect(1, &["validate", "--online"]);
    assert!(
        ran.stderr.contains("`Marcus_sitting_sofa_front`"),
        "{ran:#?}"
    );
}

#[test]
fn where_nobody_answers_what_is_known_offline_is_shown() {
    let server = Server::start(|_, _| {
        (
            401,
            json!({"error": {"code": "unauthorized", "message": "no"}}),
        )
    });
    let project = Project::new(None);
    project.write("videos/a.yaml", "prompt: A\nvoice_id: v\n");
    project.write("videos/b.yaml", "promt: B\n");
    let ran = server.run(&project, 1, &["validate", "--online", "--format", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["errors"][0]["code"], "unknown_field");
    assert!(
        ran.stderr.contains("does not accept the API key"),
        "{ran:#?}"
    );
    assert_eq!(server.asked().len(), 1, "a refusal is not repeated");
    project.write("videos/b.yaml", "prompt: B\n");
    project.write("videos/a.yaml", "prompt: A\n");
    server.run(&project, 0, &["validate", "--online"]);
    assert_eq!(server.asked().len(), 1, "nobody is asked about nothing");
    project.expect(64, &["validate", "--sandbox"]);
}

/// Refuses ids it does not know.
fn strict() -> Heygen {
    Heygen::start(Config {
        check_ids: true,
        ..Config::default()
    })
}

#[test]
fn the_stand_in_checks_ids_where_it_is_told_to() {
    let body = json!({"prompt": "A", "avatar_id": "nobody", "voice_id": SARA});
    let post = |heygen: &Heygen, body: &Value| {
        heygen.send("POST", "/v3/video-agents", Some("k"), Some(body.clone()))
    };
    assert_eq!(post(&Heygen::quick(), &body).0, 200);
    let heygen = strict();
    for (field, id) in [
        ("avatar_id", "Abigail_standing_office_front"),
        ("voice_id", SARA),
        ("style_id", "warm_paper"),
        ("brand_kit_id", "bk_lumen"),
    ] {
        let (status, answer) = post(&heygen, &json!({"prompt": "A", field: "nobody"}));
        assert_eq!((status, &answer["error"]["param"]), (400, &json!(field)));
        assert_eq!(post(&heygen, &json!({"prompt": "A", field: id})).0, 200);
        assert_eq!(post(&heygen, &json!({"prompt": "A", field: null})).0, 200);
    }
}

#[test]
fn what_heygen_refuses_is_shown_at_its_line() {
    let heygen = strict();
    let project = Project::new(Some(&heygen));
    project.write("videos/a.yaml", "# a\nprompt: A\nvoice_id: nobody\n");
    let ran = project.expect(1, &["apply", "--auto-approve"]);
    assert!(ran.stdout.contains("rejected a"), "{ran:#?}");
    assert!(ran.stderr.contains("--> videos/a.yaml:3:11"), "{ran:#?}");
    assert!(ran.stderr.contains("voice_id: nobody\n"), "{ran:#?}");
    assert!(
        ran.stderr.contains("`reconcile catalog voices`"),
        "{ran:#?}"
    );
    let plan = project.expect(0, &["plan"]);
    assert!(plan.stdout.contains("--> videos/a.yaml:3:11"), "{plan:#?}");
    let action = &project.plan()["actions"][0];
    assert_eq!(
        (&action["param"], &action["line"], &action["column"]),
        (&json!("voice_id"), &json!(3), &json!(11))
    );
    project.write(
        "videos/b.yaml",
        "name: x\nprompt: B\n---\nname: y\nprompt: C\navatar_id: no\n",
    );
    let ran = project.expect(1, &["apply", "--auto-approve", "--format", "json"]);
    let lines = ran.lines();
    let rejected = lines.iter().find(|l| l["type"] == "rejected").unwrap();
    for (field, value) in [
        ("name", json!("y")),
        ("path", json!("videos/b.yaml")),
        ("line", json!(6)),
        ("column", json!(12)),
        ("param", json!("avatar_id")),
    ] {
        assert_eq!(rejected[field], value, "{rejected}");
    }
}

#[test]
fn a_key_that_comes_back_as_a_field_is_neither_shown_nor_recorded() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.wish("a", "A");
    heygen.faults(json!([{"kind": {"reject": {"param": KEY}}}]));
    for arguments in [
        &["apply", "--auto-approve", "-vv"][..],
        &["plan"],
        &["state", "export"],
    ] {
        let ran = project.run(arguments);
        assert!(!format!("{ran:?}").contains(KEY), "{ran:#?}");
    }
    let journal = std::fs::read_to_string(project.path(".reconcile/journal")).unwrap();
    assert!(
        journal.contains("rejected") && !journal.contains(KEY),
        "{journal}"
    );
}

#[test]
fn a_refused_file_is_found_and_a_hostile_field_is_no_place() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write(
        "videos/a.yaml",
        "prompt: A\nfiles:\n  - url: https://a.example/x\n  - url: https://b.example/x\n",
    );
    heygen.faults(json!([{"kind": {"reject": {"param": "files.1.url"}}}]));
    let ran = project.expect(1, &["apply", "--auto-approve"]);
    assert!(ran.stderr.contains("--> videos/a.yaml:4:10"), "{ran:#?}");
    project.write("videos/a.yaml", "prompt: B\n");
    heygen.faults(json!([{"kind": {"reject": {"param": "\u{1b}[2J"}}}]));
    let ran = project.expect(1, &["apply", "--auto-approve", "--format", "json"]);
    let rejected = ran
        .lines()
        .into_iter()
        .find(|l| l["type"] == "rejected")
        .unwrap();
    assert_eq!(
        (&rejected["param"], &rejected["line"]),
        (&Value::Null, &Value::Null)
    );
}
