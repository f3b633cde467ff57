//! Doing what a plan says: each submission at most once, every outcome recorded.
//!
//! One task owns the state and decides; requests run beside it and report back. The order of
//! steps is what protects the money: the intent is durable before its POST, the answer is durable
//! before anything is said about it, and what is not certain stays `unknown`.

mod caution;
mod contents;
mod engine;
mod event;
mod gauge;
mod handle;
mod job;
mod large;
mod looks;
mod notes;
mod pace;
mod past;
mod prune;
mod refused;
mod request;
mod settling;
mod slots;
mod start;
mod survey;
mod tally;
mod texts;
mod timing;
mod uploads;

pub use contents::{Bytes, ContentError};
pub use engine::{Cause, End, Engine, Limits, Outcome, Parts, Stop, Until};
pub use event::{Counts, Event, PauseCause, Progress};
pub use notes::outdated_notes;
pub use pace::Pace;
pub use past::{PastError, adopt_found, compare, vouch};
pub use refused::locate_refused;
pub use slots::free_slots;
pub use survey::{AccountError, check_account, check_owner, survey};
pub use texts::{Texts, TextsError, spec_from};
