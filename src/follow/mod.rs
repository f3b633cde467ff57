//! Following submitted videos to their end: when to look, how to look, and what a look changes.
//!
//! Uses only the reading half of the API, so nothing here can spend.

mod look;
mod observe;
mod refresh;
mod schedule;

pub use look::{
    Coarse, Seen, look_at_session, look_at_statuses, look_at_video, look_further, seen_of,
};
pub use observe::observe;
pub use refresh::{Drift, RefreshError, refresh};
pub use schedule::{Due, Schedule};
