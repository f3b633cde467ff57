//! Every kind of broken manifest, for whoever has to refuse them.

/// Name of the kind, and the manifest `videos/m.yaml`.
pub fn kinds() -> Vec<(&'static str, String)> {
    let long = |n| "é".repeat(n);
    let many = |n| "\n  - url: https://example.com/a.png".repeat(n);
    let deep = format!("prompt: {}", "[".repeat(60));
    let text = |s: &str| s.to_owned();
    let mut kinds = vec![
        ("unknown field", text("prompt: x\navatr_id: a\n")),
        ("field with another name", text("prompt: x\nvoice: a\n")),
        ("field nobody knows", text("prompt: x\ncolour: red\n")),
        ("callback_id", text("prompt: x\ncallback_id: mine\n")),
        (
            "duplicate key",
            text("prompt: x\nlabels: {a: b}\nprompt: y\n"),
        ),
        ("number for a string", text("prompt: x\navatar_id: 0123\n")),
        ("decimal for a string", text("prompt: 1.10\n")),
        ("boolean for a string", text("prompt: true\n")),
        ("empty string", text("prompt: x\nvoice_id: \"\"\n")),
        ("prompt of white space", text("prompt: \"  \\u3000 \"\n")),
        ("prompt too long", format!("prompt: {}\n", long(10_001))),
        ("prompt is null", text("prompt:\navatar_id: a\n")),
        ("no prompt", text("# nothing yet\navatar_id: a\n")),
        ("list for a string", text("prompt: [a, b]\n")),
        ("map for a list", text("prompt: x\nfiles: {url: a}\n")),
        (
            "text for a boolean",
            text("prompt: x\nincognito_mode: maybe\n"),
        ),
        ("a list as manifest", text("- prompt: x\n")),
        ("a word as manifest", text("hello\n")),
        ("orientation", text("prompt: x\norientation: potrait\n")),
        (
            "orientation nobody knows",
            text("prompt: x\norientation: square\n"),
        ),
        ("revision 0", text("prompt: x\nrevision: 0\n")),
        (
            "revision too big",
            text("prompt: x\nrevision: 2147483648\n"),
        ),
        ("revision in words", text("prompt: x\nrevision: two\n")),
        ("too many files", format!("prompt: x\nfiles:{}\n", many(21))),
        (
            "file with two sources",
            text("prompt: x\nfiles:\n  - url: https://a.b/c\n    path: c.png\n"),
        ),
        (
            "file without source",
            text("prompt: x\nfiles:\n  - media_type: image/png\n"),
        ),
        (
            "file of another type",
            text("prompt: x\nfiles:\n  - type: asset_id\n    url: https://a.b/c\n"),
        ),
        (
            "file over http",
            text("prompt: x\nfiles:\n  - url: http://a.b/c\n"),
        ),
        (
            "file that is no URL",
            text("prompt: x\nfiles:\n  - url: \"::\"\n"),
        ),
        ("not base64", text("prompt: x\nfiles:\n  - data: \"%%%\"\n")),
        (
            "bytes of no known kind",
            text("prompt: x\nfiles:\n  - data: aGVsbG8=\n"),
        ),
        (
            "media type and bytes differ",
            text("prompt: x\nfiles:\n  - media_type: image/jpeg\n    data: iVBORw0KGgo=\n"),
        ),
        (
            "file is missing",
            text("prompt: x\nfiles:\n  - path: missing.png\n"),
        ),
        (
            "absolute path",
            text("prompt: x\nfiles:\n  - path: /etc/passwd\n"),
        ),
        (
            "path out of the project",
            text("prompt: x\nfiles:\n  - path: ../../.env\n"),
        ),
        ("path to a folder", text("prompt: x\nfiles:\n  - path: .\n")),
        ("labels as a list", text("prompt: x\nlabels: [a]\n")),
        ("label as a number", text("prompt: x\nlabels: {team: 7}\n")),
        (
            "callback_url over http",
            text("prompt: x\ncallback_url: http://example.com\n"),
        ),
        (
            "merge key",
            text("base: &b {voice_id: v}\n<<: *b\nprompt: x\n"),
        ),
        ("tag", text("prompt: !secret x\n")),
        ("key that is a list", text("? [a]\n: b\nprompt: x\n")),
        (
            "tab as indentation",
            text("prompt: x\nlabels:\n\tteam: a\n"),
        ),
        (
            "quote that is not closed",
            text("prompt: \"x\navatar_id: a\n"),
        ),
        ("bad indentation", text("prompt: x\n  avatar_id: a\n")),
        ("alias of nothing", text("prompt: *nothing\n")),
        ("alias bomb", bomb()),
        ("nested too deep", deep),
        (
            "documents without names",
            text("prompt: a\n---\nprompt: b\n"),
        ),
        ("name with a space", text("name: my video\nprompt: x\n")),
        ("name that climbs", text("name: ../x\nprompt: x\n")),
        ("empty file", text("")),
        ("nothing but a comment", text("# later\n")),
        ("empty document", text("name: a\nprompt: x\n---\n")),
        ("raw U+2028", text("prompt: a\u{2028}b\n")),
        ("raw U+0085", text("prompt: |\n  a\u{85}b\n")),
        ("byte-order mark inside", text("prompt: a\u{feff}b\n")),
        ("NUL", text("prompt: a\0b\n")),
        ("escape sequence", text("prompt: \u{1b}[2Jboo\n")),
        (
            "many at once",
            text("promt: x\nrevision: 0\norientation: up\n"),
        ),
    ];
    kinds.extend(prompt_files().map(|(kind, manifest)| (kind, text(manifest))));
    kinds
}

fn prompt_files() -> [(&'static str, &'static str); 9] {
    [
        ("two prompts", "prompt: x\nprompt_file: launch.md\n"),
        ("prompt file is missing", "prompt_file: missing.md\n"),
        (
            "prompt file out of the project",
            "prompt_file: ../../secret.txt\n",
        ),
        (
            "prompt file with an absolute path",
            "prompt_file: /etc/hostname\n",
        ),
        (
            "prompt file that would be a manifest",
            "prompt_file: launch.yaml\n",
        ),
        ("prompt file that is hidden", "prompt_file: ../.env\n"),
        ("prompt file is a number", "prompt_file: 7\n"),
        ("prompt file is empty text", "prompt_file: \"\"\n"),
        ("prompt file is a folder", "prompt_file: .\n"),
    ]
}

fn bomb() -> String {
    let mut text = "a: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let earlier = format!("*a{}", n - 1);
        let list = vec![earlier; 9].join(", ");
        text.push_str(&format!("b{n}: &a{n} [{list}]\n"));
    }
    text
}
