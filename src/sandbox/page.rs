//! Lists, a page at a time.

use serde_json::Value;

use super::answer::Answer;
use super::received::Received;

/// What a list request may ask for.
pub(super) struct Paging {
    pub(super) default: usize,
    pub(super) most: usize,
}

/// Answers with one page of `items`. The token is the `key` of the last item of the page before, so
/// that what is added at the front meanwhile neither hides nor repeats anything.
pub(super) fn page<T>(
    items: &[T],
    received: &Received,
    paging: &Paging,
    key: impl Fn(&T) -> &str,
    show: impl Fn(&T) -> Value,
) -> Answer {
    let limit = match received.parameter("limit").map(str::parse::<usize>) {
        None => paging.default,
        Some(Ok(n)) if (1..=paging.most).contains(&n) => n,
        Some(_) => return Answer::invalid("limit", &format!("must be 1 to {}", paging.most)),
    };
    let from = match received.parameter("token") {
        None => 0,
        Some(token) => match items.iter().position(|i| token_of(key(i)) == token) {
            Some(at) => at + 1,
            None => return Answer::invalid("token", "not a token of this list"),
        },
    };
    let here = &items[from..items.len().min(from.saturating_add(limit))];
    let more = from + here.len() < items.len();
    let next = here.last().filter(|_| more).map(|i| token_of(key(i)));
    Answer::page(&here.iter().map(show).collect::<Vec<_>>(), next.as_deref())
}

/// Opaque, so that nobody takes it for an id.
fn token_of(key: &str) -> String {
    hex::encode(key)
}
