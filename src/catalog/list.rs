//! Reading a whole list.

use super::{Item, Kind};
use crate::heygen::{Listed, ReadError, Reader};
use crate::patience::patiently;

/// A list that does not end within so many pages can't be judged.
const MAX_PAGES: usize = 200;

/// Everything of a kind that the account may use, in HeyGen's order; of voices its own first.
pub async fn list(reader: &Reader, kind: Kind) -> Result<Vec<Item>, ReadError> {
    match kind {
        Kind::Avatars => pages(kind, async |token| reader.avatar_looks(token).await).await,
        Kind::Styles => pages(kind, async |token| reader.styles(token).await).await,
        Kind::BrandKits => pages(kind, async |token| reader.brand_kits(token).await).await,
        Kind::Voices => {
            let mut voices = Vec::new();
            for own in ["private", "public"] {
                voices.extend(pages(kind, async |token| reader.voices(own, token).await).await?);
            }
            Ok(voices)
        }
    }
}

async fn pages<T: Into<Item>>(
    kind: Kind,
    read: impl AsyncFn(Option<&str>) -> Result<Listed<T>, ReadError>,
) -> Result<Vec<Item>, ReadError> {
    let mut items = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let page = patiently(|| read(token.as_deref())).await?;
        items.extend(page.items.into_iter().filter_map(|i| i.into().bounded()));
        match page.next {
            Some(next) => token = Some(next),
            None => return Ok(items),
        }
    }
    Err(ReadError::Shape(format!(
        "the list of {} does not end within {MAX_PAGES} pages",
        kind.many()
    )))
}
