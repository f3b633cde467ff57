//! What is recorded: names, attempts, uploaded assets, and the account they belong to.
//!
//! Think of git: a [`Record`] is a ref (name → hash), an [`Attempt`] is what was paid for a hash.
//! [`Recorded`] is the whole as plain data; a store keeps it as a log of [`Entry`] values, the
//! latest of a key being the one that counts.
//!
//! # The embedded store
//!
//! | in `.reconcile/` | |
//! |---|---|
//! | `journal` | the authority: the entries, a checked line each, appended to until it is written anew |
//! | `objects/` | the text of every wish that was submitted, a file each, named by its hash |
//! | `index/` | sled: where the latest line of each key stands, as the writer's view of the journal |
//! | `lock`, `watch.lock` | locked by whoever writes, and by the one `watch` |
//! | `reserve` | room for answers, where the file system can't allocate it ahead |
//! | `fence` | how the last writer left the journal: a backup copied over it is noticed |
//! | `journal.torn-*` | what a crash left of a write that was never acknowledged |
//! | `damaged-*` | what `state repair` found |
//!
//! Why a journal, when there is sled: sled 0.34 can't prove that it is complete, lets one process
//! in at a time and none to read beside it, and panics on damaged files. A file of checked lines is
//! read by anyone at any time and shows where it ends. With the index a writer need not read what
//! was superseded, however long the history; and it remembers how far the journal once reached.
//!
//! What always holds:
//! - What [`WriteState::append`] acknowledged is on the disk; a batch is there as a whole or not.
//! - A reader sees a prefix of the batches, in their order, and needs neither lock nor write access.
//! - Damage is told with file and byte. Nothing is left out without a note that the state can't
//!   vouch for that time, and without a copy: by a writer only a last batch that can't be read, which
//!   was hardly acknowledged; all else by [`Repair`], which asks.
//! - The index never decides what is recorded. It is used only if it adds up to what its seal says
//!   and the journal holds the line the seal ends with; each line it leads to is checked again.
//! - Only the holder of the lock writes, and checks before every write that nobody else did.
//!
//! When a writer opens:
//! - a last line without its end, or a last batch without its end, was never acknowledged: it is
//!   copied to `journal.torn-<byte>` and cut off; one that can't be read leaves a doubt besides;
//! - an index that is behind takes in the rest of the journal; one that is damaged, unfinished or
//!   of another journal is built anew;
//! - an index that is *ahead*, or of a later journal, shows that entries were lost: that is damage;
//! - a journal in another file than it was written to, or changed since its last writer ended, is a
//!   backup or a copy: what was written last may be missing;
//! - a journal that is mostly superseded is written anew. It names the one before, so whatever a
//!   crash leaves of that, old or new journal with the index of either, is told from an older copy;
//! - texts or an index without a journal show the same.

mod attempt;
mod disk;
mod embedded;
mod entry;
pub mod export;
mod index;
mod journal;
mod key;
mod ledger;
mod lock;
mod memory;
mod merge;
mod objects;
mod reader;
mod recorded;
mod repair;
mod rewrite;
mod store;

pub use attempt::{AdoptedBy, Attempt, AttemptKey, Failure, Phase, is_usable_id};
pub use embedded::EmbeddedState;
pub use entry::{Account, Asset, Doubted, Entry, FileRecord, Record, Run, Stored, Unproven, Vouch};
pub use export::{Export, ExportError};
pub use ledger::{Known, Ledger};
pub use lock::{Holder, Lock, LockError, WatchLock};
pub use memory::MemoryState;
pub use merge::{Conflict, MergeError, merge};
pub use reader::{Reader, open_reader};
pub use recorded::Recorded;
pub use repair::{Found, Lost, Repair};
pub use store::{Position, ReadState, StateError, WriteState};
