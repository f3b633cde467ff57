//! Valid manifests, written in many styles: the hash does not change, and an independent YAML
//! parser reads the same values.

use std::sync::Arc;

use proptest::prelude::*;
use reconcile::manifest::{
    Decoded, FileProblem, LocalFile, LocalFiles, LocalText, Manifest, NameFromPath, ReadyDefaults,
};
use reconcile::video::Name;

struct NoFiles;

impl LocalFiles for NoFiles {
    fn named(&self, _: &str, _: &str) -> Option<Arc<str>> {
        unreachable!("these manifests use no local files")
    }

    fn look(&self, _: &str, _: &str) -> Result<LocalFile, FileProblem> {
        unreachable!("these manifests use no local files")
    }

    fn read(&self, _: &str, _: &str) -> Result<LocalText, FileProblem> {
        unreachable!("these manifests use no local files")
    }
}

fn decode(bytes: &[u8], name: &NameFromPath) -> Decoded {
    let (path, defaults) = (Arc::from("m.yaml"), ReadyDefaults::default());
    reconcile::manifest::decode(&path, bytes, name, &NoFiles, &defaults)
}

fn read(text: &str) -> Manifest {
    let mut read = decode(text.as_bytes(), &Ok(Name::parse("m").unwrap()));
    assert!(read.problems.is_empty(), "{text}\n{:?}", read.problems);
    read.manifests.pop().unwrap()
}

fn double_quoted(text: &str) -> String {
    // JSON strings are YAML double-quoted scalars, but for characters that must be escaped here.
    let json = serde_json::to_string(text).unwrap();
    json.replace('\u{85}', "\\u0085")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
        .replace('\u{feff}', "\\ufeff")
        .replace('\u{7f}', "\\u007f")
}

fn block(text: &str) -> String {
    let lines = text.lines().map(|l| match l {
        "" => String::new(),
        l => format!("    {l}"),
    });
    format!("|2-\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// Text that every style can hold.
fn prompts() -> impl Strategy<Value = String> {
    let line = "[A-Za-z0-9äß👋 ,.:#'\"{}\\[\\]&*!|>%@`-]{1,40}";
    prop::collection::vec(line, 1..5)
        .prop_map(|lines| lines.join("\n"))
        .prop_filter("not only white space", |t| !t.trim().is_empty())
}

fn ids() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_.-]{1,20}"
}

proptest! {
    #[test]
    fn styles_do_not_count_and_parsers_agree(prompt in prompts(), avatar in ids(), portrait: bool) {
        let orientation = if portrait { "portrait" } else { "landscape" };
        let quoted = double_quoted(&prompt);
        let id = double_quoted(&avatar);
        let single = format!("'{}'", avatar.replace('\'', "''"));
        let styles = [
            format!("prompt: {quoted}\navatar_id: {id}\norientation: {orientation}\n"),
            format!("# first\norientation: '{orientation}' # last\navatar_id: {single}\nprompt: {quoted}\n"),
            format!("{{\"prompt\": {quoted}, \"avatar_id\": {id}, \"orientation\": \"{orientation}\"}}\n"),
            format!("--- # one\r\nprompt: {quoted}\r\navatar_id: {id}\r\nvoice_id: ~\r\norientation: {orientation}\r\n"),
            format!("\u{feff}prompt:  {quoted}\nrevision: 1\nlabels: {{a: b}}\navatar_id:   {id}\nfiles: []\norientation: \"{orientation}\"\n"),
            format!("avatar_id: &a {id}\nprompt: {quoted}\nlabels: {{same: *a}}\norientation: {orientation}\n"),
        ];
        let first = read(&styles[0]);
        prop_assert_eq!(first.spec.prompt.as_str(), prompt.trim());
        for style in &styles {
            prop_assert_eq!(read(style).hash, first.hash, "{}", style);
            let text = style.trim_start_matches('\u{feff}');
            let other: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
            prop_assert_eq!(other["prompt"].as_str().unwrap().trim(), first.spec.prompt.as_str());
            prop_assert_eq!(other["avatar_id"].as_str().unwrap(), avatar.as_str());
        }
        if prompt.lines().all(|l| !l.starts_with(' ') && !l.trim().is_empty()) {
            let style = format!("prompt: {}\navatar_id: {id}\norientation: {orientation}\n", block(&prompt).replace("|2-", "|-"));
            prop_assert_eq!(read(&style).hash, first.hash, "{}", style);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        let name = Err("none".to_owned());
        let _ = decode(text.as_bytes(), &name);
    }

    #[test]
    fn no_yaml_like_text_makes_it_panic(text in "[a-z:\\-\\[\\]{}&*!|>'\"#%\\n ,?~0-9]{0,120}") {
        let name = Err("none".to_owned());
        let _ = decode(text.as_bytes(), &name);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let name = Err("none".to_owned());
        let _ = decode(&bytes, &name);
    }
}
