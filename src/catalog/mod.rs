//! What an account may use: the ids that manifests name. Reads only.
//!
//! HeyGen's filters (`language` of voices, `tag` of styles) compare in ways it does not document,
//! so lists are read whole and searched here.

mod item;
mod list;
mod near;
mod unknown;

pub use item::{Item, Kind};
pub use list::list;
pub use near::nearest;
pub use unknown::{Catalog, Unknown, unknown};
