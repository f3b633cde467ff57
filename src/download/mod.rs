//! Finished films on the disk: fetched, put in place whole, and told of.
//!
//! What always holds:
//! - A file has its name only when it is whole: it grows hidden beside it, is synced, then renamed.
//! - What was there stays until its successor is whole; nothing of a person's is deleted.
//! - Nothing is read or written outside the downloads folder: no symbolic link below it is followed.
//! - The API key goes to HeyGen alone, never to where a link leads.
//!
//! What is recorded ([`crate::state::FileRecord`]) is handed to a [`Sink`]; nothing here opens a state
//! or prints.

mod about;
mod error;
mod film;
mod folder;
mod names;
mod part;
mod placed;
mod rate;
mod run;
mod survey;
mod taken;
mod transfer;

pub use error::DownloadError;
pub use film::How;
pub use folder::{FolderError, Target};
pub use names::{Kind, film_path};
pub use run::{Counts, Event, OpenError, Sink, Tools, run};
pub use survey::{Job, Survey, Wished, Without, survey};
