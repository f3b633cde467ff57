//! Films fetched beside the loop, which never waits for them: what is done is recorded by a turn, what
//! failed is tried again after a later look.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

use super::turn::{TurnError, Turns};
use crate::download::{self, Counts, Event, Sink, Target, Tools, survey};
use crate::heygen::Reader;
use crate::project::{Settings, load};
use crate::state::{Entry, Ledger, ReadState as _, Recorded, StateError, open_reader};
use crate::video::Name;

/// After a failure nothing is fetched for so long, or for `watch.resync` if that is shorter.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// What fetching says to the loop.
#[derive(Debug)]
pub(super) enum Told {
    /// To be recorded.
    Done(Vec<Entry>),
    Event(Event),
    /// It ended.
    Ended(Result<Counts, String>),
}

pub(super) struct Downloads {
    told: mpsc::UnboundedSender<Told>,
    pub(super) heard: mpsc::UnboundedReceiver<Told>,
    task: Option<JoinHandle<()>>,
    stop: watch::Sender<u32>,
    unrecorded: Vec<Entry>,
    /// The record has films that were not fetched.
    wanted: bool,
    /// Names without a manifest, whose films nobody asks for.
    pub(super) orphans: HashSet<Name>,
    not_before: Option<Instant>,
    /// When all films were last looked at.
    looked: Option<Instant>,
}

impl Downloads {
    pub(super) fn new() -> Self {
        let (told, heard) = mpsc::unbounded_channel();
        Self {
            told,
            heard,
            task: None,
            stop: watch::Sender::new(0),
            unrecorded: Vec::new(),
            wanted: false,
            orphans: HashSet::new(),
            not_before: None,
            looked: None,
        }
    }

    /// Whether there may be something to fetch, and nothing speaks against it.
    fn is_due(&self, resync: Duration) -> bool {
        let now = Instant::now();
        // What it told and nobody heard yet would be fetched again.
        let heard = self.heard.is_empty();
        let running = !heard || self.task.as_ref().is_some_and(|task| !task.is_finished());
        let waits = self.not_before.is_some_and(|at| at > now);
        let looked = (self.looked).is_some_and(|at| now.duration_since(at) < resync);
        !running && !waits && self.unrecorded.is_empty() && (self.wanted || !looked)
    }

    fn ended(&mut self, ended: &Result<Counts, String>, resync: Duration) {
        let well = (ended.as_ref()).is_ok_and(|counts| counts.failed + counts.not_started == 0);
        self.not_before = match well {
            true => None,
            false => Some(Instant::now() + resync.min(AFTER_FAILURE)),
        };
    }
}

/// Everything fetching works with, apart from the loop.
struct Work {
    settings: Settings,
    config: (std::path::PathBuf, std::path::PathBuf),
    now: std::time::SystemTime,
    clock: fn() -> jiff::Timestamp,
    target: Target,
    reader: Reader,
    told: mpsc::UnboundedSender<Told>,
    stop: watch::Receiver<u32>,
}

impl Turns {
    /// What the loop does with what it is told; `true` if there is something to record.
    pub(super) fn hear(&mut self, told: Told) -> bool {
        match told {
            Told::Done(entries) => self.downloads.unrecorded.extend(entries),
            Told::Event(event) => self.edge.download(&event),
            Told::Ended(ended) => {
                let resync = self.setup.settings.watch.resync;
                self.downloads.ended(&ended, resync);
                if let Err(why) = ended {
                    self.edge
                        .trouble(&format!("films can't be downloaded: {why}"));
                }
            }
        }
        !self.downloads.unrecorded.is_empty()
    }

    /// Records what is done, and looks for films that were not fetched.
    pub(super) fn record_downloads(&mut self, ledger: &mut Ledger) -> Result<(), TurnError> {
        let entries = self.downloads.unrecorded.clone();
        ledger.write(entries)?;
        self.downloads.unrecorded.clear();
        Ok(())
    }

