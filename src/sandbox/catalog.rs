//! What the account may use: a few plausible avatars, voices, styles and brand kits, by their ids.

use serde_json::{Value, json};

use super::check::{Checked, refuse};
use super::received::Received;

type Entries = Vec<(&'static str, Value)>;

const SARA: &str = "1bd001e7e50f421d891986aad5158bc8";

pub(super) fn avatars() -> Entries {
    let look = |id, name, gender, orientation| {
        let entry = json!({
            "id": id, "name": name, "avatar_type": "studio_avatar", "gender": gender,
            "default_voice_id": SARA, "preferred_orientation": orientation,
            "preview_image_url": null, "status": "active", "tags": ["professional"],
        });
        (id, entry)
    };
    vec![
        look(
            "Abigail_standing_office_front",
            "Abigail in the office",
            "female",
            "landscape",
        ),
        look(
            "Marcus_sitting_sofa_front",
            "Marcus on the sofa",
            "male",
            "landscape",
        ),
        look(
            "Iker_standing_street_portrait",
            "Iker in the street",
            "male",
            "portrait",
        ),
    ]
}

/// Those a request asks for. All of them are public.
pub(super) fn voices(received: &Received) -> Entries {
    voices_of(received.parameter("language"))
}

fn voices_of(wanted: Option<&str>) -> Entries {
    let voices = [
        (SARA, "Sara", "English", "female"),
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
    ];
    let spoken = |language: &str| wanted.is_none_or(|w| w.eq_ignore_ascii_case(language));
    let voices = voices
        .into_iter()
        .filter(|(_, _, language, _)| spoken(language));
    let entry = |(id, name, language, gender): (&'static str, _, _, _)| {
        let entry = json!({
            "voice_id": id, "name": name, "language": language, "gender": gender,
            "type": "public", "preview_audio_url": null,
        });
        (id, entry)
    };
    voices.map(entry).collect()
}

pub(super) fn styles(received: &Received) -> Entries {
    styles_of(received.parameter("tag"))
}

fn styles_of(wanted: Option<&str>) -> Entries {
    let style = |id, name, tag: &str| {
        let entry = json!({
            "style_id": id, "name": name, "aspect_ratio": "16:9",
            "thumbnail_url": null, "preview_video_url": null, "tags": [tag],
        });
        (wanted.is_none_or(|w| w == tag), (id, entry))
    };
    let styles = [
        style("cinematic_noir", "Cinematic noir", "cinematic"),
        style("warm_paper", "Warm paper", "handmade"),
    ];
    let tagged = styles.into_iter().filter(|(fits, _)| *fits);
    tagged.map(|(_, entry)| entry).collect()
}

pub(super) fn brand_kits() -> Entries {
    let entry = json!({"brand_kit_id": "bk_lumen", "name": "Lumen", "logo_url": null});
    vec![("bk_lumen", entry)]
}

/// Whether the ids that a submission names are in the catalogue.
pub(super) fn check_ids(request: &Value) -> Checked {
    for (field, entries) in [
        ("avatar_id", avatars()),
        ("voice_id", voices_of(None)),
        ("style_id", styles_of(None)),
        ("brand_kit_id", brand_kits()),
    ] {
        let known = |id: &str| entries.iter().any(|(known, _)| *known == id);
        if request[field].as_str().is_some_and(|id| !known(id)) {
            return refuse(field, "there is nothing of this id");
        }
    }
    Ok(())
}
