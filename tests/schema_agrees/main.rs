//! What the schemas say and what `validate` says are the same, but for what JSON Schema can't say.
//!
//! Every difference is listed with its reason. One that is not listed fails, and so does one that is
//! listed and no longer there.

#[path = "../support/broken.rs"]
mod broken;
mod differences;
#[path = "../support/mod.rs"]
mod support;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use differences::Differences;
use jsonschema::Validator;
use reconcile::manifest::{Meaning, Node, Source, Value as Yaml, documents};
use reconcile::project::load_settings;
use serde_json::{Map, Value, json};
use support::Project;
use values::values;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn schema(of: &str) -> Value {
    let ran = Project::new(None).expect(0, &["schema", of]);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn validator(schema: &Value) -> Validator {
    jsonschema::meta::validate(schema).unwrap();
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .build(schema)
        .unwrap()
}

/// A value as an editor that reads YAML 1.2 hands it to the schema.
fn as_json(node: &Node) -> Value {
    match &node.value {
        Yaml::List(items) => items.iter().map(as_json).collect(),
        Yaml::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.text.to_string(), as_json(value)))
            .collect::<Map<_, _>>()
            .into(),
        Yaml::Scalar(scalar) => match scalar.meaning() {
            Meaning::Null => Value::Null,
            Meaning::Bool(value) => value.into(),
            Meaning::Text => (*scalar.text).into(),
            Meaning::Integer => scalar.text.parse::<i64>().unwrap().into(),
            Meaning::Float => scalar.text.parse::<f64>().unwrap().into(),
        },
    }
}

/// Whether an editor is content: with the YAML, and with each document.
fn accepts(validator: &Validator, text: &str) -> bool {
    let documents = Source::new("m.yaml".into(), text.as_bytes()).and_then(|s| documents(&s));
    documents.is_ok_and(|d| d.iter().all(|d| validator.is_valid(&as_json(d))))
}

fn of_defaults(name: &str) -> bool {
    name.starts_with("defaults: ")
}

fn of_broken(name: &str) -> bool {
    name.starts_with("broken: ")
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        match path.is_dir() {
            true => yaml_files(&path, found),
            false if matches!(ending, "yaml" | "yml") => found.push(path),
            false => {}
        }
    }
}

#[test]
fn every_sample_and_every_hash_vector_is_accepted() {
    let manifest = validator(&schema("manifest"));
    let mut samples = Vec::new();
    yaml_files(Path::new("videos"), &mut samples);
    yaml_files(Path::new("examples/first-project/videos"), &mut samples);
    assert!(samples.len() > 5);
    for sample in samples {
        let text = fs::read_to_string(&sample).unwrap();
        assert!(accepts(&manifest, &text), "{}", sample.display());
    }
    let vectors = fs::read_to_string("tests/fixtures/hash-vectors.json").unwrap();
    let vectors: Vec<Value> = serde_json::from_str(&vectors).unwrap();
    for vector in vectors {
        let text = vector["manifest"].as_str().unwrap();
        assert!(accepts(&manifest, text), "{}", vector["what"]);
    }
}

#[test]
fn broken_manifests_are_refused_by_both() {
    let manifest = validator(&schema("manifest"));
    let mut differences = Differences::new();
    for (kind, text) in broken::kinds() {
        let project = Project::new(None);
        project.write("videos/m.yaml", &text);
        project.expect(1, &["validate"]);
        differences.check(&format!("broken: {kind}"), accepts(&manifest, &text), false);
    }
    differences.are_all_of(of_broken);
}

