//! From a wish to the request body.

use crate::heygen::{CreateRequest, FileInput};
use crate::manifest::Manifest;
use crate::state::Recorded;
use crate::video::{FileSpec, Orientation};

/// The body that asks for a wish, or `None` while a file of it has not been uploaded.
pub(super) fn request(
    manifest: &Manifest,
    callback_url: Option<&str>,
    recorded: &Recorded,
) -> Option<CreateRequest> {
    let spec = &manifest.spec;
    let files = spec
        .files
        .iter()
        .map(|file| file_input(file, recorded))
        .collect::<Option<Vec<_>>>()?;
    Some(CreateRequest {
        prompt: spec.prompt.as_str().to_owned(),
        avatar_id: spec.avatar_id.clone(),
        voice_id: spec.voice_id.clone(),
        style_id: spec.style_id.clone(),
        brand_kit_id: spec.brand_kit_id.clone(),
        orientation: spec.orientation.map(orientation),
        files,
        incognito_mode: spec.incognito_mode,
        callback_url: callback_url.map(str::to_owned),
        callback_id: manifest.hash.to_string(),
    })
}

fn file_input(file: &FileSpec, recorded: &Recorded) -> Option<FileInput> {
    match file {
        FileSpec::Url { url } => Some(FileInput::Url { url: url.clone() }),
        FileSpec::Asset { asset_id } => Some(FileInput::Asset {
            asset_id: asset_id.clone(),
        }),
        FileSpec::Content { sha256, .. } => Some(FileInput::Asset {
            asset_id: recorded.assets.get(sha256)?.asset_id.clone(),
        }),
    }
}

fn orientation(orientation: Orientation) -> &'static str {
    match orientation {
        Orientation::Landscape => "landscape",
        Orientation::Portrait => "portrait",
    }
}
