//! The plan as people read it: trouble, paid, free, leftovers; the price last.

use std::io::{self, Write};

use super::{Paint, count, dollars, escape};
use crate::plan::{Action, DiffLine, Kind, Plan, Summary};

/// How a plan is shown.
#[derive(Debug, Clone, Copy)]
pub struct PlanView {
    pub paint: Paint,
    /// Show values and diffs whole.
    pub full: bool,
    /// Manifests that could not be read.
    pub broken: usize,
}

/// A diff longer than this is cut off without `--full`.
const MAX_LINES: usize = 24;
/// A line longer than this loses its unchanged stretches, then its end.
const MAX_LINE: usize = 160;
/// What stays of an unchanged stretch at each end.
const KEPT: usize = 30;

pub fn write_plan(out: &mut dyn Write, plan: &Plan, view: PlanView) -> io::Result<()> {
    for action in plan.by_urgency() {
        write_action(out, action, view)?;
    }
    write_summary(out, plan, view)
}

fn write_action(out: &mut dyn Write, action: &Action, view: PlanView) -> io::Result<()> {
    let paint = view.paint;
    let head = format!("{} {}", action.kind.symbol(), action.kind.as_str());
    let price = action.estimate_usd.map_or_else(String::new, |usd| {
        let free_for_now = match action.kind {
            Kind::Settle => "$0.00, at most ",
            _ => "",
        };
        paint.dim(format!("  {free_for_now}about {}", dollars(usd)))
    });
    let name = paint.bold(escape(action.name.as_str()));
    writeln!(out, "{} {name}{price}", tint(paint, action.kind, head))?;
    writeln!(out, "    {}", escape(&action.reason.text))?;
    if let Some((line, column)) = place(action) {
        let path = escape(&action.path);
        writeln!(
            out,
            "    {}",
            paint.info(format!("--> {path}:{line}:{column}"))
        )?;
    }
    write_diff(out, &action.diff, view)?;
    writeln!(out)
}

fn place(action: &Action) -> Option<(usize, usize)> {
    let field = action.field.as_ref()?;
    Some((field.line?, field.column?))
}

fn tint(paint: Paint, kind: Kind, text: String) -> String {
    match kind {
        Kind::Settle | Kind::Blocked | Kind::Delete => paint.bad(text),
        Kind::Create => paint.good(text),
        Kind::Update | Kind::Retry | Kind::Replace => paint.attention(text),
        Kind::Reuse | Kind::Move => paint.info(text),
        Kind::Orphan => paint.dim(text),
    }
}

pub fn write_diff(out: &mut dyn Write, lines: &[DiffLine], view: PlanView) -> io::Result<()> {
    let shown = if view.full { lines.len() } else { MAX_LINES };
    for line in lines.iter().take(shown) {
        writeln!(out, "    {}", diff_line(line, view))?;
    }
    if lines.len() > shown {
        let more = count(lines.len() - shown, "more line", "more lines");
        writeln!(out, "    {}", view.paint.dim(format!("… {more} (--full)")))?;
    }
    Ok(())
}

fn diff_line(line: &DiffLine, view: PlanView) -> String {
    let mut pieces = line.pieces.clone();
    let long = pieces.iter().map(|(_, t)| t.chars().count()).sum::<usize>() > MAX_LINE;
    let mut note = String::new();
    if long && !view.full {
        note = shorten(&mut pieces);
    }
    let sign = line.sign;
    let paint = view.paint;
    let mut text = match sign {
        '-' => paint.bad(sign),
        '+' => paint.good(sign),
        '@' => return paint.info(line.text()),
        _ => sign.to_string(),
    };
    for (marked, piece) in &pieces {
        text.push_str(&paint_piece(paint, sign, *marked, &escape(piece)));
    }
    text + &paint.dim(note)
}

fn paint_piece(paint: Paint, sign: char, marked: bool, text: &str) -> String {
    match (sign, marked) {
        ('-', true) => paint.removed_word(text),
        ('+', true) => paint.added_word(text),
        ('-', false) => paint.bad(text),
        ('+', false) => paint.good(text),
        _ => text.to_owned(),
    }
}

