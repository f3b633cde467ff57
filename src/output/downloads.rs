//! Shows what is downloaded: lines and a progress bar for people, JSON Lines for programs.

use std::io;

use serde_json::{Value, json};

use super::screen::Screen;
use super::{Paint, count, escape};
use crate::download::{Counts, Event, How, Kind, Without, film_path};
use crate::state::Attempt;

const FORMAT_VERSION: &str = "1.0";

pub struct DownloadReporter {
    json: bool,
    paint: Paint,
    screen: Screen,
}

impl DownloadReporter {
    #[must_use]
    pub fn new(json: bool, quiet: bool, paint: Paint) -> Self {
        Self {
            json,
            paint,
            screen: Screen::new(json, quiet),
        }
    }

    pub fn start(&mut self) {
        if self.json {
            let start = json!({"type": "start", "format_version": FORMAT_VERSION});
            self.screen.line(&start.to_string());
        }
    }

    /// A name whose own video is not finished.
    pub fn without(&mut self, without: &Without) {
        let phase = without.phase.map(crate::state::Phase::as_str);
        if self.json {
            let kind = if without.waits() {
                "waiting"
            } else {
                "unfinished"
            };
            let line = json!({"type": kind, "name": without.name, "phase": phase});
            self.screen.line(&line.to_string());
            return;
        }
        let earlier = if without.has_earlier {
            "; the film of the take before stays"
        } else {
            ""
        };
        let phase = phase.unwrap_or("no record of it yet: run `reconcile apply`");
        self.screen.aside(&format!(
            "{}: no finished video ({phase}){earlier}",
            without.name
        ));
    }

    pub fn event(&mut self, event: &Event) {
        match (download_json(event).filter(|_| self.json), event) {
            (Some(line), _) => self.screen.line(&line.to_string()),
            (None, Event::Progress { done, of, bytes }) => {
                let text = format!("{done} of {of} films, {} fetched", size(*bytes));
                self.screen.progress(*done, *of, text);
            }
            (None, Event::Downloaded { .. }) if !self.json => {
                let line = text_line(event, self.paint);
                self.screen.line(&line);
            }
            (None, Event::Failed { .. }) => {
                let line = text_line(event, self.paint);
                self.screen.trouble(&line);
            }
            (None, _) => {
                let line = text_line(event, self.paint);
                self.screen.aside(&line);
            }
        }
    }

    /// Films that stay although nothing wishes for them.
    pub fn orphans(&mut self, names: &[String]) {
        if !names.is_empty() && !self.json {
            self.screen.aside(&format!(
                "{} without a manifest: {}",
                count(names.len(), "film stays", "films stay"),
                names.join(", ")
            ));
        }
    }

    pub fn finish(&mut self, counts: &Counts, waiting: usize) -> io::Result<()> {
        self.screen.clear();
        let line = match self.json {
            true => summary_json(counts, waiting).to_string(),
            false => summary_text(counts, waiting),
        };
        self.screen.line(&line);
        self.screen.result()
    }

    /// Ends where someone else has the last word.
    pub fn rest(&mut self) -> io::Result<()> {
        self.screen.clear();
        self.screen.result()
    }
}

fn summary_json(counts: &Counts, waiting: usize) -> Value {
    let mut line = json!(counts);
    line["type"] = json!("summary");
    line["waiting"] = json!(waiting);
    line
}

fn summary_text(counts: &Counts, waiting: usize) -> String {
    let parts = [
        (counts.downloaded, "new"),
        (counts.present, "there already"),
        (counts.failed, "failed"),
        (counts.not_started, "not started"),
        (waiting, "not finished"),
    ];
    let parts = parts.into_iter().filter(|(n, _)| *n > 0);
    let parts: Vec<_> = parts.map(|(n, what)| format!("{n} {what}")).collect();
    match parts.is_empty() {
        true => "Nothing to download.".to_owned(),
        false => format!("Films: {}.", parts.join(", ")),
    }
}

/// The line of an event, if it has one.
#[must_use]
pub fn download_json(event: &Event) -> Option<Value> {
    let ids = |kind: &str, attempt: &Attempt| {
        json!({
            "type": kind,
            "hash": attempt.hash,
            "session_id": attempt.session_id,
            "video_id": attempt.video_id,
        })
    };
    let (mut line, name) = match event {
        Event::Downloaded { file, attempt, how } => {
            let mut line = ids("downloaded", attempt);
            line["path"] = json!(film_path(file));
            line["bytes"] = json!(file.film.bytes);
            line["sha256"] = json!(file.film.sha256);
            line["how"] = json!(how_text(how));
            (line, &file.name)
        }
        Event::Failed {
            name,
            attempt,
            error,
        } => {
            let mut line = ids("error", attempt);
            line["failure"] = json!({"code": error.code(), "message": error.to_string()});
            (line, name)
        }
        Event::Lacking { name, kind } => (json!({"type": "lacking", "kind": kind.as_str()}), name),
        Event::Progress { .. } => return None,
    };
    line["name"] = json!(name);
    Some(line)
}

fn how_text(how: &How) -> &'static str {
    match how {
        How::Present => "present",
        How::Fetched => "fetched",
        How::Copied => "copied",
        How::Moved(_) => "moved",
    }
}

fn text_line(event: &Event, paint: Paint) -> String {
    match event {
        Event::Downloaded { file, how, .. } => {
            let path = film_path(file);
            let verb = match how {
                How::Fetched | How::Present => "downloaded",
                How::Copied => "copied",
                How::Moved(_) => "moved",
            };
            format!(
                "{} {}  {}  {}",
                paint.good(verb),
                paint.bold(&file.name),
                escape(&path),
                size(file.film.bytes)
            )
        }
        Event::Failed { name, error, .. } => format!(
            "{} {}  {}",
            paint.bad("failed"),
            paint.bold(name),
            escape(&error.to_string())
        ),
        Event::Lacking { name, kind } => {
            let what = match kind {
                Kind::Film => "film",
                Kind::Subtitles => "subtitles",
                Kind::Captioned => "film with captions",
                Kind::Thumbnail => "thumbnail",
            };
            format!("{name}: HeyGen has no {what} of it")
        }
        Event::Progress { .. } => String::new(),
    }
}

fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
