//! The known word that was probably meant.

/// The nearest of `known`, if one is near enough to be a slip.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    // A hostile key may be long, and distances are quadratic.
    if word.len() > 64 {
        return None;
    }
    let allowed = (word.len() / 3).clamp(1, 3);
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
        .or_else(|| by_sense(&word).filter(|field| known.contains(field)))
}

/// Words people use for a field that has another name.
fn by_sense(word: &str) -> Option<&'static str> {
    Some(match word {
        "avatar" => "avatar_id",
        "voice" => "voice_id",
        "style" => "style_id",
        "brand" | "brand_kit" => "brand_kit_id",
        "script" | "text" => "prompt",
        "aspect_ratio" | "format" => "orientation",
        "attachments" | "assets" => "files",
        "webhook" | "webhook_url" => "callback_url",
        "incognito" => "incognito_mode",
        "tags" => "labels",
        "version" | "take" => "revision",
        "file" | "src" => "path",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_slips_and_synonyms_but_no_guesses() {
        let known = ["avatar_id", "voice_id", "prompt", "files"];
        assert_eq!(nearest("avatr_id", &known), Some("avatar_id"));
        assert_eq!(nearest("Prompt", &known), Some("prompt"));
        assert_eq!(nearest("voice", &known), Some("voice_id"));
        assert_eq!(nearest("webhook", &known), None);
        assert_eq!(nearest("colour", &known), None);
    }
}
