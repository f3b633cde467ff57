//! What a field may be said to be, right or wrong.

/// As YAML.
pub fn values() -> Vec<String> {
    let long = |n: usize| "k".repeat(n);
    let labels = |n: usize| {
        let labels: Vec<_> = (0..n).map(|n| format!("l{n}: x")).collect();
        format!("{{{}}}", labels.join(", "))
    };
    let urls = |n: usize| format!("[{}]", vec!["{url: https://a.example/b}"; n].join(", "));
    let mut values: Vec<String> = [
        "null",
        "~",
        "\"\"",
        "x",
        "\"two words\"",
        "\" \"",
        "\"a\\tb\"",
        "\"a\\u0007b\"",
        "7",
        "\"7\"",
        "0",
        "-1",
        "1.5",
        "2147483647",
        "2147483648",
        "true",
        "\"true\"",
        "[]",
        "{}",
        "[x]",
        "[null]",
        "{a: b}",
        "{a: 7}",
        "{a: null}",
        "{a: \"\"}",
        "{\"\": b}",
        "{a: [b]}",
        "landscape",
        "Portrait",
        "portrait",
        "https://example.com/a",
        "https://",
        "https://[",
        "https://a.example/b c",
        "https://user:secret@example.com",
        "http://example.com",
        "ftp://x",
        "a/b",
        "a//b",
        "/a",
        "a/",
        ".",
        "..",
        "a/../b",
        "a/..b",
        "v1.2-x_Y",
        "grüße",
        "launch.md",
        "launch.yaml",
        "launch.yml",
    ]
    .map(str::to_owned)
    .into();
    values.extend([
        long(200),
        long(201),
        long(256),
        long(257),
        labels(64),
        labels(65),
        urls(20),
        urls(21),
    ]);
    values.push(format!("{{a: {}}}", long(257)));
    values.push(format!("{{{}: a}}", long(257)));
    values
}
