//! Adds to a plan what differs: fields before and after, and a diff.
//!
//! Pure like the plan itself: whoever calls it brings the texts.

use rayon::prelude::*;
use serde_json::Value;

use super::action::{Action, Change, Kind, Plan};
use super::diff::{canonical_yaml, unified};
use crate::manifest::Origin;
use crate::video::{Name, Spec, VideoHash};

/// Where the texts come from.
pub trait Specs {
    /// What a name wishes now.
    fn wished(&self, name: &Name) -> Option<&Spec>;
    /// Who says what a field of that wish is; `None` if nobody does.
    fn origin(&self, name: &Name, field: &str) -> Option<Origin>;
    /// What was submitted under a hash.
    fn recorded(&self, hash: &VideoHash) -> Option<&Spec>;
}

/// Fills `changes` and `diff` of every action whose content differs from what is recorded.
pub fn explain(plan: &mut Plan, specs: &(impl Specs + Sync)) {
    let shown = plan.actions.par_iter_mut().with_min_len(16);
    shown
        .filter(|action| shows_content(action))
        .for_each(|action| explain_action(action, specs));
}

/// A wish of which nothing is shown yet, or that shows other content than before.
fn shows_content(action: &Action) -> bool {
    action.kind == Kind::Create
        || (action.previous_hash.is_some() && (action.kind.submits() || action.kind == Kind::Reuse))
}

fn explain_action(action: &mut Action, specs: &impl Specs) {
    let Some(after) = specs.wished(&action.name) else {
        return;
    };
    let before = action.previous_hash.and_then(|hash| specs.recorded(&hash));
    let origin = |field: &str| specs.origin(&action.name, field);
    action.changes = changes(before, after, origin);
    action.diff = unified(
        &before.map_or_else(String::new, canonical_yaml),
        &canonical_yaml(after),
    );
    if action.reason.code == "changed" {
        action.reason.text = changed_text(&action.changes);
    }
}

const FIELDS: [&str; 9] = [
    "prompt",
    "avatar_id",
    "voice_id",
    "style_id",
    "brand_kit_id",
    "orientation",
    "files",
    "incognito_mode",
    "revision",
];

fn changes(
    before: Option<&Spec>,
    after: &Spec,
    origin: impl Fn(&str) -> Option<Origin>,
) -> Vec<Change> {
    let (before, after) = (before.map(fields), fields(after));
    FIELDS
        .into_iter()
        .map(|field| Change {
            field,
            before: before.as_ref().map_or(Value::Null, |v| v[field].clone()),
            after: after[field].clone(),
            source: origin(field),
        })
        .filter(|change| change.before != change.after)
        .collect()
}

fn fields(spec: &Spec) -> Value {
    serde_json::to_value(spec).unwrap_or(Value::Null)
}

fn changed_text(changes: &[Change]) -> String {
    let parts = [
        (Some(Origin::Manifest), "changed"),
        (
            Some(Origin::Defaults),
            "changed (from defaults in reconcile.yaml)",
        ),
        (
            None,
            "removed (neither the manifest nor defaults in reconcile.yaml say it)",
        ),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter_map(|(source, what)| {
            let fields = changes.iter().filter(|c| c.source == *source);
            let fields = listed(&fields.map(|c| c.field).collect::<Vec<_>>())?;
            Some(format!("{fields} {what}"))
        })
        .collect();
    match parts.is_empty() {
        true => "the manifest changed".to_owned(),
        false => parts.join("; "),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(words: &[&str]) -> Option<String> {
    match words {
        [] => None,
        [one] => Some((*one).to_owned()),
        [many @ .., last] => Some(format!("{} and {last}", many.join(", "))),
    }
}
