//! `watch` through the front door: the real binary, real files, real signals, a real HTTP client.

mod changes;
mod kernel;
mod money;
mod operations;
#[path = "../support/mod.rs"]
mod support;
mod watcher;
mod webhooks;