    pub(super) fn look_for_downloads(&mut self, recorded: &Recorded) {
        let mut records = recorded.records.values();
        self.downloads.wanted = records.any(|record| {
            let there = recorded.files.get(&record.name);
            let finished = recorded.finished(record);
            let lacks = finished.is_some_and(|a| there.is_none_or(|file| !file.is_of(a)));
            lacks && !self.downloads.orphans.contains(&record.name)
        });
    }

    /// Begins to fetch, if that is wished and due.
    pub(super) fn start_downloads(&mut self) {
        let settings = &self.setup.settings;
        let wished = settings.watch.download && !self.config.dry_run;
        if !wished || !self.downloads.is_due(settings.watch.resync) {
            return;
        }
        let work = Work {
            settings: settings.clone(),
            config: (self.config.root.clone(), self.config.state_dir.clone()),
            now: (self.config.system_clock)(),
            clock: self.config.clock,
            target: self.setup.downloads.clone(),
            reader: self.setup.reader.clone(),
            told: self.downloads.told.clone(),
            stop: self.downloads.stop.subscribe(),
        };
        self.downloads.looked = Some(Instant::now());
        self.downloads.task = Some(tokio::spawn(work.tell()));
    }

    /// Breaks off what is fetched, which keeps what it has, and records what is done.
    pub(super) async fn end_downloads(&mut self) {
        self.downloads.stop.send_replace(1);
        if let Some(task) = self.downloads.task.take() {
            // However it ended, what it told is here.
            let _ = task.await;
        }
        while let Ok(told) = self.downloads.heard.try_recv() {
            self.hear(told);
        }
        if self.downloads.unrecorded.is_empty() {
            return;
        }
        let recorded = self
            .open()
            .and_then(|mut ledger| self.record_downloads(&mut ledger));
        if let Err(error) = recorded {
            self.edge.trouble(&format!(
                "what was downloaded last is not recorded: {error}"
            ));
        }
    }
}

impl Work {
    async fn tell(self) {
        let told = self.told.clone();
        let ended = self.fetch().await;
        // Nobody hears it once the loop has ended.
        let _ = told.send(Told::Ended(ended));
    }

    async fn fetch(self) -> Result<Counts, String> {
        let (root, state_dir) = self.config;
        let (settings, now) = (self.settings, self.now);
        let desired = tokio::task::spawn_blocking(move || load(&root, &settings, None, now));
        let desired = desired.await.map_err(|e| e.to_string())?;
        let wished = desired.labels();
        let read = open_reader(&state_dir).and_then(|reader| reader.load());
        let mut recorded = read.map_err(|e| e.to_string())?;
        let survey = survey(&recorded, wished.keys(), &wished, &Default::default());
        if survey.jobs.is_empty() {
            return Ok(Counts::default());
        }
        let tools = Tools::open(&self.target, &self.reader, self.clock);
        let tools = Arc::new(tools.map_err(|e| e.to_string())?);
        let mut sink = ToLoop {
            recorded: &mut recorded,
            told: self.told,
        };
        let (counts, handed) = download::run(&tools, survey.jobs, &mut sink, self.stop).await;
        handed.map_err(|e| e.to_string())?;
        let index = tools.write_index(&recorded, &wished);
        index.map_err(|e| e.to_string())?;
        Ok(counts)
    }
}

/// Hands everything to the loop, and remembers it for the index.
struct ToLoop<'a> {
    recorded: &'a mut Recorded,
    told: mpsc::UnboundedSender<Told>,
}

impl Sink for ToLoop<'_> {
    fn record(&mut self, entries: Vec<Entry>) -> Result<bool, StateError> {
        if entries.is_empty() {
            return Ok(true);
        }
        for entry in entries.iter().cloned() {
            self.recorded.put(entry);
        }
        let _ = self.told.send(Told::Done(entries));
        Ok(false)
    }

    fn event(&mut self, event: Event) {
        if !matches!(event, Event::Progress { .. }) {
            let _ = self.told.send(Told::Event(event));
        }
    }
}
