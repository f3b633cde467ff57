//! A local stand-in for HeyGen: to rehearse without paying, and to test what must not go wrong.
//!
//! It is as strict as HeyGen about requests, limits jobs, takes time to render, and misbehaves on
//! request. It judges the client, so it shares nothing with it: no wire types, no hash, no names.
//! Everything about a session follows from when it was made, so nothing runs in the background and
//! videos go on rendering while the process is down.

mod answer;
mod assets;
mod catalog;
mod check;
mod clock;
mod control;
mod deliver;
mod direct;
mod effects;
mod endpoints;
mod exchange;
mod faults;
mod injector;
mod journal;
mod log;
mod media;
mod page;
mod received;
mod render;
mod reply;
mod routes;
mod server;
mod views;
mod world;

use std::path::PathBuf;
use std::time::Duration;

pub use faults::{Kind, Rule};
pub use server::{Sandbox, SandboxError};

/// How a sandbox behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where sessions and the log of requests are kept; in memory if absent.
    pub data: Option<PathBuf>,
    /// Unfinished videos at a time; one more is answered with 429.
    pub max_jobs: usize,
    /// How long a video takes, give or take `render_jitter`.
    pub render_time: Duration,
    /// A fraction: 0.3 is ± 30 %.
    pub render_jitter: f64,
    pub rules: Vec<Rule>,
    pub seed: u64,
    /// HeyGen does not promise this on submissions, so it is off.
    pub honour_idempotency_key: bool,
    /// Refuse submissions that name an avatar, voice, style or brand kit the catalogue does not have.
    pub check_ids: bool,
    /// The only key that is accepted; any if absent.
    pub required_key: Option<String>,
    /// Whose account it is, for a key without `@`; `key@other` belongs to `other`. Everything else
    /// is shared.
    pub account: String,
    /// In US dollars, before the first video.
    pub balance_usd: f64,
    /// How long a link to a file works.
    pub link_lifetime: Duration,
    /// How long to wait for another sandbox that uses the same data.
    pub lock_patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: None,
            max_jobs: 10,
            render_time: Duration::from_secs(4),
            render_jitter: 0.3,
            rules: Vec::new(),
            seed: 0,
            honour_idempotency_key: false,
            check_ids: false,
            required_key: None,
            account: "sandbox".to_owned(),
            balance_usd: 1_000.0,
            link_lifetime: Duration::from_secs(60 * 60),
            lock_patience: Duration::from_secs(10),
        }
    }
}
