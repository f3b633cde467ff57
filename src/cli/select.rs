//! Which names a NAME argument means: a name, a glob, or a manifest's path.

use std::collections::BTreeSet;
use std::path::Path;

use globset::{Glob, GlobMatcher};

use super::error::CliError;
use crate::plan::Selection;
use crate::project::Desired;
use crate::state::Recorded;
use crate::video::Name;

/// A name and the manifest it stands in or stood in.
struct Candidate<'a> {
    name: &'a Name,
    path: &'a str,
}

/// The selection that arguments make; none is all.
pub(super) fn select(
    arguments: &[String],
    desired: &Desired,
    recorded: &Recorded,
) -> Result<Selection, CliError> {
    if arguments.is_empty() {
        return Ok(Selection::All);
    }
    names(arguments, desired, recorded).map(Selection::Only)
}

/// Every name the arguments mean. One that matches nothing is an error with the nearest.
pub(super) fn names(
    arguments: &[String],
    desired: &Desired,
    recorded: &Recorded,
) -> Result<BTreeSet<Name>, CliError> {
    let candidates = candidates(desired, recorded);
    let mut selected = BTreeSet::new();
    for argument in arguments {
        let before = selected.len();
        let pattern = Pattern::new(argument)?;
        let matching = candidates.iter().filter(|c| pattern.matches(c));
        let mut found = false;
        for candidate in matching {
            found = true;
            selected.insert(candidate.name.clone());
        }
        if !found && selected.len() == before {
            return Err(no_match(argument, &candidates));
        }
    }
    Ok(selected)
}

/// The one wish that a name or path means.
pub(super) fn wish(argument: &str, desired: &Desired) -> Result<Name, CliError> {
    if let Some((name, _)) = desired.wishes.get_key_value(argument) {
        return Ok(name.clone());
    }
    let meant = names(&[argument.to_owned()], desired, &Recorded::default());
    let mut meant = meant
        .map_err(|error| match may_be_hidden(argument, desired) {
            true => error.hint("or its manifest can't be read: `reconcile validate` shows why"),
            false => error,
        })?
        .into_iter();
    match (meant.next(), meant.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(CliError::usage(format!("`{argument}` means several videos")).hint("name one")),
    }
}

fn may_be_hidden(argument: &str, desired: &Desired) -> bool {
    let name = Name::parse(argument);
    name.is_ok_and(|name| desired.may_hide(&name, argument))
}

fn candidates<'a>(desired: &'a Desired, recorded: &'a Recorded) -> Vec<Candidate<'a>> {
    let wished = desired.wishes.iter().map(|(name, wish)| Candidate {
        name,
        path: &wish.path,
    });
    let unwished = recorded
        .records
        .values()
        .filter(|r| !desired.wishes.contains_key(&r.name));
    let orphaned = unwished.map(|record| Candidate {
        name: &record.name,
        path: &record.path,
    });
    wished.chain(orphaned).collect()
}

struct Pattern<'a> {
    text: &'a str,
    path: String,
    glob: Option<GlobMatcher>,
}

impl<'a> Pattern<'a> {
    fn new(text: &'a str) -> Result<Self, CliError> {
        let glob = match text.contains(['*', '?', '[', '{']) {
            true => Some(
                Glob::new(text)
                    .map_err(|e| CliError::usage(format!("not a glob: {}", e.kind())))?
                    .compile_matcher(),
            ),
            false => None,
        };
        let path = Path::new(text).components().collect::<std::path::PathBuf>();
        let path = path.to_string_lossy().trim_start_matches("./").to_owned();
        Ok(Self { text, path, glob })
    }

    fn matches(&self, candidate: &Candidate<'_>) -> bool {
        match &self.glob {
            Some(glob) => glob.is_match(candidate.name.as_str()),
            None => candidate.name.as_str() == self.text || candidate.path == self.path,
        }
    }
}

fn no_match(argument: &str, candidates: &[Candidate<'_>]) -> CliError {
    let error = CliError::usage(format!("no video is called `{argument}`"));
    let nearest = candidates
        .iter()
        .map(|c| (strsim::jaro_winkler(argument, c.name.as_str()), c.name))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, name)) => error.hint(format!("did you mean `{name}`?")),
        None => error.hint("`reconcile status` lists all names"),
    }
}
