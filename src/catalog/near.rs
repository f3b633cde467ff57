//! Which one was probably meant.

use super::Item;

/// Distances of longer texts are not taken: they are quadratic, and such an id is no slip.
const MAX_COMPARED: usize = 256;
/// As Jaro and Winkler have it: 1 is the same.
const NEAR: f64 = 0.85;

/// The item whose id or name is nearest to what was written, if one is near.
#[must_use]
pub fn nearest<'a>(written: &str, items: &'a [Item]) -> Option<&'a Item> {
    let written = written.to_lowercase();
    if written.len() > MAX_COMPARED {
        return None;
    }
    let near = items
        .iter()
        .map(|item| (likeness(&written, item), item))
        .filter(|(likeness, _)| *likeness >= NEAR);
    // The first of several that are as near.
    near.reduce(|best, one| if one.0 > best.0 { one } else { best })
        .map(|(_, item)| item)
}

/// Also a name, with its white space or what is written in its place, because no id has any.
fn likeness(written: &str, item: &Item) -> f64 {
    let name = item.name.to_lowercase();
    let joined = |by: &str| name.split_whitespace().collect::<Vec<_>>().join(by);
    let texts = [
        item.id.to_lowercase(),
        joined(" "),
        joined("_"),
        joined("-"),
    ];
    texts
        .iter()
        .map(|text| strsim::jaro_winkler(written, text))
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, name: &str) -> Item {
        Item {
            id: id.to_owned(),
            name: name.to_owned(),
            ..Item::default()
        }
    }

    #[test]
    fn a_slip_of_the_id_or_a_name_finds_it_and_nothing_else_does() {
        let items = [
            item("Abigail_standing_office_front", "Abigail in the office"),
            item("1bd001e7e50f421d891986aad5158bc8", "Sara"),
        ];
        let near = |written: &str| nearest(written, &items).map(|i| i.name.as_str());
        assert_eq!(
            near("abigail_standing_ofice_front"),
            Some("Abigail in the office")
        );
        assert_eq!(near("Abigail-in-the-office"), Some("Abigail in the office"));
        assert_eq!(near("sara"), Some("Sara"));
        assert_eq!(near("zzz"), None);
        assert_eq!(near(&"a".repeat(9_999)), None);
    }
}
