//! Every video in a line, for people and for programs.

use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::table::{line, widths};
use super::{Paint, ago, count, escape};
use crate::state::{Attempt, FileRecord, Phase};
use crate::video::{Name, VideoHash};

/// A name: what is wished, what is recorded, and the attempt that speaks for the record.
pub struct StatusRow<'a> {
    pub name: &'a Name,
    pub path: &'a str,
    pub wished: Option<VideoHash>,
    /// Something that can't be read may wish for it.
    pub is_hidden: bool,
    pub recorded: Option<VideoHash>,
    pub attempt: Option<&'a Attempt>,
    /// The finished video it has until that attempt is completed.
    pub finished: Option<&'a Attempt>,
    /// The film that was downloaded.
    pub file: Option<&'a FileRecord>,
}

/// Rendering for longer is trouble.
const LONGEST_RENDER: SignedDuration = SignedDuration::from_hours(24);

#[must_use]
pub fn status_json(rows: &[StatusRow<'_>], errors: Value) -> Value {
    let videos: Vec<_> = rows.iter().map(video).collect();
    json!({"format_version": "1.0", "videos": videos, "errors": errors})
}

fn video(row: &StatusRow<'_>) -> Value {
    let attempt = row.attempt;
    json!({
        "name": row.name,
        "path": row.path,
        "hash": row.recorded.or(row.wished),
        "phase": attempt.map(|a| a.phase),
        "attempt": attempt.map(|a| a.number),
        "session_id": attempt.and_then(|a| a.session_id.as_deref()),
        "video_id": attempt.and_then(|a| a.video_id.as_deref()),
        "submitted_at": attempt.and_then(submitted_at),
        "completed_at": attempt.and_then(|a| a.completed_at),
        "duration_s": attempt.and_then(|a| a.duration_s),
        "video_page_url": attempt.and_then(|a| a.video_page_url.as_deref()),
        "failure": attempt.and_then(|a| a.failure.as_ref()),
        "file": row.file.map(file),
        "finished": row.finished.map(finished),
    })
}

fn finished(attempt: &Attempt) -> Value {
    json!({
        "hash": attempt.hash,
        "attempt": attempt.number,
        "session_id": attempt.session_id,
        "video_id": attempt.video_id,
        "completed_at": attempt.completed_at,
        "duration_s": attempt.duration_s,
        "video_page_url": attempt.video_page_url,
    })
}

fn file(file: &FileRecord) -> Value {
    json!({
        "path": crate::download::film_path(file),
        "sha256": file.film.sha256,
        "bytes": file.film.bytes,
    })
}

/// When HeyGen accepted it.
fn submitted_at(attempt: &Attempt) -> Option<Timestamp> {
    let id = attempt.session_id.as_ref().or(attempt.video_id.as_ref());
    id.and(attempt.answered_at)
}

/// `made` says what was made in all, if anything was.
pub fn write_status(
    out: &mut dyn Write,
    rows: &[StatusRow<'_>],
    paint: Paint,
    now: Timestamp,
    made: Option<&str>,
) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "No videos: no manifests and nothing recorded.");
    }
    let lines: Vec<_> = rows.iter().map(|row| cells(row, now)).collect();
    let head = ["NAME", "PHASE", "AGE", "SESSION", "VIDEO", "PAGE"].map(str::to_owned);
    let widths = widths(&head, &lines);
    writeln!(out, "{}", paint.dim(line(&head, &widths)))?;
    for (row, cells) in rows.iter().zip(&lines) {
        writeln!(out, "{}", tint(paint, row, line(cells, &widths)))?;
        for note in note(row, now).into_iter().chain(stays(row)) {
            writeln!(out, "  {}", paint.dim(note))?;
        }
    }
    let finished = rows
        .iter()
        .filter(|r| phase(r) == Some(Phase::Completed))
        .count();
    writeln!(
        out,
        "{}, {finished} completed{}",
        count(rows.len(), "video", "videos"),
        made.map_or_else(String::new, |made| format!("; {made}"))
    )
}

fn cells(row: &StatusRow<'_>, now: Timestamp) -> [String; 6] {
    let attempt = row.attempt;
    let or_dash = |text: Option<&str>| escape(text.unwrap_or("-")).into_owned();
    [
        row.name.to_string(),
        phase(row).map_or("not submitted", Phase::as_str).to_owned(),
        attempt.map_or_else(|| "-".to_owned(), |a| ago(since(a), now)),
        or_dash(attempt.and_then(|a| a.session_id.as_deref())),
        or_dash(attempt.and_then(|a| a.video_id.as_deref())),
        or_dash(attempt.and_then(|a| a.video_page_url.as_deref())),
    ]
}

fn phase(row: &StatusRow<'_>) -> Option<Phase> {
    row.attempt.map(|a| a.phase)
}

fn since(attempt: &Attempt) -> Timestamp {
    attempt
        .completed_at
        .or(attempt.answered_at)
        .unwrap_or(attempt.intent_at)
}

fn tint(paint: Paint, row: &StatusRow<'_>, text: String) -> String {
    match phase(row) {
        Some(Phase::Completed) => paint.good(text),
        Some(Phase::Submitted | Phase::Rendering) => paint.info(text),
        Some(Phase::NotSent | Phase::Deleted) | None => text,
        Some(_) => paint.bad(text),
    }
}

/// What people see until the new video is there.
fn stays(row: &StatusRow<'_>) -> Option<String> {
    let finished = row.finished?;
    let hash = finished.hash.short();
    let page = finished
        .video_page_url
        .as_deref()
        .or(finished.video_id.as_deref());
    let page = escape(page.unwrap_or("-"));
    Some(format!("until then the video of {hash} stays: {page}"))
}

/// What a line alone does not say.
fn note(row: &StatusRow<'_>, now: Timestamp) -> Option<String> {
    let attempt = row.attempt?;
    if attempt.phase.is_unsettled() {
        let why = attempt.failure.as_ref();
        let why = why.map_or_else(|| "its answer was lost".into(), |f| escape(&f.message));
        return Some(format!(
            "held, nothing is sent meanwhile: {why}; `reconcile state settle {}` shows what it could \
             be, `reconcile apply` asks HeyGen again",
            attempt.name
        ));
    }
    if let Some(failure) = attempt.failure.as_ref() {
        return Some(format!(
            "{}: {}",
            escape(&failure.code),
            escape(&failure.message)
        ));
    }
    if attempt.phase.is_unfinished() && now.duration_since(since(attempt)) > LONGEST_RENDER {
        return Some("renders for more than 24 h; ask HeyGen's support about the session".into());
    }
    match row.wished {
        None if row.is_hidden => Some(format!(
            "its manifest can't be read ({}); the video stays",
            escape(row.path)
        )),
        None => Some(format!("its manifest is gone ({})", escape(row.path))),
        Some(wished) if Some(wished) != row.recorded => {
            Some("the manifest changed since; `reconcile plan` shows how".to_owned())
        }
        Some(_) => None,
    }
}
