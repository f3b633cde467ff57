//! What would happen, decided purely: (desired, recorded, options) → [`Plan`].
//!
//! No file, clock, environment or network is touched here. A plan leaves no choice to whoever
//! executes it, and every action carries its reason.

mod action;
mod budget;
mod cost;
mod decide;
mod diff;
mod explain;
mod leftover;
mod lookup;
mod options;
mod retry;

pub use action::{Action, Change, Field, Kind, Plan, Reason, Summary};
pub use budget::{Budget, Over};
pub use cost::Pricing;
pub use decide::plan;
pub use diff::{DiffLine, canonical_yaml, unified};
pub use explain::{Specs, explain};
pub use options::{Options, Retry, Selection};
