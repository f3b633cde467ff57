//! What was spent, for people and for programs. Cents are rounded here and nowhere before.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::table::write_table;
use super::{Paint, count, dollars, escape};
use crate::spend::{Billed, Breakdown, Labels, Sum, rounded_usd};

/// Labels that the last line of an apply names.
const MOST_LABELS: usize = 6;

/// What is told of some videos.
pub struct SpendView<'a> {
    pub since: Option<Timestamp>,
    pub until: Timestamp,
    pub price_per_second: f64,
    pub breakdown: &'a Breakdown<'a>,
    /// Each with the labels its manifest has today.
    pub videos: &'a [(Billed<'a>, Option<&'a Labels>)],
}

/// What the videos of one run cost.
#[derive(Debug, Clone, Default)]
pub struct Spent {
    pub total: Sum,
    pub price_per_second: f64,
    /// `label=value` and what it cost, the dearest first.
    pub labels: Vec<(String, Sum)>,
    /// Nothing of it was paid.
    pub rehearsal: bool,
}

#[must_use]
pub fn spend_json(view: &SpendView<'_>, errors: Value) -> Value {
    let price = view.price_per_second;
    let labels = view.breakdown.labels.iter().map(|((label, value), sum)| {
        let mut entry = sum_json(sum, price);
        entry["label"] = json!(label);
        entry["value"] = json!(value);
        entry
    });
    json!({
        "format_version": "1.0",
        "since": view.since,
        "until": view.until,
        "price_per_second": price,
        "total": sum_json(&view.breakdown.total, price),
        "labels": labels.collect::<Vec<_>>(),
        "unlabelled": sum_json(&view.breakdown.unlabelled, price),
        "no_manifest": sum_json(&view.breakdown.no_manifest, price),
        "videos": view.videos.iter().map(|video| video_json(video, price)).collect::<Vec<_>>(),
        "errors": errors,
    })
}

fn sum_json(sum: &Sum, price_per_second: f64) -> Value {
    json!({
        "videos": sum.videos,
        "seconds": milliseconds(sum.seconds),
        "usd": sum.usd(price_per_second),
        "without_length": sum.without_length,
    })
}

fn video_json((video, labels): &(Billed<'_>, Option<&Labels>), price_per_second: f64) -> Value {
    let attempt = video.attempt;
    json!({
        "name": attempt.name,
        "manifest_name": video.owner,
        "labels": labels,
        "hash": attempt.hash,
        "attempt": attempt.number,
        "phase": attempt.phase,
        "session_id": attempt.session_id,
        "video_id": attempt.video_id,
        "adopted_by": attempt.adopted_by,
        "completed_at": attempt.completed_at,
        "duration_s": attempt.duration_s,
        "usd": attempt.duration_s.map(|s| rounded_usd(s * price_per_second)),
    })
}

fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

pub fn write_spend(out: &mut dyn Write, view: &SpendView<'_>, paint: Paint) -> io::Result<()> {
    let price = view.price_per_second;
    let breakdown = view.breakdown;
    let row = |what: String, sum: &Sum| {
        let seconds = format!("{:.0}", sum.seconds);
        [
            what,
            sum.videos.to_string(),
            seconds,
            dollars(sum.usd(price)),
        ]
    };
    let labels = breakdown.labels.iter();
    let mut rows: Vec<_> = labels
        .map(|((label, value), sum)| row(label_text(label, value), sum))
        .collect();
    for (what, sum) in [
        ("(no label)", &breakdown.unlabelled),
        ("(no manifest)", &breakdown.no_manifest),
    ] {
        if sum.videos > 0 {
            rows.push(row(what.to_owned(), sum));
        }
    }
    if !rows.is_empty() {
        write_table(out, paint, ["LABEL", "VIDEOS", "SECONDS", "USD"], &rows)?;
    }
    let since = view
        .since
        .map_or_else(String::new, |since| format!(" since {since:.0}"));
    writeln!(
        out,
        "{}{since}: {}, at ${price} per second",
        count(breakdown.total.videos, "video", "videos"),
        made_text(&breakdown.total, price)
    )
}

fn label_text(label: &str, value: &str) -> String {
    format!("{}={}", escape(label), escape(value))
}

/// `312 s made, $10.39 in all`.
#[must_use]
pub fn made_text(sum: &Sum, price_per_second: f64) -> String {
    let usd = dollars(sum.usd(price_per_second));
    let mut text = format!("{:.0} s made, {usd} in all", sum.seconds);
    if sum.without_length > 0 {
        let without = count(sum.without_length, "video", "videos");
        text += &format!(" ({without} without known length)");
    }
    text
}

impl Spent {
    #[must_use]
    pub fn new(breakdown: &Breakdown<'_>, price_per_second: f64) -> Self {
        let labels = breakdown.labels.iter();
        let mut labels: Vec<_> = labels
            .map(|((label, value), sum)| (label_text(label, value), *sum))
            .collect();
        labels.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
        Self {
            total: breakdown.total,
            price_per_second,
            labels,
            rehearsal: false,
        }
    }

    /// The line of an apply that saw videos completed.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        if self.total.videos == 0 {
            return None;
        }
        let usd = |sum: &Sum| dollars(sum.usd(self.price_per_second));
        let shown = self.labels.iter().take(MOST_LABELS);
        let mut parts: Vec<_> = shown.map(|(l, sum)| format!("{l} {}", usd(sum))).collect();
        if self.labels.len() > MOST_LABELS {
            parts.push(format!("{} more", self.labels.len() - MOST_LABELS));
        }
        if self.total.without_length > 0 {
            parts.push(format!(
                "{} without known length",
                self.total.without_length
            ));
        }
        let said = match self.rehearsal {
            true => "Would have cost",
            false => "Spent",
        };
        let total = format!("{said}: {:.0} s, {}", self.total.seconds, usd(&self.total));
        Some(match parts.is_empty() {
            true => total,
            false => format!("{total} ({})", parts.join(", ")),
        })
    }

    pub(super) fn add_to(&self, summary: &mut Value) {
        summary["seconds"] = json!(milliseconds(self.total.seconds));
        summary["usd"] = json!(self.total.usd(self.price_per_second));
    }
}
