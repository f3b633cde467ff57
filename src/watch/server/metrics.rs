//! The metrics as Prometheus reads them (text format 0.0.4). Pure.

use std::fmt::{Display, Write};

use jiff::Timestamp;

use super::counters::Counters;
use crate::state::Phase;
use crate::watch::{Reason, View};

pub(super) fn render(view: &View, counters: &Counters, now: Timestamp) -> String {
    let mut page = Page::default();
    looks(&mut page, view);
    attempts(&mut page, view, now);
    paused(&mut page, view);
    totals(&mut page, view);
    webhooks(&mut page, counters);
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// Labels are our own words, which need no escaping.
    fn labelled(&mut self, name: &str, label: &str, of: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name}{{{label}=\"{of}\"}} {value}");
    }
}

fn seconds(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| at.as_duration().as_secs_f64())
}

fn looks(page: &mut Page, view: &View) {
    page.one(
        "reconcile_last_success_timestamp_seconds",
        "gauge",
        "When a look at manifests and state last came to its end; 0 if none did yet.",
        seconds(view.last_success),
    );
    page.one(
        "reconcile_looks_total",
        "counter",
        "Looks that came to their end.",
        view.totals.looks,
    );
    page.one(
        "reconcile_failed_looks_total",
        "counter",
        "Looks that did not.",
        view.totals.failed_looks,
    );
    page.one(
        "reconcile_look_duration_seconds",
        "gauge",
        "How long the last look took, its submissions included.",
        view.last_seconds,
    );
    page.one(
        "reconcile_event_lag_seconds",
        "gauge",
        "From the first change that the last look saw to its beginning.",
        view.event_lag_seconds,
    );
    page.one(
        "reconcile_polling",
        "gauge",
        "1 while changes are not told by the system and looked for every few seconds.",
        u8::from(view.polling.is_some()),
    );
    page.one(
        "reconcile_heygen_reachable",
        "gauge",
        "0 while HeyGen does not answer.",
        u8::from(view.unreachable.is_none()),
    );
    page.one(
        "reconcile_settings_refused",
        "gauge",
        "1 while the settings file can't be used; a restart would fail.",
        u8::from(view.refused_settings.is_some()),
    );
    page.one(
        "reconcile_manifests",
        "gauge",
        "Wished videos.",
        view.wishes,
    );
    page.one(
        "reconcile_manifest_problems",
        "gauge",
        "What is wrong with manifests.",
        view.problems,
    );
}

fn attempts(page: &mut Page, view: &View, now: Timestamp) {
    let name = "reconcile_attempts";
    page.family(name, "gauge", "Recorded attempts by phase.");
    for phase in Phase::ALL {
        let phase = phase.as_str();
        let n = view.attempts.get(phase).copied().unwrap_or(0);
        page.labelled(name, "phase", phase, n);
    }
    let age = view
        .oldest_unknown
        .map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
    page.one(
        "reconcile_oldest_unknown_seconds",
        "gauge",
        "Age of the oldest attempt whose outcome is not known; 0 if there is none.",
        age,
    );
    page.one(
        "reconcile_video_seconds",
        "gauge",
        "Seconds of finished video, as recorded.",
        view.video_seconds,
    );
    page.one(
        "reconcile_spend_usd",
        "gauge",
        "What these seconds cost at price_per_second.",
        view.video_seconds * view.price_per_second,
    );
}

fn paused(page: &mut Page, view: &View) {
    let name = "reconcile_paused";
    page.family(
        name,
        "gauge",
        "1 while submissions are held back for this reason.",
    );
    for reason in Reason::ALL {
        let is = u8::from(view.paused.contains_key(&reason));
        page.labelled(name, "reason", reason.as_str(), is);
    }
    page.one(
        "reconcile_waiting_submissions",
        "gauge",
        "Submissions that wait for the next hour, for a limit, or for their file to be quiet.",
        view.waiting,
    );
}

fn totals(page: &mut Page, view: &View) {
    let totals = &view.totals;
    for (name, help, value) in [
        (
            "reconcile_submissions_total",
            "Accepted submissions.",
            totals.submissions,
        ),
        (
            "reconcile_completed_total",
            "Videos seen to be completed.",
            totals.completed,
        ),
        (
            "reconcile_failures_total",
            "Videos that failed or went missing.",
            totals.failures,
        ),
        (
            "reconcile_rejections_total",
            "Submissions that HeyGen rejected.",
            totals.rejections,
        ),
        (
            "reconcile_rate_limits_total",
            "Answers 429.",
            totals.rate_limits,
        ),
        (
            "reconcile_reloads_total",
            "Settings read again.",
            totals.reloads,
        ),
        (
            "reconcile_failed_reloads_total",
            "New settings that could not be used.",
            totals.failed_reloads,
        ),
    ] {
        page.one(name, "counter", help, value);
    }
    let name = "reconcile_settled_total";
    page.family(
        name,
        "counter",
        "What attempts with an unknown outcome came to.",
    );
    page.labelled(name, "result", "adopted", totals.settled_adopted);
    page.labelled(name, "result", "not_sent", totals.settled_not_sent);
    page.labelled(name, "result", "left_unknown", totals.left_unknown);
}

fn webhooks(page: &mut Page, counters: &Counters) {
    let name = "reconcile_webhooks_total";
    page.family(name, "counter", "Deliveries by what became of them.");
    for (result, n) in counters.all() {
        page.labelled(name, "result", result, n);
    }
}
