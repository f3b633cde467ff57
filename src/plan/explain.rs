//! Adds to a plan what differs: fields before and after, and a diff.
//!
//! Pure like the plan itself: whoever calls it brings the texts.

use rayon::prelude::*;
use serde_json::Value;

use super::action::{Action, Change, Kind, Plan};
use super::diff::{canonical_yaml, unified};
use crate::video::{Name, Spec, VideoHash};

/// Where the texts come from.
pub trait Specs {
    /// What a name wishes now.
    fn wished(&self, name: &Name) -> Option<&Spec>;
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
    action.changes = changes(before, after);
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

fn changes(before: Option<&Spec>, after: &Spec) -> Vec<Change> {
    let (before, after) = (before.map(fields), fields(after));
    FIELDS
        .into_iter()
        .map(|field| Change {
            field,
            before: before.as_ref().map_or(Value::Null, |v| v[field].clone()),
            after: after[field].clone(),
        })
        .filter(|change| change.before != change.after)
        .collect()
}

fn fields(spec: &Spec) -> Value {
    serde_json::to_value(spec).unwrap_or(Value::Null)
}

fn changed_text(changes: &[Change]) -> String {
    let fields: Vec<_> = changes.iter().map(|c| c.field).collect();
    match fields.as_slice() {
        [] => "the manifest changed".to_owned(),
        [one] => format!("{one} changed"),
        [many @ .., last] => format!("{} and {last} changed", many.join(", ")),
    }
}
