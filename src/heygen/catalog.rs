//! What the account may use: avatars, voices, styles and brand kits, a page at a time.

use serde::Deserialize;

use super::reader::{LIMIT, Listed, ReadError, Reader};

/// The largest page of avatar looks. Source: HeyGen's reference.
const AVATAR_LIMIT: (&str, &str) = ("limit", "50");

#[derive(Debug, Clone, Deserialize)]
pub struct AvatarLook {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub avatar_type: Option<String>,
    #[serde(default)]
    pub gender: Option<String>,
    #[serde(default)]
    pub default_voice_id: Option<String>,
    #[serde(default)]
    pub preferred_orientation: Option<String>,
    #[serde(default)]
    pub preview_image_url: Option<String>,
    #[serde(default)]
    pub tags: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Voice {
    pub voice_id: String,
    pub name: String,
    #[serde(default)]
    pub language: Option<String>,
    #[serde(default)]
    pub gender: Option<String>,
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub preview_audio_url: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Style {
    pub style_id: String,
    pub name: String,
    #[serde(default)]
    pub aspect_ratio: Option<String>,
    #[serde(default)]
    pub thumbnail_url: Option<String>,
    #[serde(default)]
    pub preview_video_url: Option<String>,
    #[serde(default)]
    pub tags: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct BrandKit {
    pub brand_kit_id: String,
    pub name: String,
    #[serde(default)]
    pub logo_url: Option<String>,
}

impl Reader {
    /// Public ones and the account's own.
    pub async fn avatar_looks(&self, token: Option<&str>) -> Result<Listed<AvatarLook>, ReadError> {
        self.list("/v3/avatars/looks", &[AVATAR_LIMIT], token).await
    }

    /// `kind` is `public` or `private`; HeyGen lists them apart.
    pub async fn voices(
        &self,
        kind: &str,
        token: Option<&str>,
    ) -> Result<Listed<Voice>, ReadError> {
        self.list("/v3/voices", &[LIMIT, ("type", kind)], token)
            .await
    }

    pub async fn styles(&self, token: Option<&str>) -> Result<Listed<Style>, ReadError> {
        self.list("/v3/video-agents/styles", &[LIMIT], token).await
    }

    pub async fn brand_kits(&self, token: Option<&str>) -> Result<Listed<BrandKit>, ReadError> {
        self.list("/v3/brand-kits", &[LIMIT], token).await
    }
}
