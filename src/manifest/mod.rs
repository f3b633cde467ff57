//! From the text of a manifest file to valid wishes, or to everything that is wrong with it.
//!
//! Pure: text in, values out. Finding and reading files is the project's part.

mod decode;
mod fields;
mod files;
mod locate;
mod node;
mod problem;
mod source;
mod suggest;
mod wish;
mod yaml;

pub use decode::{NameFromPath, check_callback_url, decode};
pub use fields::{Checker, Fields};
pub use files::{FileProblem, LocalFile, LocalFiles};
pub use locate::locate;
pub use node::{Meaning, Node, Scalar, Span, Value};
pub use problem::{Place, Problem};
pub use source::Source;
pub use suggest::nearest;
pub use wish::{Content, ContentSource, Manifest};
pub use yaml::documents;
