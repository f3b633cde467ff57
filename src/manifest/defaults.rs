//! What every manifest of a project says unless it says otherwise: `defaults` in the settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::field::{self, Field};
use super::fields::{Checker, Fields};
use super::files::{self, Files, Given};
use super::local::LocalFiles;
use super::node::{Node, Value};
use super::problem::Problem;
use super::values::Look;
use super::wish::Origin;
use crate::video::Sha256Hex;

/// As the settings say them; nothing that they name has been looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Defaults {
    /// The file they stand in.
    path: Arc<str>,
    said: Vec<&'static str>,
    look: Look,
    files: Vec<Given>,
    labels: BTreeMap<String, String>,
    callback_url: Option<String>,
}

/// Defaults with their files looked at. Those of a project without any say nothing.
#[derive(Debug, Default)]
pub struct ReadyDefaults {
    said: Option<Vec<&'static str>>,
    look: Look,
    files: Read,
    labels: BTreeMap<String, String>,
    callback_url: Option<String>,
}

#[derive(Debug)]
enum Read {
    Whole(Files),
    /// Something about them is wrong, and was told.
    Broken {
        locals: Vec<Arc<str>>,
    },
}

impl Default for Read {
    fn default() -> Self {
        Self::Whole(Files::default())
    }
}

impl Defaults {
    /// Reads the map that `defaults` is, with the checks of a manifest.
    pub fn read(checker: &mut Checker<'_>, node: &Node) -> Option<Self> {
        let known = refuse_own(checker, node);
        let fields = checker.fields(node, "`defaults`", &known)?;
        let said = field::defaultable().filter(|f| fields.given(f.name).is_some());
        Some(Self {
            path: checker.source.path.clone(),
            said: said.map(|f| f.name).collect(),
            look: Look::read(checker, &fields, &Look::default()),
            files: files::given(checker, &fields),
            labels: checker.labels(&fields, &BTreeMap::new()),
            callback_url: checker.callback_url(&fields),
        })
    }

    /// Looks at the files they name, and tells everything wrong with those.
    #[must_use]
    pub fn look_at_files(&self, local: &dyn LocalFiles) -> (ReadyDefaults, Vec<Problem>) {
        let (files, problems) = files::look_at(&self.files, &self.path, local);
        let files = match problems.is_empty() {
            true => Read::Whole(files),
            false => Read::Broken {
                locals: files.locals,
            },
        };
        let ready = ReadyDefaults {
            said: Some(self.said.clone()),
            look: self.look.clone(),
            files,
            labels: self.labels.clone(),
            callback_url: self.callback_url.clone(),
        };
        (ready, problems)
    }
}

/// What makes a wish the one it is has no default: such fields are refused with the reason. They are
/// among the known ones, lest they are refused twice.
fn refuse_own(checker: &mut Checker<'_>, node: &Node) -> Vec<&'static str> {
    let mut known: Vec<_> = field::defaultable().map(|f| f.name).collect();
    checker.refuse_callback_id(node, &mut known);
    let Value::Map(entries) = &node.value else {
        return known;
    };
    for (key, _) in entries.iter() {
        let own = field::ALL.iter().find(|f| f.name == &*key.text);
        if let Some(own) = own.filter(|f| !f.has_default) {
            let message = format!("`{}` has no default: every manifest has its own", own.name);
            checker.problem_with(
                "no_default",
                key.span,
                message,
                "move it into the manifests",
            );
            known.push(own.name);
        }
    }
    known
}

impl ReadyDefaults {
    pub(super) fn look(&self) -> &Look {
        &self.look
    }

    pub(super) fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    pub(super) fn callback_url(&self) -> Option<&String> {
        self.callback_url.as_ref()
    }

    pub(super) fn files(&self) -> Option<&Files> {
        match &self.files {
            Read::Whole(files) => Some(files),
            Read::Broken { .. } => None,
        }
    }

    /// Differs wherever a manifest could come to something else with these.
    #[must_use]
    pub fn fingerprint(&self) -> Sha256Hex {
        Sha256Hex::of(format!("{self:?}").as_bytes())
    }

    /// Local files that they name, whether or not they can be read.
    #[must_use]
    pub fn locals(&self) -> &[Arc<str>] {
        match &self.files {
            Read::Whole(Files { locals, .. }) | Read::Broken { locals } => locals,
        }
    }

    /// The fields of the picture that a manifest leaves to these defaults.
    pub(super) fn unsaid(&self, fields: &Fields) -> Vec<(&'static str, Option<Origin>)> {
        let Some(said) = &self.said else {
            return Vec::new();
        };
        let of_picture = field::defaultable().filter(|f| f.is_picture);
        let origin = |f: &Field| said.contains(&f.name).then_some(Origin::Defaults);
        of_picture
            .filter(|f| fields.get(f.name).is_none())
            .map(|f| (f.name, origin(f)))
            .collect()
    }
}
