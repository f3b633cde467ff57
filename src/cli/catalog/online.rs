//! `validate --online`: do the ids that manifests name exist?

use std::collections::BTreeSet;

use super::runtime;
use crate::catalog::{Catalog, Item, Kind, Unknown, list, nearest, unknown};
use crate::cli::connect::connect_reading;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::heygen::Reader;
use crate::manifest::{Origin, Problem};
use crate::project::{Desired, SETTINGS_FILE, Settings, Wish, locate};
use crate::video::Name;

/// Adds what HeyGen does not know to the problems, and takes the wishes that name it out. Only the
/// kinds that are used are read.
pub(in crate::cli) fn unknown_ids(
    context: &Context,
    settings: &Settings,
    desired: &mut Desired,
    sandbox: bool,
) -> Result<(), CliError> {
    let kinds = used(desired);
    let lists = match kinds.is_empty() {
        true => Vec::new(),
        false => runtime()?.block_on(async {
            let state_dir = context.state_dir(settings, sandbox)?;
            let api = connect_reading(context, settings, &state_dir, sandbox).await?;
            read(&api.reader, kinds).await
        })?,
    };
    let written = desired.problems.iter_mut();
    written.for_each(|problem| suggest(problem, &lists));
    let mut catalog = Catalog::default();
    for (kind, items) in lists {
        catalog.add(kind, items);
    }
    let mut problems = Vec::new();
    desired.wishes.retain(|name, wish| {
        let found = unknown_of(context, name, wish, &catalog);
        let known = found.is_empty();
        problems.extend(found);
        known
    });
    desired.problems.extend(problems);
    desired.problems.sort();
    // One of the defaults is wrong for many manifests.
    desired.problems.dedup();
    Ok(())
}

/// The kinds that a wish names, or that a text names where an id belongs.
fn used(desired: &Desired) -> BTreeSet<Kind> {
    let specs = desired.wishes.values().filter_map(|w| w.manifest.as_ref());
    let mut used = BTreeSet::new();
    for manifest in specs {
        let named = |kind: &Kind| kind.wished(&manifest.spec).is_some();
        used.extend(Kind::ALL.into_iter().filter(named));
    }
    used.extend(desired.problems.iter().filter_map(kind_of_no_id));
    used
}

async fn read(reader: &Reader, kinds: BTreeSet<Kind>) -> Result<Vec<(Kind, Vec<Item>)>, CliError> {
    let mut lists = Vec::new();
    for kind in kinds {
        lists.push((kind, list(reader, kind).await?));
    }
    Ok(lists)
}

fn unknown_of(context: &Context, name: &Name, wish: &Wish, catalog: &Catalog) -> Vec<Problem> {
    let spec = wish.manifest.as_ref().map(|m| &m.spec);
    let unknown = spec.map_or_else(Vec::new, |spec| unknown(spec, catalog));
    let problem = |one: Unknown| {
        let (path, field) = said_in(wish, one.kind.field());
        Problem {
            place: locate(&context.root, &path, name, &field),
            path,
            code: "unknown_id",
            message: format!(
                "`{}` names no {} that this account may use: {}",
                one.kind.field(),
                one.kind.one(),
                one.id
            ),
            suggestion: Some(match one.near {
                Some((id, name)) => format!("did you mean `{id}` ({name})?"),
                None => format!("`reconcile catalog {}` lists them", one.kind.argument()),
            }),
        }
    };
    unknown.into_iter().map(problem).collect()
}

/// The file and the field of it that say what a wish has: the manifest, or the defaults.
fn said_in(wish: &Wish, field: &str) -> (String, String) {
    let origin = wish.manifest.as_ref().and_then(|m| m.origin(field));
    match origin {
        Some(Origin::Defaults) => (SETTINGS_FILE.to_owned(), format!("defaults.{field}")),
        _ => (wish.path.to_string(), field.to_owned()),
    }
}

/// A name with white space is refused before anybody is asked: its id can still be told.
fn suggest(problem: &mut Problem, lists: &[(Kind, Vec<Item>)]) {
    let kind = kind_of_no_id(problem);
    let list = lists.iter().find(|(read, _)| Some(*read) == kind);
    if let Some((_, items)) = list
        && let Some(item) = written(problem).and_then(|text| nearest(&text, items))
    {
        problem.suggestion = Some(format!("did you mean `{}` ({})?", item.id, item.name));
    }
}

fn kind_of_no_id(problem: &Problem) -> Option<Kind> {
    let field = problem.message.split('`').nth(1)?;
    Kind::of_field(field).filter(|_| problem.code == "id")
}

/// What stands at the place of a problem, without quotes.
fn written(problem: &Problem) -> Option<String> {
    let place = problem.place.as_ref()?;
    let at = place.column.checked_sub(1 + place.skipped)?;
    let text: String = place.text.chars().skip(at).take(place.width).collect();
    Some(text.trim_matches(['"', '\'']).to_owned())
}
