//! What the account may use: a few plausible avatars, voices, styles and brand kits.

use serde_json::{Value, json};

pub(super) fn avatars() -> Vec<Value> {
    [
        (
            "Abigail_standing_office_front",
            "Abigail in the office",
            "female",
            "landscape",
        ),
        (
            "Marcus_sitting_sofa_front",
            "Marcus on the sofa",
            "male",
            "landscape",
        ),
        (
            "Iker_standing_street_portrait",
            "Iker in the street",
            "male",
            "portrait",
        ),
    ]
    .into_iter()
    .map(|(id, name, gender, orientation)| {
        json!({
            "id": id, "name": name, "avatar_type": "studio_avatar", "gender": gender,
            "default_voice_id": "1bd001e7e50f421d891986aad5158bc8",
            "preferred_orientation": orientation, "preview_image_url": null,
            "status": "active", "tags": ["professional"],
        })
    })
    .collect()
}

pub(super) fn voices() -> Vec<Value> {
    [
        (
            "1bd001e7e50f421d891986aad5158bc8",
            "Sara",
            "English",
            "female",
        ),
        (
            "73c0b6a2e29d4d38aca41454bf58c955",
            "Paul",
            "English",
            "male",
        ),
        (
            "9f2c1d5be4b84b5f9b7cc1cbe9f6a111",
            "Lena",
            "German",
            "female",
        ),
    ]
    .into_iter()
    .map(|(id, name, language, gender)| {
        json!({
            "voice_id": id, "name": name, "language": language, "gender": gender,
            "type": "public", "preview_audio_url": null,
        })
    })
    .collect()
}

pub(super) fn styles() -> Vec<Value> {
    [
        ("cinematic_noir", "Cinematic noir", "16:9"),
        ("warm_paper", "Warm paper", "16:9"),
    ]
    .into_iter()
    .map(|(id, name, ratio)| {
        json!({
            "style_id": id, "name": name, "aspect_ratio": ratio,
            "thumbnail_url": null, "preview_video_url": null, "tags": [],
        })
    })
    .collect()
}

pub(super) fn brand_kits() -> Vec<Value> {
    vec![json!({"brand_kit_id": "bk_lumen", "name": "Lumen", "logo_url": null})]
}
