//! A project directory: its settings, its manifests, and the local files they use.
//!
//! The only place that reads them from the disk.

mod desired;
mod duration;
mod files;
mod gather;
mod index;
mod load;
mod locate;
mod schema;
mod settings;
mod walk;

pub use desired::{Desired, Hidden, Wish};
pub use duration::parse_duration;
pub use files::ProjectBytes;
pub use load::{Rereader, load};
pub use locate::locate;
pub use schema::settings_schema;
pub use settings::{SETTINGS_FILE, Settings, WatchSettings, load_settings};
