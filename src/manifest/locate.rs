//! Where a field of one wish stands in its file.

use super::node::{Key, Node, Span, Value};
use super::problem::Place;
use super::source::Source;
use super::yaml;
use crate::video::Name;

/// The place of what HeyGen calls `param` (`avatar_id`, `files.0.url`, `files[0]`): the item or
/// value if it stands there, else the nearest that does, at last the document itself.
#[must_use]
pub fn locate(source: &Source<'_>, name: &Name, param: &str) -> Option<Place> {
    let documents = yaml::documents(source).ok()?;
    let document = match documents.as_slice() {
        [only] => only,
        several => several.iter().find(|d| is_called(d, name))?,
    };
    let mut steps = param.split(['.', '[', ']']).filter(|step| !step.is_empty());
    let span = match field(document, steps.next()?) {
        Some((key, value)) => within(value, steps).unwrap_or_else(|| shown(key, value)),
        None => document.span,
    };
    Some(source.place(span.line, span.column, span.width))
}

fn is_called(document: &Node, name: &Name) -> bool {
    matches!(
        field(document, "name"),
        Some((_, Node { value: Value::Scalar(s), .. })) if *s.text == *name.as_str()
    )
}

fn field<'n>(node: &'n Node, name: &str) -> Option<(&'n Key, &'n Node)> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let mut named = entries.iter().filter(|(key, _)| &*key.text == name);
    named.next().map(|(key, value)| (key, value))
}

/// The innermost value that the steps lead to.
fn within<'s>(value: &Node, mut steps: impl Iterator<Item = &'s str>) -> Option<Span> {
    let step = steps.next()?;
    let (span, inner) = match &value.value {
        Value::List(items) => {
            let item = items.get(step.parse::<usize>().ok()?)?;
            (item.span, item)
        }
        _ => {
            let (key, inner) = field(value, step)?;
            (shown(key, inner), inner)
        }
    };
    Some(within(inner, steps).unwrap_or(span))
}

/// Long texts are meant by their key.
fn shown(key: &Key, value: &Node) -> Span {
    match value.span.line == key.span.line && matches!(value.value, Value::Scalar(_)) {
        true => value.span,
        false => key.span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, name: &str, param: &str) -> Option<(usize, usize)> {
        let source = Source::new("a.yaml".into(), text.as_bytes()).unwrap();
        let place = locate(&source, &Name::parse(name).unwrap(), param)?;
        Some((place.line, place.column))
    }

    #[test]
    fn a_field_is_found_in_its_document() {
        let text = "prompt: |\n  Hi\navatar_id: x\nfiles:\n  - url: https://a\n  - asset_id: b\n";
        for (param, place) in [
            ("avatar_id", (3, 12)),
            ("prompt", (1, 1)),
            ("files", (4, 1)),
            ("files.1", (6, 5)),
            ("files[1].asset_id", (6, 15)),
            ("files.7", (4, 1)),
            ("voice_id", (1, 1)),
        ] {
            assert_eq!(at(text, "a", param), Some(place), "{param}");
        }
        let two = "name: a\nprompt: A\n---\nname: b\nprompt: B\nvoice_id: v\n";
        assert_eq!(at(two, "b", "voice_id"), Some((6, 11)));
        assert_eq!(at(two, "c", "voice_id"), None);
        assert_eq!(at("a: [", "a", "a"), None);
        assert_eq!(at("a: b", "a", ""), None);
    }
}
