//! The rules about films: whole or absent at any time, and after the storm there, each its take's.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::evidence::string;
use crate::films::{files, is_hidden, not_whole, whose};
use crate::process::{finish, signal, spawn};
use crate::tally::count;
use crate::world::World;

/// A watch tries again what failed with its resync; in the calm nothing fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// However a download ended, what can be seen is whole.
pub fn none_is_half(world: &mut World) {
    let found = files(&world.project.path("downloads"));
    if found.keys().any(|path| is_hidden(path)) {
        count("films left half, out of sight");
    }
    let halves = not_whole(&found);
    if !halves.is_empty() {
        world.broke("no film is seen before it is whole", halves.join(", "));
    }
}

/// Each finished video that is wished has its film, as the record tells of it; where a watch fetches,
/// nothing is left for a download to fetch.
pub fn are_whole(world: &mut World) {
    if world.fetches {
        fetched_by_watch(world);
    }
    let before = fetches(world);
    let child = spawn(world.project.command(&["download", "-q"]));
    let ran = finish(world, "download in the calm", child);
    none_is_half(world);
    for video in finished(world) {
        let lacks = lacks(world, &video);
        if let Some(lacks) = lacks {
            world.broke("every film is whole", format!("{lacks}: {video}, {ran:#?}"));
        }
        let id = string(&video["video_id"]);
        if world.fetches && fetches(world).get(&id) != before.get(&id) {
            world.broke("a watch leaves no film to fetch", &video);
        }
    }
}

fn fetched_by_watch(world: &mut World) {
    let child = spawn(world.project.command(&["watch", "--format", "json", "-q"]));
    let begun = Instant::now();
    let mut lacking = true;
    while lacking && begun.elapsed() < PATIENCE {
        lacking = finished(world).iter().any(|v| lacks(world, v).is_some());
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&child, "-TERM");
    let ran = finish(world, "watch in the calm", child);
    match lacking {
        true => world.broke("a watch fetches every film", format!("{ran:#?}")),
        false => count("films fetched by a watch in the calm"),
    }
}

/// What is wished and finished, as `status` tells it.
fn finished(world: &World) -> Vec<Value> {
    let mut videos = world.project.status();
    let wished = |v: &Value| world.wishes.now.contains_key(&string(&v["name"]));
    videos.retain(|v| v["phase"] == "completed" && wished(v));
    videos
}

/// What is missing of its film.
fn lacks(world: &World, video: &Value) -> Option<&'static str> {
    let file = |ending: &str| {
        let path = format!("downloads/{}.{ending}", string(&video["name"]));
        fs::read(world.project.path(&path))
    };
    let Ok(film) = file("mp4") else {
        return Some("there is no film");
    };
    let about = file("json").ok();
    let about: Option<Value> = about.and_then(|text| serde_json::from_slice(&text).ok());
    let recorded = &video["file"];
    let mark = format!("{}/video.mp4", string(&video["video_id"]));
    if whose(&film).is_none_or(|whose| whose != mark) {
        Some("it is another video's")
    } else if recorded["bytes"].as_u64() != u64::try_from(film.len()).ok() {
        Some("the record tells another size")
    } else if string(&recorded["sha256"]) != hex::encode(Sha256::digest(&film)) {
        Some("the record tells another sum")
    } else if about.is_none_or(|about| about["hash"] != video["hash"]) {
        Some("what lies beside it tells of another take")
    } else {
        None
    }
}

/// How often each film was asked for.
fn fetches(world: &World) -> BTreeMap<String, usize> {
    let mut fetches = BTreeMap::new();
    for request in world.heygen.requests() {
        let path = string(&request["path"]);
        let id = path
            .strip_prefix("/files/")
            .and_then(|p| p.split('/').next());
        if let Some(id) = id {
            *fetches.entry(id.to_owned()).or_default() += 1;
        }
    }
    fetches
}
