//! A project directory: its settings, its manifests, and the local files they use.
//!
//! The only place that reads them from the disk.

mod desired;

pub use desired::{Desired, Hidden, Wish};
