//! What lies in a downloads folder, whether it is whole, and whose it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What a film is made of: in it and behind it stands whose it is.
const FILM: &[u8] = include_bytes!("../../src/sandbox/assets/video.mp4");

/// A film of a video, as the sandbox serves it: no two have the same.
pub fn film(video_id: &str, file: &str) -> Vec<u8> {
    let mut marked = b"\0\0\0\x48free".to_vec();
    marked.extend_from_slice(format!("{video_id}/{file}").as_bytes());
    marked.resize(0x48, 0);
    [&FILM[..32], &marked, &FILM[0x68..], &marked].concat()
}

/// The video and the file of it, as `VIDEO_ID/FILE`, if that is what this is, whole.
pub fn whose(content: &[u8]) -> Option<String> {
    let marked = content.last_chunk::<64>()?;
    let mark = str::from_utf8(marked).ok()?.trim_end_matches('\0');
    let (video_id, file) = mark.split_once('/')?;
    (film(video_id, file) == content).then(|| mark.to_owned())
}

/// Every file below a folder with its content, by path; links are not followed.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    collect(folder, "", &mut found);
    found
}

fn collect(folder: &Path, below: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let path = format!("{below}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => collect(&entry.path(), &format!("{path}/"), found),
            kind if kind.is_symlink() => drop(found.insert(path, b"a link".to_vec())),
            _ => drop(found.insert(path, fs::read(entry.path()).unwrap())),
        }
    }
}

/// The files that can be seen and are not whole.
pub fn not_whole(files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let seen = files.iter().filter(|(path, _)| !is_hidden(path));
    let halves = seen.filter(|(path, content)| match path.rsplit_once('.') {
        Some((_, "mp4")) => whose(content).is_none(),
        Some((_, "json")) => serde_json::from_slice::<Value>(content).is_err(),
        _ => false,
    });
    halves
        .map(|(path, content)| format!("{path} has {} bytes", content.len()))
        .collect()
}

/// What a kill may leave, and the next download goes on with.
pub fn is_hidden(path: &str) -> bool {
    let kinds = ["part", "note", "new", "old", "placed"];
    kinds
        .iter()
        .any(|kind| path.ends_with(&format!(".reconcile-{kind}")))
}
