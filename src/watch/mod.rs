//! Reconciling for months: looks whenever something may have changed, and now and then.
//!
//! Level-triggered: an event, a webhook or a timer only says "look again". A look reads what is wished
//! and what is recorded, plans, shows the plan, and does of it what may be done now; what may not, it
//! comes back to. So nothing is lost with an event, and a crash loses nothing but time.
//!
//! The state's lock is held for a turn: from the look to the end of the requests it sent. Knows tokio
//! and the file system; no arguments, no environment, no printing: an [`Edge`] does that.

pub mod changes;
pub mod server;

mod budget;
mod download;
mod edge;
mod ended;
mod gate;
mod hints;
mod hold_back;
mod memory;
mod quiet;
mod restraint;
mod run;
mod settings;
mod turn;
mod view;

pub use edge::{Config, Edge, Heartbeat, Setup};
pub use gate::{Pause, Reason};
pub use hints::Hint;
pub use quiet::Quiet;
pub use run::{Watch, run};
pub use view::{Totals, View};
