//! `reconcile refresh`: asks HeyGen how the videos are and records it. Has no way to submit.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::args::{PlanningArgs, RefreshArgs};
use super::connect::connect_reading;
use super::context::Context;
use super::desired;
use super::env;
use super::error::CliError;
use super::exit::Exit;
use super::open::open_ledger;
use super::select;
use crate::apply::check_account;
use crate::follow::{Drift, refresh};
use crate::output::{count, escape};
use crate::plan::Selection;
use crate::project::Settings;
use crate::state::{AdoptedBy, Attempt, Ledger, Record, Recorded};
use crate::video::{Name, VideoHash};

pub(super) fn run(context: &Context, args: &RefreshArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    let settings = context.settings()?;
    let state_dir = context.state_dir(&settings, args.sandbox)?;
    let asked = Asked {
        names: &args.names.names,
        sandbox: args.sandbox,
        lock_timeout: args.lock_timeout,
    };
    let drift = ask(context, &settings, &state_dir, &asked, "refresh")?;
    report(context, &drift)?;
    Ok(Exit::Done)
}

/// `--refresh`: the plan is made of what HeyGen says now. Drift is told on stderr.
pub(super) fn before_planning(
    context: &Context,
    settings: &Settings,
    state_dir: &Path,
    args: &PlanningArgs,
    command: &str,
) -> Result<(), CliError> {
    let asked = Asked {
        names: &args.names.names,
        sandbox: args.sandbox,
        lock_timeout: args.lock_timeout,
    };
    let drift = ask(context, settings, state_dir, &asked, command)?;
    for line in lines(&drift) {
        context.say(&line);
    }
    Ok(())
}

/// What is to be refreshed, and how.
struct Asked<'a> {
    names: &'a [String],
    sandbox: bool,
    lock_timeout: Duration,
}

fn ask(
    context: &Context,
    settings: &Settings,
    state_dir: &Path,
    asked: &Asked<'_>,
    command: &str,
) -> Result<Vec<Drift>, CliError> {
    let desired = desired::load(context, settings, state_dir);
    let mut ledger = open_ledger(context, state_dir, command, asked.lock_timeout)?;
    let selection = select::select(asked.names, &desired, ledger.recorded())?;
    let hashes = hashes(ledger.recorded(), &selection);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start").because(e))?;
    runtime.block_on(async {
        let api = connect_reading(context, settings, state_dir, asked.sandbox).await?;
        let me = api.reader.me().await?;
        check_account(&mut ledger, &api.base, &me, env::now())??;
        refresh_all(&mut ledger, &api.reader, &hashes).await
    })
}

/// The videos these names have, and those they show until then. Where no name is given also what no
/// name has any more, as long as its end, or whose session it is, is not known.
fn hashes(recorded: &Recorded, selection: &Selection) -> HashSet<VideoHash> {
    let records = recorded.records.values();
    let selected = records.filter(|r| selection.contains(&r.name));
    let both = |r: &Record| [Some(r.hash), r.shown.as_ref().map(|s| s.hash)];
    let mut hashes: HashSet<_> = selected.flat_map(both).flatten().collect();
    if matches!(selection, Selection::All) {
        let open =
            |a: &&Attempt| a.phase.is_unfinished() || a.adopted_by == Some(AdoptedBy::Prompt);
        let attempts = recorded.attempts.values().flatten();
        hashes.extend(attempts.filter(open).map(|a| a.hash));
    }
    hashes
}

async fn refresh_all(
    ledger: &mut Ledger,
    reader: &crate::heygen::Reader,
    hashes: &HashSet<VideoHash>,
) -> Result<Vec<Drift>, CliError> {
    let mut drift = Vec::new();
    refresh(ledger, reader, hashes, env::now(), &mut drift)
        .await
        .map_err(|error| match error {
            crate::follow::RefreshError::Read(error) => CliError::from(error),
            crate::follow::RefreshError::State(error) => CliError::from(error),
        })?;
    Ok(drift)
}

fn report(context: &Context, drift: &[Drift]) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    if context.is_json() {
        let changes: Vec<_> = drift.iter().map(json_drift).collect();
        let document = json!({"format_version": "1.0", "drift": changes});
        return Ok(writeln!(out, "{document}")?);
    }
    for line in lines(drift) {
        writeln!(out, "{line}")?;
    }
    match drift.len() {
        0 => writeln!(out, "Nothing changed at HeyGen.")?,
        n => writeln!(out, "{} recorded.", count(n, "change", "changes"))?,
    }
    Ok(())
}

fn lines(drift: &[Drift]) -> Vec<String> {
    let mut by_name: Vec<_> = drift.iter().map(|d| (&d.after.name, d)).collect();
    by_name.sort_by_key(|(name, _)| *name);
    let line = |(name, drift): (&Name, &Drift)| {
        let (before, after) = (drift.before.as_str(), drift.after.phase.as_str());
        let why = drift.after.failure.as_ref().map_or_else(String::new, |f| {
            format!(" ({}: {})", escape(&f.code), escape(&f.message))
        });
        format!("{name}: {before} → {after}{why}")
    };
    by_name.into_iter().map(line).collect()
}

fn json_drift(drift: &Drift) -> serde_json::Value {
    let after = &drift.after;
    json!({
        "name": after.name,
        "hash": after.hash,
        "before": drift.before,
        "after": after.phase,
        "session_id": after.session_id,
        "video_id": after.video_id,
        "failure": after.failure,
    })
}
