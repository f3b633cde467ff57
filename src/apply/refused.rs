//! Where in the manifests stands what HeyGen refused before.

use std::path::Path;

use crate::plan::{Kind, Plan};
use crate::project::locate;

/// Fills in the places of blocked actions that are about a field.
pub fn locate_refused(root: &Path, plan: &mut Plan) {
    let blocked = plan.actions.iter_mut().filter(|a| a.kind == Kind::Blocked);
    for action in blocked {
        if let Some(field) = action.field.as_mut() {
            let place = locate(root, &action.path, &action.name, &field.param);
            field.line = place.as_ref().map(|p| p.line);
            field.column = place.map(|p| p.column);
        }
    }
}
