//! The whole text of the wishes a plan is about: to explain it, and to submit it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::manifest::{Manifest, Problem};
use crate::plan::{Action, Plan, Specs};
use crate::project::{Desired, Settings, reread};
use crate::state::{ReadState, StateError};
use crate::video::{Name, Spec, VideoHash};

#[derive(Default)]
pub struct Texts {
    /// Of every action that may submit, and of each that changes what a name shows.
    pub wished: HashMap<Name, Box<Manifest>>,
    recorded: HashMap<VideoHash, Spec>,
}

#[derive(Debug, thiserror::Error)]
pub enum TextsError {
    /// Not the wish any more that was planned with.
    #[error("a manifest changed while it was read")]
    Changed(Vec<Problem>),
    #[error(transparent)]
    State(#[from] StateError),
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
    /// What is not to be submitted, whichever name wishes for it.
    pub fn leave_out(&mut self, hashes: &HashSet<VideoHash>) {
        self.wished
            .retain(|_, manifest| !hashes.contains(&manifest.hash));
    }

    /// Collects the wishes of every action that has one, and what was submitted before, as `spec`
    /// tells it.
    ///
    /// Takes parsed manifests out of `desired`; a wish known only from the index is read again.
    pub fn collect(
        root: &Path,
        settings: &Settings,
        desired: &mut Desired,
        plan: &Plan,
        spec: impl Fn(&VideoHash) -> Result<Option<Spec>, StateError>,
    ) -> Result<Self, TextsError> {
        let mut texts = Self::default();
        for action in &plan.actions {
            if let Some(hash) = action.previous_hash
                && let Some(spec) = spec(&hash)?
            {
                texts.recorded.insert(hash, spec);
            }
            if needs_wish(action)
                && let Some(manifest) = wish(root, settings, desired, action)?
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
    root: &Path,
    settings: &Settings,
    desired: &mut Desired,
    action: &Action,
) -> Result<Option<Box<Manifest>>, TextsError> {
    let Some(wish) = desired.wishes.get_mut(&action.name) else {
        return Ok(None);
    };
    if let Some(manifest) = wish.manifest.take() {
        return Ok(Some(manifest));
    }
    let read = reread(root, settings, &action.name, wish);
    Ok(Some(Box::new(read.map_err(TextsError::Changed)?)))
}

/// A spec as a reader of the state has it.
pub fn spec_from(
    state: &impl ReadState,
) -> impl Fn(&VideoHash) -> Result<Option<Spec>, StateError> + '_ {
    |hash| {
        let json = state.spec(hash)?;
        Ok(json.and_then(|json| Spec::from_canonical(&json).ok()))
    }
}
