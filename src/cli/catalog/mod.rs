//! `reconcile catalog`: what the account may use, with the ids that manifests name.

mod args;
mod online;

use std::io::{BufWriter, Write};

use serde_json::json;

pub(super) use self::args::CatalogArgs;
pub(super) use self::online::unknown_ids;
use super::connect::connect_reading;
use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use crate::catalog::{Item, Kind, list};
use crate::output::{escape, write_table};

pub(super) fn run(context: &Context, args: &CatalogArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    let kind = Kind::from(args.kind);
    let mut items = read(context, kind, args.sandbox)?;
    let all = items.len();
    let words = args.words();
    items.retain(|item| item.matches(&words));
    let mut out = BufWriter::new(std::io::stdout().lock());
    if context.is_json() {
        writeln!(out, "{}", json!({"format_version": "1.0", "items": items}))?;
    } else if items.is_empty() {
        writeln!(out, "{}", nothing(kind, all))?;
    } else {
        table(context, &mut out, kind, &items)?;
    }
    out.flush()?;
    if !items.is_empty() && !context.is_json() {
        context.say(&format!(
            "An id of the first column goes into a manifest as `{}: ID`.",
            kind.field()
        ));
    }
    Ok(Exit::Done)
}

fn read(context: &Context, kind: Kind, sandbox: bool) -> Result<Vec<Item>, CliError> {
    let settings = context.settings()?;
    let state_dir = context.state_dir(&settings, sandbox)?;
    runtime()?.block_on(async {
        let api = connect_reading(context, &settings, &state_dir, sandbox).await?;
        Ok(list(&api.reader, kind).await?)
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start").because(e))
}

fn nothing(kind: Kind, all: usize) -> String {
    match all {
        0 => format!("This account has no {}.", kind.many()),
        n => format!("None of {n} {} has all these words.", kind.many()),
    }
}

fn table(
    context: &Context,
    out: &mut dyn Write,
    kind: Kind,
    items: &[Item],
) -> std::io::Result<()> {
    let paint = context.stdout_paint();
    let plain = |i: &Item| {
        [
            cell(Some(&i.id)),
            cell(Some(&i.name)),
            cell(i.preview_url.as_ref()),
        ]
    };
    let with = |other: fn(&Item) -> Option<&String>| {
        move |i: &Item| {
            let [id, name, preview] = plain(i);
            [id, name, cell(other(i)), preview]
        }
    };
    let (heading, other): (_, fn(&Item) -> Option<&String>) = match kind {
        Kind::Avatars => ("ORIENTATION", |i| i.orientation.as_ref()),
        Kind::Voices => ("LANGUAGE", |i| i.language.as_ref()),
        Kind::Styles => ("ASPECT", |i| i.aspect_ratio.as_ref()),
        Kind::BrandKits => {
            let rows: Vec<_> = items.iter().map(plain).collect();
            return write_table(out, paint, ["ID", "NAME", "LOGO"], &rows);
        }
    };
    let rows: Vec<_> = items.iter().map(with(other)).collect();
    write_table(out, paint, ["ID", "NAME", heading, "PREVIEW"], &rows)
}

fn cell(text: Option<&String>) -> String {
    escape(text.map_or("-", String::as_str)).into_owned()
}
