//! What the loop is given, and whom it tells.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::gate::Reason;
use crate::apply::Event;
use crate::download::{self, Target};
use crate::heygen::{Reader, Writer};
use crate::manifest::Problem;
use crate::plan::Plan;
use crate::project::Settings;
use crate::state::Holder;

/// What stays the same from start to end.
pub struct Config {
    /// The project directory, absolute.
    pub root: PathBuf,
    pub state_dir: PathBuf,
    /// A cache of what manifests held.
    pub index: PathBuf,
    /// Shows plans and does nothing.
    pub dry_run: bool,
    pub clock: fn() -> Timestamp,
    /// The same clock, as file systems tell the time.
    pub system_clock: fn() -> SystemTime,
    /// For whom others wait when the state is locked from now on.
    pub holder: fn() -> Holder,
}

/// What can be given anew while it runs.
pub struct Setup {
    pub settings: Settings,
    /// When the settings were read.
    pub read_at: SystemTime,
    pub reader: Reader,
    pub writer: Writer,
    /// The name by which a state knows the place.
    pub base: String,
    /// Where films go.
    pub downloads: Target,
}

/// Called every so often as long as the loop goes round.
pub struct Heartbeat {
    pub every: Duration,
    pub beat: Box<dyn FnMut() + Send>,
}

/// The outside of the loop. None of these may block for long.
pub trait Edge: Send {
    /// A plan that differs from the last one, before anything of it is done.
    fn plan(&mut self, plan: &Plan, problems: &[Problem]);
    fn event(&mut self, event: &Event);
    /// What became of a film that is fetched.
    fn download(&mut self, event: &download::Event);
    /// Submissions stop, and why.
    fn paused(&mut self, reason: Reason, text: &str);
    fn resumed(&mut self, reason: Reason);
    /// What went wrong, or goes well again, with a look as a whole.
    fn trouble(&mut self, text: &str);
    fn note(&mut self, text: &str);
    /// Settings, key and secrets, read again; or why they can't be used.
    fn reload(&mut self) -> Result<Setup, String>;
}
