//! What `validate` refuses and JSON Schema can't, each with its reason.

use std::collections::BTreeSet;

/// Cases by their name (or its beginning, with `*`) that `validate` refuses and the schema does not.
const DIFFERENCES: [(&str, &str); 20] = [
    (
        "broken: duplicate key",
        "a JSON object has each key once: an editor's YAML parser tells",
    ),
    (
        "broken: prompt too long",
        "the length counts after trimming, and JSON Schema trims nothing",
    ),
    (
        "broken: bytes of no known kind",
        "the bytes tell, and a schema has none",
    ),
    (
        "broken: media type and bytes differ",
        "the bytes tell, and a schema has none",
    ),
    ("broken: file is missing", "a schema reads no files"),
    (
        "broken: path out of the project",
        "where it leads depends on where the manifest lies",
    ),
    ("broken: path to a folder", "a schema reads no files"),
    (
        "broken: documents without names",
        "a schema sees one document at a time",
    ),
    ("broken: empty file", "there is no document to check"),
    (
        "broken: nothing but a comment",
        "there is no document to check",
    ),
    ("broken: prompt file is missing", "a schema reads no files"),
    (
        "broken: prompt file out of the project",
        "where it leads depends on where the manifest lies",
    ),
    ("broken: prompt file is a folder", "a schema reads no files"),
    ("prompt_file: *", "a schema reads no files"),
    ("callback_url: https://[", "a pattern does not read hosts"),
    (
        "callback_url: https://user:secret@example.com",
        "a pattern does not read passwords",
    ),
    (
        "item: path of image/jpeg*",
        "the bytes tell, and a schema has none",
    ),
    (
        "item: data of image/jpeg*",
        "the bytes tell, and a schema has none",
    ),
    (
        "defaults: callback_url: https://[",
        "a pattern does not read hosts",
    ),
    (
        "defaults: callback_url: https://user:secret@example.com",
        "a pattern does not read passwords",
    ),
];

/// Cases on which the two disagree, sorted into those that are listed and others.
pub struct Differences {
    found: BTreeSet<&'static str>,
}

impl Differences {
    pub fn new() -> Self {
        Self {
            found: BTreeSet::new(),
        }
    }

    pub fn check(&mut self, case: &str, schema: bool, validate: bool) {
        if schema == validate {
            return;
        }
        assert!(
            schema,
            "{case}: the schema refuses what `validate` accepts, which nothing excuses"
        );
        let listed = DIFFERENCES
            .iter()
            .find(|(name, _)| match name.strip_suffix('*') {
                Some(start) => case.starts_with(start),
                None => case == *name,
            });
        let (name, _) = listed.unwrap_or_else(|| panic!("{case}: only `validate` refuses it"));
        self.found.insert(name);
    }

    pub fn are_all_of(&self, belongs: impl Fn(&str) -> bool) {
        for (name, reason) in DIFFERENCES {
            let gone = belongs(name) && !self.found.contains(name);
            assert!(!gone, "{name} ({reason}) is no difference any more");
        }
    }
}
