//! Shows the events of an apply: lines and a progress bar for people, JSON Lines for programs.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use serde_json::{Value, json};

use super::record::ways_out;
use super::screen::Screen;
use super::{Paint, Spent, escape, problems, short_duration};
use crate::apply::{Counts, Event, Progress};
use crate::manifest::{Place, Problem};
use crate::state::{Attempt, Phase};

const FORMAT_VERSION: &str = "1.0";
/// Of a quoted line.
const WIDTH: usize = 100;

pub struct Reporter {
    json: bool,
    paint: Paint,
    screen: Screen,
    /// How many films were downloaded, where that was asked for.
    downloaded: Option<usize>,
}

impl Reporter {
    #[must_use]
    pub fn new(json: bool, quiet: bool, paint: Paint) -> Self {
        Self {
            json,
            paint,
            screen: Screen::new(json, quiet),
            downloaded: None,
        }
    }

    pub fn start(&mut self) -> io::Result<()> {
        if self.json {
            let start = json!({"type": "start", "format_version": FORMAT_VERSION});
            self.screen.line(&start.to_string());
        }
        self.screen.result()
    }

    /// `refused` is what HeyGen refused, shown where it stands.
    pub fn event(&mut self, event: &Event, refused: Option<&Problem>) {
        if let Event::Progress(progress) = event {
            return self.progress(progress);
        }
        let line = match self.json {
            true => event_json(event, refused.and_then(|r| r.place.as_ref()))
                .map(|value| value.to_string()),
            false => text_line(event, self.paint),
        };
        match line {
            Some(line) => self.screen.line(&line),
            None => self.aside(event),
        }
        if let Some(refused) = refused.filter(|_| !self.json) {
            let shown = std::slice::from_ref(refused);
            let colored = self.paint.is_colored() && io::stderr().is_terminal();
            let text = problems::render(shown, colored, WIDTH);
            self.screen.trouble(text.trim_end());
        }
    }

    pub fn finish(&mut self, counts: &Counts, spent: &Spent) -> io::Result<()> {
        self.screen.clear();
        if self.json {
            let summary = self.summary_json(counts, spent);
            self.screen.line(&summary.to_string());
            return self.screen.result();
        }
        for line in [summary_text(counts), spent.text()].into_iter().flatten() {
            self.screen.line(&line);
        }
        self.screen.result()
    }

    /// Leaves the screen to whoever downloads.
    pub fn rest(&mut self) {
        self.screen.clear();
    }

    /// What came of it, for the summary.
    pub fn downloaded(&mut self, films: usize) {
        self.downloaded = Some(films);
    }

    fn summary_json(&self, counts: &Counts, spent: &Spent) -> Value {
        let mut value = json!(counts);
        value["type"] = json!("summary");
        spent.add_to(&mut value);
        if let Some(films) = self.downloaded {
            value["downloaded"] = json!(films);
        }
        value
    }

    /// What is not data goes to stderr.
    fn aside(&mut self, event: &Event) {
        let text = match event {
            Event::Notice(text) => escape(text).into_owned(),
            Event::Settling { attempt, wait } => format!(
                "the outcome of {} was not learned{}; HeyGen is asked for it in {}",
                attempt.name,
                attempt
                    .failure
                    .as_ref()
                    .map_or_else(String::new, |f| format!(" ({})", escape(&f.message))),
                short_duration(rounded_up(*wait))
            ),
            Event::ReachedAgain => "HeyGen is reached again".to_owned(),
            Event::Paused { reason, wait, .. } => format!(
                "{}; going on in {}",
                escape(reason),
                short_duration(rounded_up(*wait))
            ),
            _ => return,
        };
        self.screen.aside(&text);
    }

    fn progress(&mut self, progress: &Progress) {
        let followed = progress.completed + progress.failed + progress.rendering;
        let ended = progress.completed + progress.failed;
        let of = progress.wanted.max(followed);
        self.screen.progress(ended, of, progress_text(progress));
    }
}

/// To whole seconds, so that nobody comes back too early.
fn rounded_up(wait: Duration) -> Duration {
    let part = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs() + part)
}

