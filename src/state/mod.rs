//! What is recorded: names, attempts, uploaded assets, and the account they belong to.
//!
//! Think of git: a [`Record`] is a ref (name → hash), an [`Attempt`] is what was paid for a hash.
//! [`Recorded`] is the whole as plain data; a store keeps it as a log of [`Entry`] values, the
//! latest of a key being the one that counts.

mod attempt;
mod entry;
mod ledger;
mod recorded;
mod store;

pub use attempt::{Attempt, Failure, Phase};
pub use entry::{Account, Asset, Entry, Record, Run};
pub use ledger::Ledger;
pub use recorded::Recorded;
pub use store::{ReadState, StateError, WriteState};
