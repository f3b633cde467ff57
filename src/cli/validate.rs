//! `reconcile validate`: checks every manifest, touches nothing.

use std::io::Write;

use serde_json::json;

use super::args::{Format, ValidateArgs};
use super::catalog;
use super::context::Context;
use super::env;
use super::error::CliError;
use super::exit::Exit;
use crate::manifest::Problem;
use crate::output::{count, problems};
use crate::project::{self, Desired};

pub(super) fn run(context: &Context, args: &ValidateArgs) -> Result<Exit, CliError> {
    context.check_root()?;
    let mut settings = match project::load_settings(&context.root) {
        Ok(settings) => settings,
        Err(problems) => return refuse_settings(context, problems),
    };
    settings.private = Context::private();
    let mut desired = project::load(&context.root, &settings, None, env::system_now());
    let asked = match args.online {
        true => catalog::unknown_ids(context, &settings, &mut desired, args.sandbox),
        false => Ok(()),
    };
    // What is wrong without asking is shown also where nobody answers.
    show(context, &desired)?;
    asked?;
    Ok(match desired.problems.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

/// Told like what is wrong with a manifest: a pull request may have broken either.
fn refuse_settings(context: &Context, problems: Vec<Problem>) -> Result<Exit, CliError> {
    let desired = Desired {
        problems,
        ..Desired::default()
    };
    show(context, &desired)?;
    Err(CliError::new("the settings can't be used").hint("no manifest was checked"))
}

fn show(context: &Context, desired: &Desired) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match context.format {
        Format::Json => {
            let document = json!({
                "format_version": "1.0",
                "valid": desired.wishes.len(),
                "errors": problems::json(&desired.problems),
            });
            writeln!(out, "{document}")?;
        }
        Format::Github => write!(out, "{}", problems::github(&desired.problems))?,
        Format::Text => {
            context.show_problems(&desired.problems);
            writeln!(out, "{}", verdict(desired))?;
        }
    }
    Ok(())
}

fn verdict(desired: &Desired) -> String {
    let valid = count(desired.wishes.len(), "valid video", "valid videos");
    match desired.problems.len() {
        0 => format!("{valid}, no errors"),
        n => format!("{valid}, {}", count(n, "error", "errors")),
    }
}
