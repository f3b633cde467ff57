//! What a person chooses from where an attempt's outcome is not known, and what each choice means.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::table::write_table;
use super::{Paint, dollars, escape};
use crate::state::Attempt;

/// An attempt of unknown outcome, and the sessions it could be.
pub struct Choice<'a> {
    pub attempt: &'a Attempt,
    /// The one made nearest to the attempt first.
    pub possible: &'a [Possible],
    /// So many more were made less near to it.
    pub more: usize,
    /// HeyGen does not list its kind.
    pub incognito: bool,
    /// Dollars a new submission would cost, about.
    pub estimate_usd: f64,
}

/// A session that no record knows, with the attempt's prompt or one that can't be read yet.
#[derive(Debug, Clone)]
pub struct Possible {
    pub session_id: String,
    pub made: Timestamp,
    pub status: String,
    pub title: Option<String>,
    pub has_prompt: bool,
    pub video_id: Option<String>,
    pub video_page_url: Option<String>,
}

#[must_use]
pub fn choice_json(choice: &Choice<'_>) -> Value {
    let attempt = choice.attempt;
    let possible = choice.possible.iter().map(|p| {
        json!({
            "session_id": p.session_id,
            "created_at": p.made,
            "status": p.status,
            "title": p.title,
            "has_prompt": p.has_prompt,
            "video_id": p.video_id,
            "video_page_url": p.video_page_url,
        })
    });
    json!({
        "format_version": "1.0",
        "name": attempt.name,
        "hash": attempt.hash,
        "attempt": attempt.number,
        "phase": attempt.phase,
        "intent_at": sent(attempt),
        "failure": attempt.failure,
        "candidates": possible.collect::<Vec<_>>(),
        "more_candidates": choice.more,
    })
}

#[must_use]
pub fn choice_text(choice: &Choice<'_>, paint: Paint) -> String {
    let mut text = head(choice, paint);
    text.push('\n');
    text.push_str(&sessions(choice, paint));
    text.push('\n');
    text + &ways(choice)
}

fn head(choice: &Choice<'_>, paint: Paint) -> String {
    let attempt = choice.attempt;
    let name = paint.bold(&attempt.name);
    let why = attempt.failure.as_ref();
    let why = why.map_or_else(String::new, |f| format!(" ({})", escape(&f.message)));
    format!(
        "{name}: whether HeyGen took attempt {} of {} is not known{why}.\n\
         It was sent at {:.0} by HeyGen's clock. It is held: nothing is sent or paid meanwhile.\n",
        attempt.number,
        attempt.hash.short(),
        sent(attempt)
    )
}

fn sent(attempt: &Attempt) -> Timestamp {
    attempt.intent_at_heygen.unwrap_or(attempt.intent_at)
}

fn sessions(choice: &Choice<'_>, paint: Paint) -> String {
    if choice.possible.is_empty() {
        let hidden = match choice.incognito {
            true => " It is incognito, and HeyGen does not list such sessions: look at the app.",
            false => "",
        };
        return format!("HeyGen lists no session of that time that could be it.{hidden}\n");
    }
    let rows: Vec<_> = choice.possible.iter().map(|p| row(choice, p)).collect();
    let mut table = Vec::new();
    let head = [
        "SESSION",
        "MADE",
        "AFTER OURS WAS SENT",
        "STATUS",
        "PROMPT",
        "PAGE",
    ];
    // Writing to memory does not fail.
    let _ = write_table(&mut table, paint, head, &rows);
    let mut text = String::from_utf8_lossy(&table).into_owned();
    if choice.more > 0 {
        text.push_str(&format!("and {} more, made less near to it\n", choice.more));
    }
    text
}

fn row(choice: &Choice<'_>, possible: &Possible) -> [String; 6] {
    let page = possible.video_page_url.as_deref().unwrap_or("-");
    [
        escape(&possible.session_id).into_owned(),
        format!("{:.0}", possible.made),
        // Sessions are told to the second.
        format!(
            "{} s",
            possible.made.as_second() - sent(choice.attempt).as_second()
        ),
        escape(&possible.status).into_owned(),
        match possible.has_prompt {
            true => "ours".to_owned(),
            false => "not readable yet".to_owned(),
        },
        escape(page).into_owned(),
    ]
}

fn ways(choice: &Choice<'_>) -> String {
    let command = format!("reconcile state settle {}", choice.attempt.name);
    let price = dollars(choice.estimate_usd);
    let none = format!("{command} --not-sent\n    None is. The next apply sends it again and pays");
    match choice.possible {
        [] => format!(
            "{command} --adopt SESSION\n    HeyGen took it as this one. It is checked there first, and \
             costs nothing.\n{none} for it, about {price}.\n"
        ),
        some => format!(
            "{}{}    This one is. It is checked at HeyGen first and costs nothing. If it turns out \
             to be another,\n    the same command with the other session puts it right, at any time.\n\
             {none} about {price}: a second time, if one of these is ours.\n",
            which(some.len() + choice.more),
            adoptions(&command, some)
        ),
    }
}

/// What helps to tell them apart.
fn which(sessions: usize) -> String {
    match sessions {
        1 => String::new(),
        n => format!(
            "At most one of the {n} sessions is reconcile's: an attempt makes one, normally within \
             seconds. The others\nwere made by somebody else with the same prompt, and are left \
             alone: ask who made them.\n\n"
        ),
    }
}

fn adoptions(command: &str, possible: &[Possible]) -> String {
    let adopt = |p: &Possible| format!("{command} --adopt {}\n", escape(&p.session_id));
    possible.iter().map(adopt).collect()
}
