//! What was spent: `reconcile status --cost`, and the last line of an apply.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::io::{BufWriter, Write};
use std::time::Duration;

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::apply::Ready;
use super::args::{StatusArgs, duration};
use super::context::Context;
use super::env;
use super::error::CliError;
use super::exit::Exit;
use super::select;
use crate::output::{SpendView, Spent, problems, spend_json, write_spend};
use crate::plan::Selection;
use crate::project::{self, Desired, Rereader, Settings};
use crate::spend::{Billed, Breakdown, Labels, Sum, billed, billed_at};
use crate::state::{AttemptKey, ReadState, Recorded, open_reader};
use crate::video::Name;

#[derive(Debug, Args)]
pub(super) struct CostArgs {
    /// Show what finished videos cost, by label
    #[arg(long)]
    pub(super) cost: bool,
    /// The same, of what was finished since: an age (30d, 12h) or a date (2026-11-01, RFC 3339)
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(super) since: Option<Since>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    Ago(Duration),
    At(Timestamp),
}

impl Since {
    fn before(self, now: Timestamp) -> Result<Timestamp, CliError> {
        let too_long = |_| CliError::usage("--since lies before all time");
        match self {
            Self::At(at) => Ok(at),
            Self::Ago(age) => {
                let age = SignedDuration::try_from(age).map_err(too_long)?;
                now.checked_sub(age).map_err(too_long)
            }
        }
    }
}

pub(super) fn run(context: &Context, args: &StatusArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    let settings = context.settings()?;
    let state_dir = context.state_dir(&settings, args.sandbox)?;
    let recorded = open_reader(&state_dir)?.load()?;
    let now = env::now();
    let since = args.cost.since.map(|since| since.before(now)).transpose()?;
    // The index knows no labels.
    let desired = project::load(&context.root, &settings, None, env::system_now());
    let selection = select::select(&args.names.names, &desired, &recorded)?;
    let billed: Vec<_> = billed(&recorded, |name| desired.wishes.contains_key(name))
        .into_iter()
        .filter(|b| b.is_of(&selection) && since.is_none_or(|s| billed_at(b.attempt) >= s))
        .collect();
    let labels = |name: &Name| labels(&desired, name);
    let videos: Vec<_> = billed
        .iter()
        .map(|b| (*b, b.owner.and_then(labels)))
        .collect();
    let view = SpendView {
        since,
        until: now,
        price_per_second: settings.price_per_second,
        breakdown: &Breakdown::of(&billed, labels),
        videos: &videos,
    };
    context.show_problems(&desired.problems);
    let mut out = BufWriter::new(std::io::stdout().lock());
    match context.is_json() {
        true => writeln!(
            out,
            "{}",
            spend_json(&view, problems::json(&desired.problems))
        )?,
        false => write_spend(&mut out, &view, context.stdout_paint())?,
    }
    out.flush()?;
    Ok(match desired.problems.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn labels<'a>(desired: &'a Desired, name: &Name) -> Option<&'a Labels> {
    let manifest = desired.wishes.get(name)?.manifest.as_ref()?;
    Some(&manifest.labels)
}

/// What all videos of the selected names cost so far.
pub(super) fn made(recorded: &Recorded, desired: &Desired, selection: &Selection) -> Sum {
    let all = billed(recorded, |name| desired.wishes.contains_key(name));
    let selected = all.iter().filter(|b| b.is_of(selection));
    Sum::of(selected.map(|b| b.attempt))
}

/// What the videos that a run saw completed cost.
pub(super) fn spent(
    context: &Context,
    settings: &Settings,
    ready: &Ready,
    recorded: &Recorded,
    completed: &HashSet<AttemptKey>,
) -> Spent {
    if completed.is_empty() {
        return Spent::default();
    }
    let wishes = &ready.desired.wishes;
    let mut billed = billed(recorded, |name| wishes.contains_key(name));
    billed.retain(|b| completed.contains(&b.attempt.key()));
    let labels = labels_of(context, settings, ready, &billed);
    let breakdown = Breakdown::of(&billed, |name| labels.get(name));
    Spent::new(&breakdown, settings.price_per_second)
}

/// From what was read already, or else read again; a manifest that changed meanwhile has none.
fn labels_of(
    context: &Context,
    settings: &Settings,
    ready: &Ready,
    billed: &[Billed<'_>],
) -> HashMap<Name, Labels> {
    let rereader = LazyCell::new(|| Rereader::new(&context.root, settings));
    let read = |name: &Name| {
        if let Some(manifest) = ready.texts.wished.get(name) {
            return Some(manifest.labels.clone());
        }
        let wish = ready.desired.wishes.get(name)?;
        let again = || Some(rereader.read(name, wish).ok()?.labels);
        let known = wish.manifest.as_ref().map(|m| m.labels.clone());
        known.or_else(again)
    };
    let owners: HashSet<_> = billed.iter().filter_map(|b| b.owner).collect();
    let found = owners.into_iter();
    found
        .filter_map(|name| Some((name.clone(), read(name)?)))
        .collect()
}

fn since(text: &str) -> Result<Since, String> {
    let in_days = |unit: char, days: u64| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        let seconds = number.checked_mul(days * 24 * 60 * 60)?;
        Some(Since::Ago(Duration::from_secs(seconds)))
    };
    let date = || {
        text.parse::<Date>()
            .ok()
            .filter(|_| text.len() == "2026-11-01".len())
    };
    let midnight = || TimeZone::UTC.to_timestamp(date()?.at(0, 0, 0, 0)).ok();
    in_days('d', 1)
        .or_else(|| in_days('w', 7))
        .or_else(|| duration(text).ok().map(Since::Ago))
        .or_else(|| text.parse().ok().map(Since::At))
        .or_else(|| midnight().map(Since::At))
        .ok_or_else(|| {
            "expected an age like 30d or 12h, or a date like 2026-11-01 or 2026-11-01T08:00:00Z"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_an_age_or_a_date() {
        let ago = |seconds| Ok(Since::Ago(Duration::from_secs(seconds)));
        let at = |text: &str| Ok(Since::At(text.parse().unwrap()));
        for (text, expected) in [
            ("30d", ago(30 * 86_400)),
            ("2w", ago(14 * 86_400)),
            ("12h", ago(43_200)),
            ("2026-11-01", at("2026-11-01T00:00:00Z")),
            ("2026-11-01T08:00:00+02:00", at("2026-11-01T06:00:00Z")),
        ] {
            assert_eq!(since(text), expected, "{text}");
        }
        for bad in [
            "",
            "d",
            "-1d",
            "30",
            "2026-11-01T08:00:00",
            "99999999999999999999d",
            "2026-13-01",
        ] {
            assert!(since(bad).is_err(), "{bad}");
        }
        assert!(
            Since::Ago(Duration::MAX)
                .before(Timestamp::UNIX_EPOCH)
                .is_err()
        );
    }
}
