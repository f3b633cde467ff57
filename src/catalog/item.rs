//! One avatar, voice, style or brand kit, in one shape.

use serde::Serialize;

use crate::heygen::{AvatarLook, BrandKit, Style, Voice};
use crate::video::Spec;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Avatars,
    Voices,
    Styles,
    BrandKits,
}

/// Something an account may use. Texts are bounded; they are escaped where they are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Item {
    pub id: String,
    pub name: String,
    pub language: Option<String>,
    pub orientation: Option<String>,
    pub aspect_ratio: Option<String>,
    pub gender: Option<String>,
    #[serde(rename = "type")]
    pub variety: Option<String>,
    pub default_voice_id: Option<String>,
    pub tags: Vec<String>,
    pub preview_url: Option<String>,
}

/// Of an id: a manifest takes none that is longer.
const MAX_ID: usize = 256;
const MAX_TEXT: usize = 200;
const MAX_URL: usize = 2_000;
const MAX_TAGS: usize = 50;

impl Kind {
    pub const ALL: [Self; 4] = [Self::Avatars, Self::Voices, Self::Styles, Self::BrandKits];

    /// The field of a manifest that takes such an id.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Avatars => "avatar_id",
            Self::Voices => "voice_id",
            Self::Styles => "style_id",
            Self::BrandKits => "brand_kit_id",
        }
    }

    #[must_use]
    pub fn of_field(field: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.field() == field)
    }

    #[must_use]
    pub fn one(self) -> &'static str {
        match self {
            Self::Avatars => "avatar",
            Self::Voices => "voice",
            Self::Styles => "style",
            Self::BrandKits => "brand kit",
        }
    }

    #[must_use]
    pub fn many(self) -> &'static str {
        match self {
            Self::Avatars => "avatars",
            Self::Voices => "voices",
            Self::Styles => "styles",
            Self::BrandKits => "brand kits",
        }
    }

    /// As the command line has it.
    #[must_use]
    pub fn argument(self) -> &'static str {
        match self {
            Self::BrandKits => "brand-kits",
            other => other.many(),
        }
    }

    /// The id that a wish names.
    #[must_use]
    pub fn wished(self, spec: &Spec) -> Option<&str> {
        match self {
            Self::Avatars => spec.avatar_id.as_deref(),
            Self::Voices => spec.voice_id.as_deref(),
            Self::Styles => spec.style_id.as_deref(),
            Self::BrandKits => spec.brand_kit_id.as_deref(),
        }
    }
}

impl Item {
    /// Every word occurs, ignoring case, in id, name, language or tags.
    #[must_use]
    pub fn matches(&self, words: &[String]) -> bool {
        let language = self.language.iter();
        let texts: Vec<String> = [&self.id, &self.name]
            .into_iter()
            .chain(language)
            .chain(&self.tags)
            .map(|text| text.to_lowercase())
            .collect();
        words
            .iter()
            .map(|word| word.to_lowercase())
            .all(|word| texts.iter().any(|text| text.contains(&word)))
    }

    /// `None` if no manifest could name it.
    pub(super) fn bounded(self) -> Option<Self> {
        let usable = !self.id.is_empty()
            && self.id.chars().count() <= MAX_ID
            && !self
                .id
                .contains(|c: char| c.is_control() || c.is_whitespace());
        let text = |text: Option<String>| text.map(|t| cut(&t, MAX_TEXT));
        usable.then(|| Self {
            name: cut(&self.name, MAX_TEXT),
            language: text(self.language),
            orientation: text(self.orientation),
            aspect_ratio: text(self.aspect_ratio),
            gender: text(self.gender),
            variety: text(self.variety),
            default_voice_id: text(self.default_voice_id),
            tags: self
                .tags
                .iter()
                .take(MAX_TAGS)
                .map(|tag| cut(tag, MAX_TEXT))
                .collect(),
            preview_url: self.preview_url.filter(|url| url.len() <= MAX_URL),
            ..self
        })
    }
}

fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

impl From<AvatarLook> for Item {
    fn from(look: AvatarLook) -> Self {
        Self {
            id: look.id,
            name: look.name,
            orientation: look.preferred_orientation,
            gender: look.gender,
            variety: look.avatar_type,
            default_voice_id: look.default_voice_id,
            tags: look.tags.unwrap_or_default(),
            preview_url: look.preview_image_url,
            ..Self::default()
        }
    }
}

impl From<Voice> for Item {
    fn from(voice: Voice) -> Self {
        Self {
            id: voice.voice_id,
            name: voice.name,
            language: voice.language,
            gender: voice.gender,
            variety: voice.kind,
            preview_url: voice.preview_audio_url,
            ..Self::default()
        }
    }
}

impl From<Style> for Item {
    fn from(style: Style) -> Self {
        Self {
            id: style.style_id,
            name: style.name,
            aspect_ratio: style.aspect_ratio,
            tags: style.tags.unwrap_or_default(),
            preview_url: style.preview_video_url.or(style.thumbnail_url),
            ..Self::default()
        }
    }
}

impl From<BrandKit> for Item {
    fn from(kit: BrandKit) -> Self {
        Self {
            id: kit.brand_kit_id,
            name: kit.name,
            preview_url: kit.logo_url,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_to_occur_somewhere() {
        let item = Item {
            id: "Abigail_front".into(),
            name: "Abigail im Büro".into(),
            language: Some("German".into()),
            tags: vec!["Professional".into()],
            ..Item::default()
        };
        let matches = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|w| (*w).to_owned()).collect();
            item.matches(&words)
        };
        assert!(matches(&[]));
        assert!(matches(&["BÜRO", "german", "profess", "_FRONT"]));
        assert!(!matches(&["büro", "english"]));
    }

    #[test]
    fn what_no_manifest_could_name_is_left_out_and_long_texts_are_cut() {
        let named = |id: &str| Item {
            id: id.to_owned(),
            name: "n".repeat(9_999),
            tags: vec!["t".repeat(9_999); 99],
            preview_url: Some("u".repeat(9_999)),
            ..Item::default()
        };
        for id in ["", "a b", "a\u{7}", &"x".repeat(257)] {
            assert_eq!(named(id).bounded(), None, "{id:?}");
        }
        let bounded = named("x").bounded().unwrap();
        assert_eq!(bounded.name.len(), MAX_TEXT);
        assert_eq!(bounded.tags.len(), MAX_TAGS);
        assert_eq!(bounded.preview_url, None);
    }
}
