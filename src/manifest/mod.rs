//! From the text of a manifest file to valid wishes, or to everything that is wrong with it.
//!
//! Pure: text in, values out. Finding and reading files is the project's part.

mod problem;
mod wish;

pub use problem::{Place, Problem};
pub use wish::{Content, ContentSource, Manifest};
