//! Lists, a page at a time: the cursor stands beside the data.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;

/// What a list request may ask for.
pub(super) struct Paging {
    pub(super) default: usize,
    pub(super) most: usize,
}

/// Answers with one page of `items`; the token is the position of its first item.
pub(super) fn page(items: &[Value], query: &[(String, String)], paging: &Paging) -> Answer {
    let value = |name: &str| {
        query
            .iter()
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.as_str())
    };
    let limit = match value("limit").map(str::parse::<usize>) {
        None => paging.default,
        Some(Ok(n)) if (1..=paging.most).contains(&n) => n,
        Some(_) => return Answer::invalid("limit", &format!("must be 1 to {}", paging.most)),
    };
    let from = match value("token").map(|t| t.strip_prefix("page-").unwrap_or("").parse()) {
        None => 0_usize,
        Some(Ok(n)) => n,
        Some(Err(_)) => return Answer::invalid("token", "not a token of this list"),
    };
    let data: Vec<_> = items.iter().skip(from).take(limit).cloned().collect();
    let more = items.len() > from + data.len();
    let next = more.then(|| format!("page-{}", from + limit));
    Answer::json(
        StatusCode::OK,
        json!({"data": data, "has_more": more, "next_token": next}),
    )
}
