//! The loop: waits until something may have changed, and has a turn taken.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, sleep_until};

use super::changes::{Changes, Mode, Places};
use super::download::Downloads;
use super::edge::{Config, Edge, Heartbeat, Setup};
use super::hints::Hint;
use super::memory::Memory;
use super::quiet::Quiet;
use super::turn::{Done, TurnError, Turns, earliest};
use super::view::View;
use crate::project::{Desired, SETTINGS_FILE, load};

/// However long files go on changing, the others are looked at after this.
const CEILING: Duration = Duration::from_secs(5);
/// Hints that wait for a turn. What is beyond, the next resync finds.
const MAX_HINTS: usize = 10_000;

/// All that the loop is made of.
pub struct Watch {
    pub config: Config,
    pub setup: Setup,
    pub edge: Box<dyn Edge>,
    pub view: watch::Sender<Arc<View>>,
    pub hints: mpsc::Receiver<Hint>,
    /// Counts requests to stop: the first lets what is under way come to its end.
    pub stop: watch::Receiver<u32>,
    /// Asks for settings, key and secrets to be read again.
    pub reload: mpsc::Receiver<()>,
    pub heartbeat: Heartbeat,
}

/// Reconciles until told to stop.
pub async fn run(parts: Watch) {
    let mut watch = Loop::new(parts);
    while watch.wait().await {
        if !watch.look().await {
            break;
        }
    }
    watch.turns.end_downloads().await;
    watch.turns.edge.note("stopped");
}

pub(super) struct Loop {
    pub(super) turns: Turns,
    pub(super) changes: Changes,
    pub(super) quiet: Quiet,
    inputs: Inputs,
    pub(super) hints: BTreeSet<(crate::video::VideoHash, String)>,
    /// The next look without any change.
    pub(super) timer: Instant,
    pub(super) prefetched: Option<Prefetched>,
    pub(super) failures: u32,
    pub(super) told_trouble: Option<String>,
    told_mode: Mode,
    /// When the settings file was last told to be another than the one in force.
    pub(super) settings_file: Option<SystemTime>,
}

struct Inputs {
    hints: mpsc::Receiver<Hint>,
    stop: watch::Receiver<u32>,
    reload: mpsc::Receiver<()>,
    tick: Interval,
    beat: Box<dyn FnMut() + Send>,
}

/// The manifests, read while the quiet period lasts.
pub(super) struct Prefetched {
    begun: Instant,
    desired: JoinHandle<Desired>,
}

