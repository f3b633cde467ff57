//! From the text of a manifest file to valid wishes, or to everything that is wrong with it.
//!
//! Pure: text in, values out. Finding and reading files is the project's part.

mod decode;
mod defaults;
mod field;
mod fields;
mod files;
mod local;
mod locate;
mod node;
mod problem;
mod prompt;
mod schema;
mod source;
mod suggest;
mod values;
mod wish;
mod yaml;

pub use decode::{Decoded, NameFromPath, decode};
pub use defaults::{Defaults, ReadyDefaults};
pub use fields::{Checker, Fields};
pub use local::{FileProblem, LocalFile, LocalFiles, LocalText, MAX_TEXT};
pub use locate::locate;
pub use node::{Meaning, Node, Scalar, Span, Value};
pub use problem::{Place, Problem};
pub use schema::{defaults_schema, https_schema, manifest_schema};
pub use source::Source;
pub use suggest::nearest;
pub use wish::{Content, ContentSource, Manifest, Origin};
pub use yaml::documents;