/// Cuts unchanged stretches in their middle, then the end of what is still too long. Returns a
/// note that says how much is missing.
fn shorten(pieces: &mut Vec<(bool, String)>) -> String {
    let before: usize = pieces.iter().map(|(_, t)| t.chars().count()).sum();
    if pieces.iter().any(|(marked, _)| *marked) {
        for (marked, text) in pieces.iter_mut() {
            if !*marked {
                *text = without_middle(text);
            }
        }
    }
    let mut left = MAX_LINE;
    for (_, text) in pieces.iter_mut() {
        let kept: String = text.chars().take(left).collect();
        left -= kept.chars().count();
        *text = kept;
    }
    pieces.retain(|(_, text)| !text.is_empty());
    let after: usize = pieces.iter().map(|(_, t)| t.chars().count()).sum();
    let missing = before.saturating_sub(after);
    format!(
        " … {} (--full)",
        count(missing, "more character", "more characters")
    )
}

fn without_middle(text: &str) -> String {
    let length = text.chars().count();
    if length <= 2 * KEPT + 1 {
        return text.to_owned();
    }
    let head: String = text.chars().take(KEPT).collect();
    let tail: String = text.chars().skip(length - KEPT).collect();
    format!("{head}…{tail}")
}

fn write_summary(out: &mut dyn Write, plan: &Plan, view: PlanView) -> io::Result<()> {
    let summary = plan.summary();
    let paint = view.paint;
    if view.broken > 0 {
        let broken = count(view.broken, "error", "errors");
        let text = format!("{broken} in the manifests, listed above; the rest is planned.");
        writeln!(out, "{}", paint.bad(text))?;
    }
    let unchanged = format!("{} unchanged", plan.unchanged);
    let parts = summary_parts(&summary);
    if parts.is_empty() {
        let what = count(plan.unchanged, "video is", "videos are");
        return writeln!(
            out,
            "{}",
            paint.bold(format!("Nothing to do: {what} as wished."))
        );
    }
    writeln!(
        out,
        "{}",
        paint.bold(format!("Plan: {}; {unchanged}.", parts.join(", ")))
    )?;
    writeln!(out, "{}", price(plan, &summary))?;
    write_of_defaults(out, plan, view)
}

/// What is certain, and what there may be beside it: of what is settled, what HeyGen never took.
fn price(plan: &Plan, summary: &Summary) -> String {
    let certain = summary.submissions - summary.settle;
    let most = format!("about {} ({})", dollars(plan.estimate_usd), plan.basis);
    match (certain, summary.settle) {
        (0, 0) => "No submission, no cost.".to_owned(),
        (n, 0) => format!("{}, {most}.", count(n, "submission", "submissions")),
        (0, m) => format!("No submission for certain; at most {m}, {most}."),
        (n, m) => format!(
            "{}, about {}; at most {}, {most}.",
            count(n, "submission", "submissions"),
            dollars(plan.certain_usd()),
            n + m
        ),
    }
}

/// One line of the settings may pay for every video again: that is told before it is approved.
fn write_of_defaults(out: &mut dyn Write, plan: &Plan, view: PlanView) -> io::Result<()> {
    let (submissions, usd) = plan.of_defaults();
    let what = match submissions {
        0 => return Ok(()),
        1 => "1 of these submissions is".to_owned(),
        n => format!("{n} of these submissions are"),
    };
    let text = format!(
        "{what} made only because of defaults in reconcile.yaml: about {}.",
        dollars(usd)
    );
    writeln!(out, "{}", view.paint.attention(text))
}

fn summary_parts(s: &Summary) -> Vec<String> {
    [
        (s.settle, "to settle"),
        (s.blocked, "blocked"),
        (s.create, "to create"),
        (s.update, "to update"),
        (s.retry, "to retry"),
        (s.replace, "to replace"),
        (s.reuse, "to reuse"),
        (s.moved, "to move"),
        (s.delete, "to delete"),
        (s.orphan, "orphaned"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{n} {what}"))
    .collect()
}
