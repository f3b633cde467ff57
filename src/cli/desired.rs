//! The desired state of the project, and the texts of its wishes, for commands.

use std::path::Path;

use super::context::Context;
use super::env;
use super::error::CliError;
use crate::apply::{Texts, TextsError};
use crate::plan::Plan;
use crate::project::{self, Desired, Settings};
use crate::state::StateError;
use crate::video::{Spec, VideoHash};

/// Reads all manifests, with the help of the index beside the state.
pub(super) fn load(context: &Context, settings: &Settings, state_dir: &Path) -> Desired {
    let index = Context::index_path(state_dir);
    project::load(&context.root, settings, Some(&index), env::system_now())
}

/// See [`Texts::collect`]; a manifest that changed meanwhile is shown.
pub(super) fn texts(
    context: &Context,
    settings: &Settings,
    desired: &mut Desired,
    plan: &Plan,
    spec: impl Fn(&VideoHash) -> Result<Option<Spec>, StateError>,
) -> Result<Texts, CliError> {
    Texts::collect(&context.root, settings, desired, plan, spec).map_err(|error| match error {
        TextsError::Changed(problems) => {
            context.show_problems(&problems);
            CliError::new("a manifest changed while it was read").hint("run the command again")
        }
        TextsError::State(error) => error.into(),
    })
}
