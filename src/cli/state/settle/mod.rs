//! `reconcile state settle`: shows what an attempt could have come to, or takes a person's word for it.

mod fits;
mod preview;

use std::io::Write;

use serde_json::json;

use super::args::{ChangeArgs, SettleArgs};
use super::names::{is_approved, open};
use crate::apply::check_account;
use crate::cli::connect::connect_reading;
use crate::cli::context::Context;
use crate::cli::env;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::heygen::{ReadError, Session};
use crate::output::escape;
use crate::state::{AdoptedBy, Attempt, Entry, Ledger, Phase, Recorded, is_usable_id};
use fits::Fits;

const COMMAND: &str = "state settle";

pub(super) fn run(context: &Context, args: &SettleArgs) -> Result<Exit, CliError> {
    if args.adopt.is_none() && !args.not_sent {
        return preview::run(context, args);
    }
    let change = &args.change;
    let mut ledger = open(context, change, COMMAND)?;
    let decided = match &args.adopt {
        Some(session) => {
            let attempt = adoptable(ledger.recorded(), &args.name)?;
            adopt(context, change, &mut ledger, attempt, session)?
        }
        None => not_sent(context, change, unsettled(ledger.recorded(), &args.name)?)?,
    };
    let Some(attempt) = decided else {
        return Ok(Exit::Failed);
    };
    ledger.write(vec![Entry::Attempt(attempt.clone())])?;
    say(context, &attempt)
}

/// The one attempt of this name that is not settled.
fn unsettled(recorded: &Recorded, name: &str) -> Result<Attempt, CliError> {
    let all = recorded.attempts_where(Phase::is_unsettled);
    let is_meant = |attempt: &&&Attempt| {
        let mut records = recorded.records.values();
        attempt.name.as_str() == name
            || records.any(|r| r.name.as_str() == name && r.hash == attempt.hash)
    };
    let mut meant = all.iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(one), None) => Ok((**one).clone()),
        (Some(one), Some(other)) => Err(CliError::new(format!(
            "{name} has several unknown attempts: of {} and of {}",
            one.hash.short(),
            other.hash.short()
        ))
        .hint("`reconcile apply` looks for their sessions by itself")),
        (None, _) => Err(nothing_to_settle(name, &all)),
    }
}

fn nothing_to_settle(name: &str, all: &[&Attempt]) -> CliError {
    let error = CliError::usage(format!("no attempt of `{name}` is to be settled"));
    let names: Vec<_> = all.iter().map(|a| a.name.as_str()).collect();
    match names.is_empty() {
        true => error.hint("no attempt at all is unknown"),
        false => error.hint(format!("these are: {}", names.join(", "))),
    }
}

/// What is unknown, or what a person decided before and decides anew.
fn adoptable(recorded: &Recorded, name: &str) -> Result<Attempt, CliError> {
    let record = recorded.records.values().find(|r| r.name.as_str() == name);
    let current = record.and_then(|r| recorded.last_attempt(&r.hash));
    let may_change = |a: &&Attempt| a.phase.is_live() || a.phase == Phase::Failed;
    let decided = current.filter(|a| a.adopted_by == Some(AdoptedBy::Person));
    match decided.filter(may_change) {
        Some(decided) => Ok(decided.clone()),
        None => unsettled(recorded, name),
    }
}

fn not_sent(
    context: &Context,
    change: &ChangeArgs,
    mut attempt: Attempt,
) -> Result<Option<Attempt>, CliError> {
    context.say(&format!(
        "{}: attempt {} will count as never sent, and the next apply sends it again and pays for it.\n\
         If HeyGen took it after all, it is paid for twice.",
        attempt.name, attempt.number
    ));
    if !is_approved(context, change, COMMAND)? {
        return Ok(None);
    }
    attempt.not_sent();
    Ok(Some(attempt))
}

fn adopt(
    context: &Context,
    change: &ChangeArgs,
    ledger: &mut Ledger,
    mut attempt: Attempt,
    session_id: &str,
) -> Result<Option<Attempt>, CliError> {
    refuse_known(ledger, session_id)?;
    let session = read(context, change, ledger, session_id)?;
    let fits = Fits::of(ledger, &attempt, &session)?;
    context.say(&format!(
        "{}: session {} ({}) will count as attempt {}{}; {}. This costs nothing.",
        attempt.name,
        escape(session_id),
        escape(&session.status),
        attempt.number,
        attempt
            .session_id
            .as_ref()
            .map_or_else(String::new, |before| {
                format!(" in place of {}", escape(before))
            }),
        fits.in_words()
    ));
    if change.auto_approve && fits.is_doubtful() {
        return Err(CliError::new(
            "this session is most probably not the attempt's; nothing was done",
        )
        .hint("check the id; to take it all the same, answer the question on a terminal"));
    }
    if !is_approved(context, change, COMMAND)? {
        return Ok(None);
    }
    attempt.adopt(session_id.to_owned(), AdoptedBy::Person, env::now());
    Ok(Some(attempt))
}

/// No two attempts have one session.
fn refuse_known(ledger: &Ledger, session_id: &str) -> Result<(), CliError> {
    if !is_usable_id(session_id) {
        return Err(CliError::usage("this is no id of a session"));
    }
    let mut attempts = ledger.recorded().attempts.values().flatten();
    let owner = attempts.find(|a| a.session_id.as_deref() == Some(session_id));
    match owner {
        None => Ok(()),
        Some(owner) => Err(CliError::new(format!(
            "session {session_id} is that of {}, attempt {}; nothing was done",
            owner.name, owner.number
        ))),
    }
}

fn read(
    context: &Context,
    change: &ChangeArgs,
    ledger: &mut Ledger,
    session_id: &str,
) -> Result<Session, CliError> {
    let settings = context.settings()?;
    let dir = context.state_dir(&settings, change.sandbox)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start").because(e))?;
    runtime.block_on(async {
        let api = connect_reading(context, &settings, &dir, change.sandbox).await?;
        let me = api.reader.me().await?;
        check_account(ledger, &api.base, &me, env::now())??;
        let session = api.reader.session(session_id).await;
        session.map_err(|error| not_readable(session_id, error))
    })
}

fn not_readable(session_id: &str, error: ReadError) -> CliError {
    match error.is_not_found() {
        true => CliError::new(format!(
            "HeyGen has no session {session_id} in this account; nothing was done"
        )),
        false => error.into(),
    }
}

fn say(context: &Context, attempt: &Attempt) -> Result<Exit, CliError> {
    let mut out = std::io::stdout().lock();
    if context.is_json() {
        let document = json!({
            "format_version": "1.0",
            "name": attempt.name,
            "hash": attempt.hash,
            "attempt": attempt.number,
            "phase": attempt.phase,
            "session_id": attempt.session_id,
            "adopted_by": attempt.adopted_by,
        });
        writeln!(out, "{document}")?;
        return Ok(Exit::Done);
    }
    match &attempt.session_id {
        Some(session) => {
            writeln!(out, "settled {}: session {session}", attempt.name)?;
            context.say("If it was another, the same command with that session puts it right.");
        }
        None => writeln!(out, "settled {}: never sent", attempt.name)?,
    }
    context.say("Next: reconcile plan shows what is left to do.");
    Ok(Exit::Done)
}
