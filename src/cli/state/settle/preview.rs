//! `reconcile state settle NAME`: what HeyGen has that the attempt could be. Takes no lock, changes
//! nothing.

use std::io::Write;

use jiff::Timestamp;

use super::super::args::SettleArgs;
use super::unsettled;
use crate::apply::{check_owner, spec_from};
use crate::cli::connect::{Reading, connect_reading};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::heygen::{ReadError, Reader};
use crate::output::{Choice, Possible, choice_json, choice_text};
use crate::plan::Pricing;
use crate::project::Settings;
use crate::settle::{Candidate, Question, candidates};
use crate::state::{ReadState, Recorded, open_reader};

/// More can't be told apart by a person.
const MOST: usize = 20;

pub(super) fn run(context: &Context, args: &SettleArgs) -> Result<Exit, CliError> {
    let settings = context.settings()?;
    let dir = context.state_dir(&settings, args.change.sandbox)?;
    let state = open_reader(&dir)?;
    let recorded = state.load()?;
    let attempt = unsettled(&recorded, &args.name)?;
    let Some(spec) = spec_from(&state)(&attempt.hash)? else {
        return Err(CliError::new(
            "the state does not hold what was submitted, so sessions can't be compared with it",
        )
        .hint("look at https://app.heygen.com, and decide with --adopt SESSION or --not-sent"));
    };
    let question = Question::new(&attempt, &spec, &recorded);
    let (possible, more) = ask(context, args, &settings, &dir, &recorded, &question)?;
    let choice = Choice {
        attempt: &attempt,
        possible: &possible,
        more,
        incognito: spec.incognito_mode,
        estimate_usd: Pricing::of(&settings).estimate_usd(1),
    };
    let mut out = std::io::stdout().lock();
    match context.is_json() {
        true => writeln!(out, "{}", choice_json(&choice))?,
        false => write!(out, "{}", choice_text(&choice, context.stdout_paint()))?,
    }
    Ok(Exit::Done)
}

fn ask(
    context: &Context,
    args: &SettleArgs,
    settings: &Settings,
    dir: &std::path::Path,
    recorded: &Recorded,
    question: &Question,
) -> Result<(Vec<Possible>, usize), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start").because(e))?;
    runtime.block_on(async {
        let api = connect_reading(context, settings, dir, args.change.sandbox).await?;
        check_whose(&api, recorded).await?;
        let mut found = candidates(&api.reader, question, &recorded.sessions()).await?;
        let sent = question.intent.as_second();
        found.sort_by_key(|c| c.created_at.abs_diff(sent));
        let more = found.len().saturating_sub(MOST);
        let mut possible = Vec::new();
        for candidate in found.into_iter().take(MOST) {
            possible.extend(look_at(&api.reader, candidate, question).await?);
        }
        Ok((possible, more))
    })
}

async fn check_whose(api: &Reading, recorded: &Recorded) -> Result<(), CliError> {
    let me = api.reader.me().await?;
    Ok(check_owner(recorded, &api.base, &me)?)
}

/// One that is gone meanwhile is none.
async fn look_at(
    reader: &Reader,
    candidate: Candidate,
    question: &Question,
) -> Result<Option<Possible>, ReadError> {
    let session = match reader.session(&candidate.session_id).await {
        Err(error) if error.is_not_found() => return Ok(None),
        session => session?,
    };
    let video = match &session.video_id {
        Some(id) => reader.video(id).await.ok(),
        None => None,
    };
    Ok(Some(Possible {
        has_prompt: candidate.prompts.contains(&question.prompt),
        session_id: candidate.session_id,
        made: Timestamp::from_second(candidate.created_at).unwrap_or_default(),
        status: session.status,
        title: session.title,
        video_id: session.video_id,
        video_page_url: video.and_then(|video| video.video_page_url),
    }))
}
