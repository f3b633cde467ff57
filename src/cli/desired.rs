//! The desired state of the project, and the full text of its wishes where it is needed.

use std::collections::HashMap;
use std::path::Path;

use super::context::Context;
use super::env;
use super::error::CliError;
use crate::manifest::Manifest;
use crate::plan::{Action, Plan, Specs};
use crate::project::{self, Desired, Settings};
use crate::state::{ReadState, StateError};
use crate::video::{Name, Spec, VideoHash};

/// Reads all manifests, with the help of the index beside the state.
pub(super) fn load(context: &Context, settings: &Settings, state_dir: &Path) -> Desired {
    let index = Context::index_path(state_dir);
    project::load(&context.root, settings, Some(&index), env::system_now())
}

/// The texts a plan is explained with.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) wished: HashMap<Name, Box<Manifest>>,
    recorded: HashMap<VideoHash, Spec>,
}

impl Specs for Texts {
    fn wished(&self, name: &Name) -> Option<&Spec> {
        self.wished.get(name).map(|m| &m.spec)
    }

    fn recorded(&self, hash: &VideoHash) -> Option<&Spec> {
        self.recorded.get(hash)
    }
}

impl Texts {
    /// Collects the wishes of every action that has one, and what was submitted before.
    ///
    /// Takes parsed manifests out of `desired`; a wish known only from the index is read again.
    pub(super) fn collect(
        context: &Context,
        settings: &Settings,
        desired: &mut Desired,
        plan: &Plan,
        spec: impl Fn(&VideoHash) -> Result<Option<Spec>, StateError>,
    ) -> Result<Self, CliError> {
        let mut texts = Self::default();
        for action in &plan.actions {
            if let Some(hash) = action.previous_hash
                && let Some(spec) = spec(&hash)?
            {
                texts.recorded.insert(hash, spec);
            }
            if needs_wish(action)
                && let Some(manifest) = wish(context, settings, desired, action)?
            {
                texts.wished.insert(action.name.clone(), manifest);
            }
        }
        Ok(texts)
    }
}

fn needs_wish(action: &Action) -> bool {
    action.may_submit() || action.previous_hash.is_some()
}

fn wish(
    context: &Context,
    settings: &Settings,
    desired: &mut Desired,
    action: &Action,
) -> Result<Option<Box<Manifest>>, CliError> {
    let Some(wish) = desired.wishes.get_mut(&action.name) else {
        return Ok(None);
    };
    if let Some(manifest) = wish.manifest.take() {
        return Ok(Some(manifest));
    }
    let read = project::reread(&context.root, settings, &action.name, wish);
    let manifest = read.map_err(|problems| {
        context.show_problems(&problems);
        CliError::new("a manifest changed while it was read").hint("run the command again")
    })?;
    Ok(Some(Box::new(manifest)))
}

/// A spec as a reader of the state has it.
pub(super) fn spec_from(
    state: &impl ReadState,
) -> impl Fn(&VideoHash) -> Result<Option<Spec>, StateError> + '_ {
    |hash| {
        let json = state.spec(hash)?;
        Ok(json.and_then(|json| Spec::from_canonical(&json).ok()))
    }
}
