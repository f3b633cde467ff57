//! The plan as one JSON document. Minor versions add fields, a major version may break.

use serde_json::{Value, json};

use super::problems;
use crate::manifest::Problem;
use crate::plan::{Action, Plan};

const FORMAT_VERSION: &str = "1.0";

#[must_use]
pub fn plan_json(plan: &Plan, problems: &[Problem]) -> Value {
    let (submissions, estimate_usd) = plan.of_defaults();
    json!({
        "format_version": FORMAT_VERSION,
        "summary": plan.summary(),
        "from_defaults": {"submissions": submissions, "estimate_usd": estimate_usd},
        "cost": {"estimate_usd": plan.estimate_usd, "basis": plan.basis},
        "actions": plan.actions.iter().map(action).collect::<Vec<_>>(),
        "errors": problems::json(problems),
    })
}

fn action(action: &Action) -> Value {
    json!({
        "name": action.name,
        "action": action.kind,
        "reason": action.reason,
        "path": action.path,
        "hash": action.hash,
        "previous_hash": action.previous_hash,
        "previous_name": action.previous_name,
        "attempt": action.attempt,
        "session_id": action.session_id,
        "video_id": action.video_id,
        "estimate_usd": action.estimate_usd,
        "changes": action.changes,
        "diff": diff(action),
        "due_at": action.due,
        "param": action.field.as_ref().map(|f| &f.param),
        "line": action.field.as_ref().and_then(|f| f.line),
        "column": action.field.as_ref().and_then(|f| f.column),
    })
}

fn diff(action: &Action) -> Option<String> {
    if action.diff.is_empty() {
        return None;
    }
    let mut text = String::new();
    for line in &action.diff {
        text.push_str(&line.text());
        text.push('\n');
    }
    Some(text)
}