fn progress_text(p: &Progress) -> String {
    let mut parts = Vec::new();
    if p.wanted > 0 {
        parts.push(format!("{} of {} submitted", p.accepted, p.wanted));
    }
    if let Some((sent, total)) = p.upload {
        let (sent, total) = (megabytes(sent), megabytes(total));
        parts.push(format!("uploading {sent} of {total} MB"));
    }
    for (n, what) in [
        (p.sending, "sending"),
        (p.rendering, "rendering"),
        (p.completed, "completed"),
        (p.failed, "in trouble"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    parts.join(", ")
}

fn megabytes(bytes: u64) -> u64 {
    bytes / 1_000_000
}

fn text_line(event: &Event, paint: Paint) -> Option<String> {
    let id = |id: &Option<String>| escape(id.as_deref().unwrap_or("-")).into_owned();
    let why = |a: &Attempt| {
        a.failure.as_ref().map_or_else(String::new, |f| {
            format!("{}: {}", escape(&f.code), escape(&f.message))
        })
    };
    Some(match event {
        Event::Submitted(a) => format!(
            "{} {}  session {}",
            paint.info("submitted"),
            paint.bold(&a.name),
            id(&a.session_id)
        ),
        Event::Completed(a) => format!(
            "{} {}  {}{}",
            paint.good("completed"),
            paint.bold(&a.name),
            a.duration_s
                .map_or_else(String::new, |s| format!("{s:.0} s  ")),
            id(&a.video_page_url)
        ),
        Event::Failed(a) => {
            format!(
                "{} {}  {}",
                paint.bad("failed"),
                paint.bold(&a.name),
                why(a)
            )
        }
        Event::Rejected { attempt: a, .. } => {
            format!(
                "{} {}  {}",
                paint.bad("rejected"),
                paint.bold(&a.name),
                why(a)
            )
        }
        Event::Unknown(a) => format!(
            "{} {}  {}\n{}",
            paint.bad("unknown"),
            paint.bold(&a.name),
            why(a),
            ways_out(a)
        ),
        Event::Settled(a) => format!(
            "{} {}  {}",
            paint.info("settled"),
            paint.bold(&a.name),
            settled_text(a)
        ),
        Event::Gone(a) => format!(
            "{} {}  its video is missing at HeyGen",
            paint.bad("gone"),
            paint.bold(&a.name)
        ),
        Event::Deleted { name, attempt } => format!(
            "{} {}  video {}{}",
            paint.info("deleted"),
            paint.bold(name),
            id(&attempt.video_id),
            match attempt.phase {
                Phase::Gone => " was gone already",
                _ => "",
            }
        ),
        Event::Reused {
            name, session_id, ..
        } => format!(
            "{} {}  session {}",
            paint.info("reused"),
            paint.bold(name),
            id(session_id)
        ),
        Event::Moved { name, from, .. } => {
            format!("{} {from} → {}", paint.info("moved"), paint.bold(name))
        }
        Event::Error { name, failure, .. } => format!(
            "{} {}{}",
            paint.bad("error"),
            name.as_ref()
                .map_or_else(String::new, |n| format!("{}  ", paint.bold(n))),
            escape(&failure.message)
        ),
        Event::Notice(_)
        | Event::Settling { .. }
        | Event::Paused { .. }
        | Event::ReachedAgain
        | Event::Progress(_) => return None,
    })
}

fn settled_text(attempt: &Attempt) -> String {
    match (&attempt.session_id, attempt.adopted_by) {
        (Some(session), Some(by)) => {
            format!(
                "HeyGen took it: session {} (told by {})",
                escape(session),
                by.in_words()
            )
        }
        _ => "HeyGen never took it".to_owned(),
    }
}

/// The line of an event, if it has one. `place` is where in a manifest the field stands that it is
/// about.
#[must_use]
pub fn event_json(event: &Event, place: Option<&Place>) -> Option<Value> {
    let attempt = |kind: &str, a: &Attempt| {
        json!({
            "type": kind,
            "name": a.name,
            "hash": a.hash,
            "attempt": a.number,
            "session_id": a.session_id,
            "video_id": a.video_id,
            "duration_s": a.duration_s,
            "video_page_url": a.video_page_url,
            "failure": a.failure,
        })
    };
    Some(match event {
        Event::Submitted(a) => attempt("submitted", a),
        Event::Completed(a) => attempt("completed", a),
        Event::Failed(a) | Event::Gone(a) => attempt("failed", a),
        Event::Rejected { attempt: a, path } => {
            let param = a.failure.as_ref().and_then(|f| f.param());
            let mut line = with(attempt("rejected", a), "param", json!(param));
            line["path"] = json!(path);
            line["line"] = json!(place.map(|p| p.line));
            line["column"] = json!(place.map(|p| p.column));
            line
        }
        Event::Deleted { name, attempt: a } => with(
            with(attempt("deleted", a), "name", json!(name)),
            "phase",
            json!(a.phase),
        ),
        Event::Unknown(a) => with(attempt("unknown", a), "candidates", json!(a.candidates)),
        Event::Settled(a) => with(
            with(attempt("settled", a), "phase", json!(a.phase)),
            "adopted_by",
            json!(a.adopted_by),
        ),
        Event::Reused {
            name,
            hash,
            session_id,
            video_id,
        } => json!({
            "type": "reused", "name": name, "hash": hash,
            "session_id": session_id, "video_id": video_id,
        }),
        Event::Moved {
            name,
            from,
            hash,
            session_id,
            video_id,
        } => json!({
            "type": "moved", "name": name, "previous_name": from, "hash": hash,
            "session_id": session_id, "video_id": video_id,
        }),
        Event::Error {
            name,
            hash,
            failure,
        } => json!({
            "type": "error", "name": name, "hash": hash,
            "session_id": null, "video_id": null, "failure": failure,
        }),
        Event::Notice(_)
        | Event::Settling { .. }
        | Event::Paused { .. }
        | Event::ReachedAgain
        | Event::Progress(_) => return None,
    })
}

fn with(mut line: Value, field: &str, value: Value) -> Value {
    line[field] = value;
    line
}

fn summary_text(c: &Counts) -> Option<String> {
    let parts: Vec<_> = [
        (c.submitted, "submitted"),
        (c.reused, "reused"),
        (c.moved, "moved"),
        (c.settled, "settled"),
        (c.completed, "completed"),
        (c.failed, "failed"),
        (c.rejected, "rejected"),
        (c.unknown, "unknown"),
        (c.deleted, "deleted"),
        (c.not_started, "not started"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{n} {what}"))
    .collect();
    (!parts.is_empty()).then(|| format!("Applied: {}.", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_shows_how_much_of_a_large_file_is_sent() {
        let progress = Progress {
            wanted: 2,
            accepted: 1,
            sending: 1,
            upload: Some((254_900_000, 419_430_400)),
            ..Progress::default()
        };
        assert_eq!(
            progress_text(&progress),
            "1 of 2 submitted, uploading 254 of 419 MB, 1 sending"
        );
    }
}
