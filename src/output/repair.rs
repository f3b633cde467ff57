//! What a repair keeps and what is lost, in words and as JSON.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::{count, escape};
use crate::state::{Found, Lost, Repair};
use crate::video::Name;

/// More than this helps nobody who reads it.
const SHOWN: usize = 10;

/// What is wrong and what would be done about it.
pub fn write_repair(out: &mut dyn Write, repair: &Repair) -> io::Result<()> {
    writeln!(out, "The state is damaged:")?;
    for lost in &repair.found.lost {
        writeln!(out, "  {}", escape(&text(lost)))?;
    }
    writeln!(
        out,
        "Repairing it keeps {}, and a copy of what is there now.",
        kept(&repair.found)
    )?;
    let unproven = repair.vouch.as_ref().and_then(|vouch| vouch.unproven);
    if let Some(unproven) = unproven {
        writeln!(
            out,
            "Nothing is submitted then before HeyGen's sessions since {:.0} were looked at.",
            unproven.since
        )?;
    }
    Ok(())
}

/// What was done.
#[must_use]
pub fn repaired_text(found: &Found, copy: &Path) -> String {
    let lost: Vec<_> = found
        .lost
        .iter()
        .map(|lost| escape(&text(lost)).into_owned())
        .collect();
    format!(
        "Repaired: kept {}; {}; the copy is in {}",
        kept(found),
        lost.join("; "),
        escape(&copy.display().to_string())
    )
}

#[must_use]
pub fn repaired_json(found: &Found, copy: &Path) -> Value {
    let lost: Vec<_> = found.lost.iter().map(lost_json).collect();
    json!({
        "format_version": "1.0",
        "repaired": true,
        "kept": {"names": found.names, "attempts": found.attempts},
        "lost": lost,
        "copy": copy,
    })
}

#[must_use]
pub fn nothing_to_repair_json() -> Value {
    json!({
        "format_version": "1.0",
        "repaired": false,
        "kept": null,
        "lost": [],
        "copy": null,
    })
}

fn lost_json(lost: &Lost) -> Value {
    let (code, bytes, names): (_, &[u64], &[Name]) = match lost {
        Lost::Journal => ("journal", &[], &[]),
        Lost::Lines(bytes) => ("lines", bytes, &[]),
        Lost::Newest => ("newest", &[], &[]),
        Lost::Attempts(names) => ("attempts", &[], names),
        Lost::Text(_, names) => ("text", &[], names),
    };
    let hash = match lost {
        Lost::Text(hash, _) => Some(hash),
        _ => None,
    };
    json!({"code": code, "text": text(lost), "bytes": bytes, "names": names, "hash": hash})
}

fn kept(found: &Found) -> String {
    let names = count(found.names, "name", "names");
    format!("{names}, {}", count(found.attempts, "attempt", "attempts"))
}

fn text(lost: &Lost) -> String {
    match lost {
        Lost::Journal => "the journal is missing, and all that was in it".into(),
        Lost::Lines(bytes) => format!(
            "{} of the journal could not be read, at {} {}",
            count(bytes.len(), "line", "lines"),
            if bytes.len() == 1 { "byte" } else { "bytes" },
            list(bytes)
        ),
        Lost::Newest => "what was written last is missing: the journal was cut, or an older copy \
                         took its place"
            .into(),
        Lost::Attempts(names) => format!("no attempt is left of what {} shows", list(names)),
        Lost::Text(hash, names) if names.is_empty() => format!("the text of the wish {hash}"),
        Lost::Text(hash, names) => {
            format!("the text of the wish {hash}, which {} shows", list(names))
        }
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    let shown: Vec<_> = items.iter().take(SHOWN).map(T::to_string).collect();
    match items.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
