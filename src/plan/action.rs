//! The plan as plain data.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::DiffLine;
use crate::manifest::Origin;
use crate::spend::rounded_usd;
use crate::video::{Name, VideoHash};

/// Everything `apply` would do, in the order of names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// All actions but `none`.
    pub actions: Vec<Action>,
    /// How many selected names are as wished.
    pub unchanged: usize,
    /// Dollars for all submissions together, as estimated.
    pub estimate_usd: f64,
    /// How the estimate came about, in words.
    pub basis: String,
}

/// What is to be done for one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    pub name: Name,
    pub kind: Kind,
    pub reason: Reason,
    /// The manifest; the recorded one where there is none any more.
    pub path: String,
    /// The hash the action is about: the wished one, or the recorded one of `settle`, `orphan`, `delete`.
    pub hash: VideoHash,
    /// The record's hash where it differs from the wished one.
    pub previous_hash: Option<VideoHash>,
    /// The name the video comes from (`reuse`, `move`), or that holds this one up.
    pub previous_name: Option<Name>,
    /// The number of the attempt that is submitted or concerned.
    pub attempt: Option<u32>,
    pub session_id: Option<String>,
    pub video_id: Option<String>,
    /// Filled by [`super::explain`].
    pub changes: Vec<Change>,
    /// Filled by [`super::explain`]: a unified diff of canonical YAML; empty where nothing differs.
    pub diff: Vec<DiffLine>,
    /// Dollars, where the action submits.
    pub estimate_usd: Option<f64>,
    /// What the record is to say of pruning.
    pub protected: bool,
    /// When what is blocked now may be tried again.
    pub due: Option<Timestamp>,
    /// The field that HeyGen refused.
    pub field: Option<Box<Field>>,
}

/// A field of a manifest, as HeyGen names it. Where it stands is filled in by whoever reads files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub param: String,
    pub line: Option<usize>,
    pub column: Option<usize>,
}

/// Why. The code is for programs and never changes its meaning; the text is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub code: &'static str,
    pub text: String,
}

/// One field that differs. Absent is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub field: &'static str,
    pub before: Value,
    pub after: Value,
    /// Who says what it is to be; null if neither the manifest nor the defaults say it.
    pub source: Option<Origin>,
}

/// The kinds of action, in the order a plan shows them: trouble, paid, free, leftovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Settle,
    Blocked,
    Create,
    Update,
    Retry,
    Replace,
    Reuse,
    Move,
    Delete,
    Orphan,
}

/// How many actions of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub create: usize,
    pub update: usize,
    pub settle: usize,
    pub retry: usize,
    pub replace: usize,
    pub reuse: usize,
    #[serde(rename = "move")]
    pub moved: usize,
    pub blocked: usize,
    pub orphan: usize,
    pub delete: usize,
    pub none: usize,
    /// How many POSTs at most.
    pub submissions: usize,
}

impl Kind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settle => "settle",
            Self::Blocked => "blocked",
            Self::Create => "create",
            Self::Update => "update",
            Self::Retry => "retry",
            Self::Replace => "replace",
            Self::Reuse => "reuse",
            Self::Move => "move",
            Self::Delete => "delete",
            Self::Orphan => "orphan",
        }
    }

    #[must_use]
    pub fn symbol(self) -> char {
        match self {
            Self::Settle => '?',
            Self::Blocked => 'x',
            Self::Create => '+',
            Self::Update => '~',
            Self::Retry => '!',
            Self::Replace => '±',
            Self::Reuse => '=',
            Self::Move => '>',
            Self::Delete => '-',
            Self::Orphan => 'o',
        }
    }

    /// Certain to POST. `settle` may, at most once.
    #[must_use]
    pub fn submits(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Update | Self::Retry | Self::Replace
        )
    }

    /// Whether `apply` would do something; orphan and blocked alone are nothing.
    #[must_use]
    pub fn is_change(self) -> bool {
        !matches!(self, Self::Blocked | Self::Orphan)
    }
}

impl Action {
    /// It shows what another action submits, or what is not settled yet.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.kind == Kind::Reuse && self.session_id.is_none() && self.video_id.is_none()
    }

    /// Whether executing it may POST: for certain, or because something turns out not to have been
    /// sent.
    #[must_use]
    pub fn may_submit(&self) -> bool {
        self.kind.submits() || self.kind == Kind::Settle || self.waits()
    }

    /// Whether it submits, and everything that changes is left to the defaults by the manifest.
    #[must_use]
    pub fn is_of_defaults(&self) -> bool {
        let said = |c: &Change| c.source == Some(Origin::Manifest);
        let changes = !self.changes.is_empty() && !self.changes.iter().any(said);
        self.kind.submits() && self.previous_hash.is_some() && changes
    }
}

impl Field {
    pub(super) fn named(param: &str) -> Self {
        Self {
            param: param.to_owned(),
            line: None,
            column: None,
        }
    }
}

impl Reason {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}

impl Plan {
    /// Whether `apply` with the same options would do nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.actions.iter().any(|a| a.kind.is_change())
    }

    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            none: self.unchanged,
            ..Summary::default()
        };
        for action in &self.actions {
            *summary.count(action.kind) += 1;
            summary.submissions +=
                usize::from(action.kind.submits() || action.kind == Kind::Settle);
        }
        summary
    }

    /// How many submissions come from the defaults alone, and their price in dollars.
    #[must_use]
    pub fn of_defaults(&self) -> (usize, f64) {
        let of_defaults = self.actions.iter().filter(|a| a.is_of_defaults());
        let (count, usd) = of_defaults.fold((0, 0.0), |(count, usd), action| {
            (count + 1, usd + action.estimate_usd.unwrap_or(0.0))
        });
        (count, rounded_usd(usd))
    }

    /// Dollars for what is submitted for certain, as estimated.
    #[must_use]
    pub fn certain_usd(&self) -> f64 {
        let certain = self.actions.iter().filter(|a| a.kind.submits());
        rounded_usd(certain.filter_map(|a| a.estimate_usd).sum())
    }

    /// Turns the submissions of these hashes into reuses of the sessions that were found for them.
    pub fn reuse_found(&mut self, sessions: &HashMap<VideoHash, String>) {
        for action in &mut self.actions {
            if let Some(session_id) = sessions.get(&action.hash).filter(|_| action.may_submit()) {
                action.kind = Kind::Reuse;
                action.reason = Reason::new("found", "its session was found at HeyGen");
                action.session_id = Some(session_id.clone());
                action.estimate_usd = None;
            }
        }
    }

    /// The actions as people read them: trouble first, then paid, free and leftovers, each by name.
    #[must_use]
    pub fn by_urgency(&self) -> Vec<&Action> {
        let mut actions: Vec<_> = self.actions.iter().collect();
        actions.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        actions
    }
}

impl Summary {
    fn count(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Settle => &mut self.settle,
            Kind::Blocked => &mut self.blocked,
            Kind::Create => &mut self.create,
            Kind::Update => &mut self.update,
            Kind::Retry => &mut self.retry,
            Kind::Replace => &mut self.replace,
            Kind::Reuse => &mut self.reuse,
            Kind::Move => &mut self.moved,
            Kind::Delete => &mut self.delete,
            Kind::Orphan => &mut self.orphan,
        }
    }
}
