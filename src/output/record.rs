//! Everything known of one name, for people.

use std::io::{self, Write};

use jiff::Timestamp;

use super::{Paint, escape};
use crate::plan::canonical_yaml;
use crate::state::{Attempt, Failure, Record};
use crate::video::Spec;

/// A record and all that belongs to it.
pub struct RecordView<'a> {
    pub record: &'a Record,
    /// As it was submitted.
    pub spec: Option<&'a Spec>,
    pub attempts: &'a [&'a Attempt],
    /// The finished video it has.
    pub finished: Option<&'a Attempt>,
}

pub fn write_record(out: &mut dyn Write, view: &RecordView<'_>, paint: Paint) -> io::Result<()> {
    let record = view.record;
    writeln!(out, "{}", paint.bold(&record.name))?;
    let previous = record.previous.map(|h| h.short());
    let from = record.moved_from.as_ref().map(ToString::to_string);
    let protected = record
        .protected
        .then(|| "by its label `prune: never`".to_owned());
    for (field, value) in [
        ("manifest", Some(record.path.clone())),
        ("hash", Some(record.hash.to_string())),
        ("since", Some(time(record.since))),
        ("before", previous),
        ("moved from", from),
        ("protected", protected),
        ("finished", view.finished.map(finished)),
    ] {
        line(out, field, value)?;
    }
    match view.spec {
        Some(spec) => {
            writeln!(out, "  submitted as")?;
            for text in canonical_yaml(spec).lines() {
                writeln!(out, "    {}", escape(text))?;
            }
        }
        None => line(out, "submitted as", Some("(the text is not there)".into()))?,
    }
    for attempt in view.attempts {
        write_attempt(out, record, attempt, paint)?;
    }
    Ok(())
}

fn finished(attempt: &Attempt) -> String {
    let page = attempt
        .video_page_url
        .as_ref()
        .or(attempt.video_id.as_ref());
    let page = page.map_or("-", String::as_str);
    format!(
        "{page} (attempt {} of {})",
        attempt.number,
        attempt.hash.short()
    )
}

fn write_attempt(
    out: &mut dyn Write,
    record: &Record,
    attempt: &Attempt,
    paint: Paint,
) -> io::Result<()> {
    let head = format!("attempt {} of {}", attempt.number, attempt.hash.short());
    let phase = attempt.phase.as_str();
    writeln!(out, "  {}: {phase}", paint.bold(head))?;
    let failure = attempt.failure.as_ref();
    for (field, value) in [
        (
            "for",
            (attempt.name != record.name).then(|| attempt.name.to_string()),
        ),
        ("intent", Some(time(attempt.intent_at))),
        ("sent", attempt.intent_at_heygen.map(heygen_time)),
        ("ended", attempt.answered_at.map(request_end)),
        ("session", attempt.session_id.clone()),
        (
            "adopted by",
            attempt.adopted_by.map(|by| by.in_words().to_owned()),
        ),
        ("video", attempt.video_id.clone()),
        ("finished", attempt.completed_at.map(time)),
        ("length", attempt.duration_s.map(|s| format!("{s} s"))),
        ("page", attempt.video_page_url.clone()),
        ("webhook to", attempt.callback_url.clone()),
        ("why", failure.map(|f| why(attempt, f))),
    ] {
        line_below(out, field, value)?;
    }
    if attempt.phase.is_unsettled() {
        writeln!(out, "{}", ways_out(attempt))?;
    }
    Ok(())
}

/// What to do about an attempt whose outcome is not known, and what each way costs.
pub fn ways_out(attempt: &Attempt) -> String {
    let settle = format!("      reconcile state settle {}", attempt.name);
    let mut text = format!(
        "    whether HeyGen took it is not known; it is held, and nothing is sent or paid meanwhile\n    \
         the next apply asks HeyGen again; to decide it yourself:\n\
         {settle}  # shows what it could be, changes nothing\n"
    );
    let placeholder = ["SESSION".to_owned()];
    let sessions = match attempt.candidates.as_slice() {
        [] => &placeholder,
        some => some,
    };
    for session in sessions {
        let session = escape(session);
        text += &format!("{settle} --adopt {session}  # it is this one: costs nothing\n");
    }
    text + &format!("{settle} --not-sent  # it is none: the next apply sends it again and pays")
}

fn time(at: Timestamp) -> String {
    format!("{at:.0}")
}

fn request_end(at: Timestamp) -> String {
    format!("{} (the request, not the video)", time(at))
}

/// Of what is unknown the code is for programs alone.
fn why(attempt: &Attempt, failure: &Failure) -> String {
    match attempt.phase.is_unsettled() {
        true => failure.message.clone(),
        false => format!("{}: {}", failure.code, failure.message),
    }
}

fn heygen_time(at: Timestamp) -> String {
    format!("{} by HeyGen's clock", time(at))
}

fn line(out: &mut dyn Write, field: &str, value: Option<String>) -> io::Result<()> {
    match value {
        Some(value) => writeln!(out, "  {field:<12} {}", escape(&value)),
        None => Ok(()),
    }
}

fn line_below(out: &mut dyn Write, field: &str, value: Option<String>) -> io::Result<()> {
    match value {
        Some(value) => writeln!(out, "    {field:<10} {}", escape(&value)),
        None => Ok(()),
    }
}
