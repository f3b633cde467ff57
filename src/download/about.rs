//! What is told of films beside them: `<name>.json`, and `index.json` of all.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::film::seen;
use super::folder::{Folder, FolderError};
use super::names::{INDEX, Kind, Place};
use super::survey::Wished;
use crate::state::{Attempt, FileRecord, Recorded, Stored};

const FORMAT_VERSION: &str = "1.0";

impl FileRecord {
    pub(super) fn sidecar(&self, kind: Kind) -> Option<&Stored> {
        match kind {
            Kind::Film => Some(&self.film),
            Kind::Subtitles => self.subtitles.as_ref(),
            Kind::Captioned => self.captioned.as_ref(),
            Kind::Thumbnail => self.thumbnail.as_ref(),
        }
    }
}

/// Paths are from the downloads folder.
fn about(file: &FileRecord, attempt: Option<&Attempt>, labels: &BTreeMap<String, String>) -> Value {
    let place = Place::of(&file.name);
    let path = |kind| {
        let stored = file.sidecar(kind);
        stored.map(|_| place.path(&place.file(kind)))
    };
    json!({
        "name": file.name,
        "hash": file.attempt.hash,
        "labels": labels,
        "duration_s": attempt.and_then(|a| a.duration_s),
        "video_page_url": attempt.and_then(|a| a.video_page_url.as_deref()),
        "completed_at": attempt.and_then(|a| a.completed_at),
        "sha256": file.film.sha256,
        "bytes": file.film.bytes,
        "film": path(Kind::Film),
        "subtitles": path(Kind::Subtitles),
        "captioned": path(Kind::Captioned),
        "thumbnail": path(Kind::Thumbnail),
    })
}

/// Tells of one film, beside it.
pub(super) fn write(
    folder: &Folder,
    file: &FileRecord,
    attempt: &Attempt,
    labels: Option<&BTreeMap<String, String>>,
) -> Result<(), FolderError> {
    let name = Place::of(&file.name).about();
    let labels = match labels {
        Some(labels) => labels.clone(),
        None => labels_told(folder, &name)?,
    };
    let mut value = about(file, Some(attempt), &labels);
    value["format_version"] = json!(FORMAT_VERSION);
    folder.spare(&name, is_about)?;
    folder.write(&name, pretty(&value).as_bytes())
}

/// The labels a manifest had when it was last there.
fn labels_told(folder: &Folder, name: &str) -> Result<BTreeMap<String, String>, FolderError> {
    let told = folder.read(name)?;
    let told = told.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let labels = told.and_then(|told| serde_json::from_value(told["labels"].clone()).ok());
    Ok(labels.unwrap_or_default())
}

/// Tells of all films that are there whole, by name.
pub(super) fn write_index(
    root: &Folder,
    recorded: &Recorded,
    wished: &Wished,
) -> Result<(), FolderError> {
    let mut films = Vec::new();
    for file in recorded.files.values() {
        let place = Place::of(&file.name);
        let Ok(Some(folder)) = root.below(&place.folders) else {
            continue;
        };
        // One that can't be looked at keeps nobody from the others.
        let Ok(Some(_)) = seen(&folder, &place.file(Kind::Film), &file.film) else {
            continue;
        };
        let labels = match wished.get(&file.name) {
            Some(labels) => labels.clone(),
            None => labels_told(&folder, &place.about()).unwrap_or_default(),
        };
        let mut film = about(file, recorded.attempt(&file.attempt), &labels);
        film["orphan"] = json!(!wished.contains_key(&file.name));
        films.push(film);
    }
    let index = json!({"format_version": FORMAT_VERSION, "films": films});
    root.spare(INDEX, is_index)?;
    root.write(INDEX, pretty(&index).as_bytes())
}

/// Whether it tells of a film, of whichever name: files are taken along.
pub(super) fn is_about(bytes: &[u8]) -> bool {
    let keys = ["format_version", "name", "hash", "sha256"];
    told(bytes).is_some_and(|told| keys.iter().all(|key| told[*key].is_string()))
}

fn is_index(bytes: &[u8]) -> bool {
    told(bytes).is_some_and(|told| told["format_version"].is_string() && told["films"].is_array())
}

fn told(bytes: &[u8]) -> Option<Value> {
    let told = serde_json::from_slice::<Value>(bytes).ok();
    told.filter(Value::is_object)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
