//! The hash every implementation must give, through the real loader with files on disk.

use std::fs;

use base64::Engine;
use reconcile::project::{Settings, load};
use reconcile::video::Spec;
use serde_json::Value;

fn vectors() -> Vec<Value> {
    let text = fs::read_to_string("tests/fixtures/hash-vectors.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_vector_gives_its_canonical_text_and_hash() {
    let vectors = vectors();
    assert!(vectors.len() >= 11);
    for vector in vectors {
        let what = vector["what"].as_str().unwrap();
        let root = tempfile::tempdir().unwrap();
        let videos = root.path().join("videos");
        fs::create_dir(&videos).unwrap();
        fs::write(videos.join("v.yaml"), vector["manifest"].as_str().unwrap()).unwrap();
        for (name, data) in vector["files"].as_object().into_iter().flatten() {
            let standard = base64::engine::general_purpose::STANDARD;
            let bytes = standard.decode(data.as_str().unwrap()).unwrap();
            fs::write(videos.join(name), bytes).unwrap();
        }
        let desired = load(
            root.path(),
            &Settings::default(),
            None,
            std::time::UNIX_EPOCH,
        );
        assert_eq!(desired.problems, [], "{what}");
        let wish = desired.wishes.values().next().unwrap();
        let spec = &wish.manifest.as_ref().unwrap().spec;
        assert_eq!(
            spec.canonical(),
            vector["canonical"].as_str().unwrap(),
            "{what}"
        );
        assert_eq!(
            wish.hash.to_string(),
            vector["hash"].as_str().unwrap(),
            "{what}"
        );
        assert_eq!(
            Spec::from_canonical(&spec.canonical()).unwrap(),
            *spec,
            "{what}"
        );
    }
}
