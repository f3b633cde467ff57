//! `reconcile state adopt`: a video that exists already becomes a manifest's, without paying.

mod args;
mod lines;
mod tell;

use std::path::PathBuf;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

pub(in crate::cli) use self::args::AdoptArgs;
use self::lines::{Line, lines};
use super::names::{answer, is_approved, open};
use crate::adopt::{Adoption, FindError, Found, Refusal, Waiting, adoption, find};
use crate::apply::check_account;
use crate::cli::connect::connect_reading;
use crate::cli::context::Context;
use crate::cli::desired;
use crate::cli::env;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::select;
use crate::manifest::Manifest;
use crate::output::count;
use crate::project::{Desired, Rereader, Settings};
use crate::settle::{WALK_BACK, prompt_key};
use crate::state::{Attempt, Ledger, Phase, StateError};

/// Sessions read at the same time.
const AT_ONCE: usize = 8;
const COMMAND: &str = "state adopt";

/// A line whose manifest is known.
struct Asked {
    line: Line,
    manifest: Manifest,
}

pub(in crate::cli) fn run(context: &Context, args: &AdoptArgs) -> Result<Exit, CliError> {
    let project = Project {
        context,
        settings: context.settings()?,
        args,
    };
    let (lines, mut wrong) = lines(args)?;
    let all = lines.len() + wrong.len();
    let mut ledger = open(context, &args.change, COMMAND)?;
    let asked = project.manifests(lines, &mut wrong)?;
    let found = project.ask(&mut ledger, &asked)?;
    let adoptions = judge(&ledger, &asked, found, &mut wrong)?;
    if !wrong.is_empty() {
        return Err(project.refused(wrong, all));
    }
    if adoptions.is_empty() {
        let text = "Nothing to adopt: all of it is recorded already.";
        return answer(context, text, &tell::document(&adoptions));
    }
    for (manifest, adoption) in &adoptions {
        tell::proposal(context, manifest, adoption)?;
    }
    context.say(tell::NOT_COMPARED);
    if !is_approved(context, &args.change, COMMAND)? {
        return Ok(Exit::Failed);
    }
    for (manifest, _) in &adoptions {
        ledger.put_spec(&manifest.spec)?;
    }
    let entries = adoptions.iter().flat_map(|(_, a)| a.entries());
    ledger.write(entries.collect())?;
    let text = count(adoptions.len(), "video was", "videos were") + " adopted; nothing was paid";
    answer(context, &text, &tell::document(&adoptions))
}

struct Project<'a> {
    context: &'a Context,
    settings: Settings,
    args: &'a AdoptArgs,
}

impl Project<'_> {
    fn state_dir(&self) -> Result<PathBuf, CliError> {
        let sandbox = self.args.change.sandbox;
        self.context.state_dir(&self.settings, sandbox)
    }

    fn manifests(
        &self,
        lines: Vec<Line>,
        wrong: &mut Vec<CliError>,
    ) -> Result<Vec<Asked>, CliError> {
        let desired = desired::load(self.context, &self.settings, &self.state_dir()?);
        let rereader = Rereader::new(&self.context.root, &self.settings);
        let mut asked = Vec::new();
        for line in lines {
            match self.manifest(&line.name, &desired, &rereader) {
                Ok(manifest) => asked.push(Asked { line, manifest }),
                Err(error) => wrong.push(error.at(line.at)),
            }
        }
        Ok(asked)
    }

    fn manifest(
        &self,
        name: &str,
        desired: &Desired,
        rereader: &Rereader<'_>,
    ) -> Result<Manifest, CliError> {
        let name = select::wish(name, desired)?;
        let wish = &desired.wishes[&name];
        rereader.read(&name, wish).map_err(|problems| {
            self.context.show_problems(&problems);
            CliError::new(format!("{} changed while it was read", wish.path))
                .hint("run the command again")
        })
    }

    fn ask(
        &self,
        ledger: &mut Ledger,
        asked: &[Asked],
    ) -> Result<Vec<Result<Found, FindError>>, CliError> {
        let state_dir = self.state_dir()?;
        let sandbox = self.args.change.sandbox;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|e| CliError::new("cannot start").because(e))?;
        runtime.block_on(async {
            let api = connect_reading(self.context, &self.settings, &state_dir, sandbox).await?;
            let me = api.reader.me().await?;
            check_account(ledger, &api.base, &me, env::now())??;
            let reads: Vec<_> = asked
                .iter()
                .map(|asked| find(&api.reader, &asked.line.wanted))
                .collect();
            Ok(stream::iter(reads).buffered(AT_ONCE).collect().await)
        })
    }

    /// Everything that is wrong, in the order of the file.
    fn refused(&self, mut wrong: Vec<CliError>, all: usize) -> CliError {
        if self.args.from.is_none()
            && let Some(error) = wrong.pop()
        {
            return error;
        }
        wrong.sort_by_key(CliError::line);
        for error in &wrong {
            eprint!("{}", error.render(self.context.stderr_paint()));
        }
        CliError::new(format!(
            "{} of {all} can't be adopted; nothing was recorded",
            count(wrong.len(), "line", "lines")
        ))
        .hint("mend these lines, or take them out, and give the file again")
    }
}

/// One after the other, each as if those before were recorded: a file may speak of one thing twice.
fn judge<'a>(
    ledger: &Ledger,
    asked: &'a [Asked],
    found: Vec<Result<Found, FindError>>,
    wrong: &mut Vec<CliError>,
) -> Result<Vec<(&'a Manifest, Adoption)>, CliError> {
    let waiting = waiting(ledger)?;
    let mut recorded = ledger.recorded().clone();
    let mut adoptions = Vec::new();
    for (asked, found) in asked.iter().zip(found) {
        let judged = match found {
            Ok(found) => match adoption(&recorded, &waiting, &asked.manifest, &found, env::now()) {
                Err(Refusal::Already) => continue,
                judged => judged.map_err(|refusal| tell::refused(&asked.manifest, &refusal)),
            },
            Err(FindError::Read(error)) => Err(error.into()),
            Err(error) => Err(CliError::new(format!("{error}; nothing was recorded"))
                .hint("--session takes a session's id and --video a video's, as HeyGen's API, its webhooks and `reconcile status` tell them")),
        };
        match judged {
            Ok(adoption) => {
                adoption.entries().into_iter().for_each(|e| recorded.put(e));
                adoptions.push((&asked.manifest, adoption));
            }
            Err(error) => wrong.push(error.at(asked.line.at)),
        }
    }
    Ok(adoptions)
}

/// As far back as its session is looked for.
fn since(attempt: &Attempt) -> Timestamp {
    let intent = attempt.intent_at_heygen.unwrap_or(attempt.intent_at);
    intent.saturating_sub(WALK_BACK).unwrap_or(Timestamp::MIN)
}

fn waiting(ledger: &Ledger) -> Result<Vec<Waiting>, StateError> {
    let unsettled = ledger.recorded().attempts_where(Phase::is_unsettled);
    let waiting = unsettled.into_iter().map(|attempt| {
        let spec = ledger.spec(&attempt.hash)?;
        Ok(Waiting {
            name: attempt.name.clone(),
            prompt: spec.map(|spec| prompt_key(spec.prompt.as_str())),
            candidates: attempt.candidates.clone(),
            since: since(attempt),
        })
    });
    waiting.collect()
}
