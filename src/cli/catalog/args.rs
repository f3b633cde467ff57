//! The arguments of `reconcile catalog`.

use clap::{Args, ValueEnum};

use crate::catalog::Kind;

#[derive(Debug, Args)]
pub(in crate::cli) struct CatalogArgs {
    /// What to list
    #[arg(value_name = "KIND", value_enum)]
    pub(super) kind: Listing,
    /// Only those with every one of these words in id, name, language or tags
    #[arg(long, value_name = "WORDS", num_args = 1..)]
    pub(super) search: Vec<String>,
    /// Ask the local stand-in for HeyGen
    #[arg(long)]
    pub(super) sandbox: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Listing {
    /// For `avatar_id`
    Avatars,
    /// For `voice_id`
    Voices,
    /// For `style_id`
    Styles,
    /// For `brand_kit_id`
    BrandKits,
}

impl CatalogArgs {
    pub(super) fn words(&self) -> Vec<String> {
        let words = self.search.iter().flat_map(|text| text.split_whitespace());
        words.map(str::to_owned).collect()
    }
}

impl From<Listing> for Kind {
    fn from(listing: Listing) -> Self {
        match listing {
            Listing::Avatars => Self::Avatars,
            Listing::Voices => Self::Voices,
            Listing::Styles => Self::Styles,
            Listing::BrandKits => Self::BrandKits,
        }
    }
}
