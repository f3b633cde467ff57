//! What HeyGen refused, shown where it stands in the manifest.

use std::path::Path;

use crate::apply::Event;
use crate::catalog::Kind;
use crate::manifest::Problem;
use crate::project::locate;

/// The problem behind a rejection that names a field.
pub(super) fn refused(root: &Path, event: &Event) -> Option<Problem> {
    let Event::Rejected { attempt, path } = event else {
        return None;
    };
    let failure = attempt.failure.as_ref()?;
    let param = failure.param()?;
    let listing = Kind::of_field(param).map(Kind::argument);
    Some(Problem {
        path: path.to_string(),
        place: locate(root, path, &attempt.name, param),
        code: "rejected",
        message: format!("HeyGen refuses `{param}`: {}", failure.message),
        suggestion: listing.map(|list| format!("`reconcile catalog {list}` lists what there is")),
    })
}
