//! Before the first submission of a state that can't vouch for the past: what HeyGen has already.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::apply::Ready;
use super::args::ApplyArgs;
use super::context::Context;
use super::env;
use super::error::CliError;
use crate::apply::{PastError, adopt_found, compare, vouch};
use crate::heygen::Reader;
use crate::output::{count, escape};
use crate::plan::{Action, Kind, Selection};
use crate::settle::Match;
use crate::state::{Doubted, Ledger, Unproven};

/// Compares HeyGen's sessions with what would be submitted. A match stops the run, unless the user
/// said what it means.
pub(super) async fn the_past(
    context: &Context,
    args: &ApplyArgs,
    ledger: &mut Ledger,
    reader: &Reader,
    ready: &mut Ready,
) -> Result<(), CliError> {
    let unproven = ledger.recorded().unproven(env::now());
    let submits = |a: &Action| a.kind.submits() && a.kind != Kind::Replace;
    let Some(unproven) = unproven.filter(|_| ready.plan.actions.iter().any(submits)) else {
        return Ok(());
    };
    if args.new_state {
        return Ok(vouch(ledger, env::now())?);
    }
    let found = compare(ledger, reader, unproven.since, &ready.plan, &ready.texts)
        .await
        .map_err(|error| match error {
            PastError::Read(error) => inconclusive(&unproven, &error),
            PastError::State(error) => error.into(),
        })?;
    if !found.is_empty() {
        show(&found);
        if !args.adopt {
            return Err(stopped(&unproven, &found));
        }
        adopt(context, ledger, ready, found)?;
    }
    // Names that were not looked at may have been paid for too.
    let whole = matches!(ready.options.selection, Selection::All);
    if whole && ready.desired.problems.is_empty() {
        vouch(ledger, env::now())?;
    }
    Ok(())
}

fn adopt(
    context: &Context,
    ledger: &mut Ledger,
    ready: &mut Ready,
    found: Vec<Match>,
) -> Result<(), CliError> {
    refuse_ambiguous(&found)?;
    let with_spec: Vec<_> = found
        .into_iter()
        .filter_map(|m| Some((ready.texts.wished.get(&m.name).map(|w| &w.spec)?, m)))
        .map(|(spec, m)| (m, spec))
        .collect();
    let adopted = adopt_found(ledger, &with_spec, env::now())?;
    context.say(&format!(
        "{} taken over; where several have one prompt, the newest",
        count(adopted.len(), "session was", "sessions were")
    ));
    ready.plan.reuse_found(&adopted);
    Ok(())
}

/// A session whose prompt several different wishes have could be any one's.
fn refuse_ambiguous(found: &[Match]) -> Result<(), CliError> {
    let mut by_session: BTreeMap<&str, Vec<&Match>> = BTreeMap::new();
    for one in found {
        by_session.entry(&one.session_id).or_default().push(one);
    }
    let several = by_session
        .values()
        .find(|matches| matches.iter().any(|m| m.hash != matches[0].hash));
    match several {
        None => Ok(()),
        Some(matches) => Err(CliError::new(format!(
            "session {} has the prompt of {} and of {}, which differ otherwise; nothing was sent",
            matches[0].session_id, matches[0].name, matches[1].name
        ))
        .hint("say whose it is by naming it: reconcile apply NAME --adopt")),
    }
}

fn show(found: &[Match]) {
    for one in found {
        let made = Timestamp::from_second(one.created_at).unwrap_or_default();
        let (name, session) = (&one.name, escape(&one.session_id));
        eprintln!("  {name}  session {session}, made {made}");
    }
}

fn stopped(unproven: &Unproven, found: &[Match]) -> CliError {
    CliError::new(format!(
        "{}, and HeyGen has {} with the prompts of what would be submitted; nothing was sent",
        describe(unproven),
        count(found.len(), "session", "sessions")
    ))
    .hint("take them over without paying again with --adopt, or pay for new ones with --new-state")
}

fn inconclusive(unproven: &Unproven, error: &crate::heygen::ReadError) -> CliError {
    CliError::new(format!(
        "{}, and HeyGen's sessions could not be compared with it: {error}; nothing was sent",
        describe(unproven)
    ))
    .hint("try again; or pay without comparing with --new-state")
}

fn describe(unproven: &Unproven) -> String {
    let why = match unproven.cause {
        Doubted::New => "this state is new",
        Doubted::Imported => "this state was imported",
        Doubted::Repaired => "this state was repaired",
        Doubted::Restored => "this state was restored from a copy",
    };
    format!(
        "{why} (what was submitted since {:.0} is not certain)",
        unproven.since
    )
}