impl Loop {
    fn new(parts: Watch) -> Self {
        let settings = &parts.setup.settings;
        let places = Places {
            manifests: parts.config.root.join(&settings.manifests),
            files: BTreeSet::new(),
        };
        let mut tick = tokio::time::interval(parts.heartbeat.every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut view = View::new((parts.config.clock)(), parts.config.dry_run);
        view.price_per_second = settings.price_per_second;
        Self {
            changes: Changes::start(places),
            quiet: Quiet::new(settings.watch.quiet, CEILING),
            inputs: Inputs {
                hints: parts.hints,
                stop: parts.stop,
                reload: parts.reload,
                tick,
                beat: parts.heartbeat.beat,
            },
            hints: BTreeSet::new(),
            timer: Instant::now(),
            prefetched: None,
            failures: 0,
            told_trouble: None,
            told_mode: Mode::Events,
            settings_file: None,
            turns: Turns {
                sent: parts.view,
                memory: Memory::new(settings.poll_interval),
                config: parts.config,
                setup: parts.setup,
                edge: parts.edge,
                view,
                downloads: Downloads::new(),
            },
        }
    }

    /// Waits until it is time to look; `false` when told to stop.
    async fn wait(&mut self) -> bool {
        loop {
            if *self.inputs.stop.borrow() > 0 {
                return false;
            }
            self.tell_mode();
            let now = Instant::now();
            self.prefetch(now);
            if self
                .turns
                .memory
                .gate
                .probe_due()
                .is_some_and(|at| at <= now)
            {
                self.turns.probe().await;
                self.timer = Instant::now();
                self.publish();
            }
            if self.quiet.is_due(now) || self.timer <= now {
                return true;
            }
            let wake = self.next_wake();
            tokio::select! {
                at = self.changes.next() => self.quiet.note(at),
                Some(hint) = self.inputs.hints.recv() => self.take_hint(hint),
                Some(told) = self.turns.downloads.heard.recv() => {
                    if self.turns.hear(told) {
                        self.timer = Instant::now();
                    }
                }
                Some(()) = self.inputs.reload.recv() => self.reload(),
                _ = self.inputs.stop.changed() => {}
                _ = self.inputs.tick.tick() => (self.inputs.beat)(),
                () = sleep_until(wake) => {}
            }
        }
    }

    fn next_wake(&self) -> Instant {
        let read = self.prefetch_due().filter(|_| !self.has_fresh());
        let due = earliest(self.quiet.due(), read);
        let due = earliest(due, self.turns.memory.gate.probe_due());
        due.map_or(self.timer, |due| due.min(self.timer))
    }

    fn take_hint(&mut self, hint: Hint) {
        if self.hints.len() < MAX_HINTS {
            self.hints.insert((hint.hash, hint.session_id));
        }
        self.timer = Instant::now();
    }

    /// In the middle of the quiet period: what was read then is true at its end, unless something
    /// changed meanwhile.
    fn prefetch_due(&self) -> Option<Instant> {
        let due = self.quiet.due()?;
        Some(
            due - self
                .turns
                .setup
                .settings
                .watch
                .quiet
                .mul_f64(0.6)
                .min(CEILING),
        )
    }

    fn has_fresh(&self) -> bool {
        let last = self.quiet.last();
        let begun = self.prefetched.as_ref().map(|p| p.begun);
        begun.is_some_and(|begun| last.is_none_or(|last| begun > last))
    }

    fn prefetch(&mut self, now: Instant) {
        if self.prefetch_due().is_some_and(|due| due <= now) && !self.has_fresh() {
            self.prefetched = Some(self.read());
        }
    }

    fn read(&self) -> Prefetched {
        let config = &self.turns.config;
        let (root, index) = (config.root.clone(), config.index.clone());
        let (settings, now) = (self.turns.setup.settings.clone(), (config.system_clock)());
        Prefetched {
            begun: Instant::now(),
            desired: tokio::task::spawn_blocking(move || load(&root, &settings, Some(&index), now)),
        }
    }

    /// Looks, and does what follows; `false` when told to stop meanwhile.
    async fn look(&mut self) -> bool {
        let begun = Instant::now();
        let changed = self.quiet.first();
        let read = match self.has_fresh() {
            true => self.prefetched.take(),
            false => None,
        };
        let read = read.unwrap_or_else(|| self.read());
        self.prefetched = None;
        self.quiet.clear();
        let Ok(desired) = read.desired.await else {
            self.failed(&"reading the manifests broke off inside reconcile");
            return true;
        };
        self.follow(&desired);
        self.tell_other_settings();
        let hints: Vec<_> = std::mem::take(&mut self.hints)
            .into_iter()
            .map(|(hash, session_id)| Hint { hash, session_id })
            .collect();
        let (done, goes_on) = self.take_turn(desired, &hints).await;
        let lag = changed.map_or(Duration::ZERO, |at| begun.duration_since(at));
        self.turns.view.event_lag_seconds = lag.as_secs_f64();
        self.turns.view.last_seconds = begun.elapsed().as_secs_f64();
        self.ended(done, hints);
        self.turns.start_downloads();
        self.publish();
        goes_on
    }

    fn follow(&mut self, desired: &Desired) {
        let root = &self.turns.config.root;
        let files = desired.files.iter().map(|file| without_dots(root, file));
        let settings = root.join(SETTINGS_FILE);
        self.changes.follow(files.chain([settings]).collect());
    }

    /// The turn, and whether the loop goes on. A change meanwhile ends it early: what waits in its
    /// queue is planned anew, in its last form.
    async fn take_turn(
        &mut self,
        desired: Desired,
        hints: &[Hint],
    ) -> (Result<Done, TurnError>, bool) {
        let grace = self.turns.setup.settings.watch.grace;
        let (stop, stopped) = watch::channel(0);
        let mut turn = pin!(self.turns.turn(desired, hints, stopped));
        let mut give_up: Option<Instant> = None;
        loop {
            let quiet = self.quiet.due().filter(|_| *stop.borrow() == 0);
            tokio::select! {
                done = &mut turn => return (done, give_up.is_none()),
                at = self.changes.next() => self.quiet.note(at),
                _ = self.inputs.tick.tick() => (self.inputs.beat)(),
                () = until(quiet) => { stop.send_replace(1); }
                Some(hint) = self.inputs.hints.recv(), if self.hints.len() < MAX_HINTS => {
                    self.hints.insert((hint.hash, hint.session_id));
                }
                Ok(()) = self.inputs.stop.changed() => {
                    stop.send_replace(*self.inputs.stop.borrow());
                    give_up = Some(Instant::now() + grace);
                }
                () = until(give_up) => {
                    stop.send_replace(2);
                    give_up = Some(Instant::now() + Duration::from_secs(3600));
                }
            }
        }
    }

    fn tell_mode(&mut self) {
        if *self.changes.mode() == self.told_mode {
            return;
        }
        self.told_mode = self.changes.mode().clone();
        match &self.told_mode {
            Mode::Events => {
                self.turns.view.polling = None;
                self.turns.edge.note("changes are watched again");
            }
            Mode::Polling(why) => {
                let text = format!("{why}; looking every few seconds meanwhile");
                self.turns.view.polling = Some(why.clone());
                self.turns.edge.trouble(&text);
            }
        }
        self.publish();
    }

    pub(super) fn publish(&mut self) {
        let turns = &mut self.turns;
        turns.view.paused.clone_from(turns.memory.gate.pauses());
        turns.sent.send_replace(Arc::new(turns.view.clone()));
    }
}

/// As events name a file: `videos/../logo.png` is `logo.png`.
fn without_dots(root: &Path, file: &str) -> PathBuf {
    let mut path = root.to_owned();
    for component in Path::new(file).components() {
        match component {
            Component::ParentDir => drop(path.pop()),
            component => path.push(component),
        }
    }
    path
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
