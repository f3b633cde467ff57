//! How prompts are compared.

use unicode_normalization::UnicodeNormalization;

/// The form in which prompts are compared when a lost answer is looked for: after NFC, with runs of
/// white space as one. Two prompts alike in this form could be mistaken for each other.
#[must_use]
pub fn prompt_key(prompt: &str) -> String {
    let mut key = String::with_capacity(prompt.len());
    for word in prompt.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        key.extend(word.nfc());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_that_differ_in_white_space_or_normal_form_are_one() {
        assert_eq!(prompt_key(" a\n\u{a0}b  c"), "a b c");
        assert_eq!(prompt_key("e\u{301}"), prompt_key("\u{e9}"));
        assert_ne!(prompt_key("a b"), prompt_key("ab"));
    }
}