/// `validate` of each manifest by its case: all in one project, whose files each have a name.
fn validate(manifests: &BTreeMap<String, String>) -> BTreeMap<String, bool> {
    let project = Project::new(None);
    project.write("videos/logo.png", PNG);
    for (n, text) in manifests.values().enumerate() {
        project.write(&format!("videos/m{n}.yaml"), text);
    }
    let ran = project.run(&["validate", "--format", "json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    let errors = said["errors"].as_array().unwrap().iter();
    // Whether a name is taken is a matter between files.
    let own = errors.filter(|e| e["code"] != "duplicate_name");
    let broken: BTreeSet<_> = own.map(|e| e["path"].as_str().unwrap()).collect();
    let valid = |n: usize| !broken.contains(format!("videos/m{n}.yaml").as_str());
    let cases = manifests.keys().enumerate();
    cases.map(|(n, case)| (case.clone(), valid(n))).collect()
}

fn compare(manifests: &BTreeMap<String, String>, differences: &mut Differences) {
    let schema = validator(&schema("manifest"));
    let (mut accepted, mut refused) = (0, 0);
    for (case, valid) in validate(manifests) {
        differences.check(&case, accepts(&schema, &manifests[&case]), valid);
        *if valid { &mut accepted } else { &mut refused } += 1;
    }
    assert!(accepted > 5 && refused > 5, "{accepted}, {refused}");
}

#[test]
fn every_field_takes_the_same_values() {
    let schema = schema("manifest");
    let mut manifests = BTreeMap::new();
    for field in schema["properties"].as_object().unwrap().keys() {
        for value in values() {
            let prompt = match field.as_str() {
                "prompt" | "prompt_file" => "",
                _ => "prompt: x\n",
            };
            let text = format!("{prompt}{field}: {value}\n");
            manifests.insert(format!("{field}: {value}"), text);
        }
    }
    let mut differences = Differences::new();
    compare(&manifests, &mut differences);
    let elsewhere = |name: &str| of_broken(name) || of_defaults(name) || name.starts_with("item: ");
    differences.are_all_of(|name| !elsewhere(name));
}

#[test]
fn files_have_one_source_and_a_type_that_agrees() {
    let data = base64::engine::general_purpose::STANDARD.encode(PNG);
    let sources = [
        ("url", "https://example.com/a.png"),
        ("asset_id", "ast_1"),
        ("path", "logo.png"),
        ("data", &data),
    ];
    let mut manifests = BTreeMap::new();
    for chosen in 0..16 {
        let given = sources.iter().enumerate();
        let given = given.filter(|(n, _)| chosen & (1 << n) != 0);
        let given: Vec<_> = given.map(|(_, (name, value))| (name, value)).collect();
        let names: Vec<_> = given.iter().map(|(name, _)| **name).collect();
        for kind in ["", "null", "url", "asset_id", "file", "base64"] {
            for media_type in ["", "null", "image/png", "image/jpeg", "image/gif"] {
                let mut item = json!({});
                for (name, value) in &given {
                    item[**name] = json!(value);
                }
                for (field, value) in [("type", kind), ("media_type", media_type)] {
                    match value {
                        "" => {}
                        "null" => item[field] = Value::Null,
                        value => item[field] = json!(value),
                    }
                }
                let case = format!("item: {} of {media_type}, {kind}", names.join("+"));
                manifests.insert(case, json!({"prompt": "x", "files": [item]}).to_string());
            }
        }
    }
    let mut differences = Differences::new();
    compare(&manifests, &mut differences);
    differences.are_all_of(|name| name.starts_with("item: "));
}

#[test]
fn defaults_are_checked_as_manifests_are() {
    let settings = validator(&schema("settings"));
    let manifest = schema("manifest");
    let mut differences = Differences::new();
    let mut accepted = 0;
    for field in manifest["properties"].as_object().unwrap().keys() {
        for value in values() {
            let text = format!("defaults:\n  {field}: {value}\n");
            let root = tempfile::tempdir().unwrap();
            fs::write(root.path().join("reconcile.yaml"), &text).unwrap();
            let valid = load_settings(root.path()).is_ok();
            accepted += usize::from(valid);
            let case = format!("defaults: {field}: {value}");
            differences.check(&case, accepts(&settings, &text), valid);
        }
    }
    assert!(accepted > 50, "{accepted}");
    differences.are_all_of(of_defaults);
}

#[test]
fn settings_are_refused_by_both() {
    let settings = validator(&schema("settings"));
    let template = fs::read_to_string("examples/first-project/reconcile.yaml").unwrap();
    let keys =
        "state: s/t\nmax_jobs: 1000\nretry: {backoff: 007s}\nlimits: {max_cost_usd: 1.5}\nwatch:\n";
    for (text, valid) in [
        (template.as_str(), true),
        ("", true),
        (keys, true),
        ("max_job: 3\n", false),
        ("poll_interval: 5\n", false),
        ("poll_interval: 0s\n", false),
        ("poll_interval: 5d\n", false),
        ("manifests: ../elsewhere\n", false),
        ("manifests: a/..\n", false),
        ("downloads: ~/videos\n", false),
        ("state: /var/lib/x\n", false),
        ("state: postgres://db/x\n", false),
        ("max_jobs: 0\n", false),
        ("max_jobs: 1001\n", false),
        ("price_per_second: -1\n", false),
        ("price_per_second: cheap\n", false),
        ("limits: {max_cost_usd: cheap}\n", false),
        ("retry: {max_attempts: 0}\n", false),
        ("watch: {quiet: 1}\n", false),
        ("watch: {quite: 1s}\n", false),
        ("callback_url: http://example.com\n", false),
        ("- a\n", false),
    ] {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("reconcile.yaml"), text).unwrap();
        assert_eq!(load_settings(root.path()).is_ok(), valid, "{text}");
        assert_eq!(accepts(&settings, text), valid, "{text}");
    }
}

/// The words in backticks of the first column of every table of a page, up to a heading.
fn documented(page: &str, until: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new("docs").join(page)).unwrap();
    let text = text.split(until).next().unwrap();
    let cells = text
        .lines()
        .filter_map(|l| l.strip_prefix("| ")?.split(" |").next());
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.map(str::to_owned).collect()
}

#[test]
fn the_pages_name_every_field_and_no_other() {
    let schema_of = schema;
    let manifest = schema_of("manifest");
    let fields = manifest["properties"].as_object().unwrap().keys();
    let mut expected: BTreeSet<String> = fields.cloned().collect();
    assert_eq!(documented("manifests.md", "**Names**"), expected);
    let settings = schema_of("settings");
    expected.clear();
    for (key, schema) in settings["properties"].as_object().unwrap() {
        match schema["properties"].as_object() {
            Some(below) if key != "defaults" => {
                expected.extend(below.keys().map(|k| format!("{key}.{k}")));
            }
            _ => drop(expected.insert(key.clone())),
        }
    }
    let mut found = documented("settings.md", "\n## ");
    found.retain(|word| !word.starts_with("RECONCILE_"));
    assert_eq!(found, expected);
}
