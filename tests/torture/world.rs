//! One round's world: a project, its stand-in for HeyGen, and what happened so far.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use reconcile::sandbox::Config;
use reconcile::state::{ReadState, Recorded, open_reader};
use serde_json::Value;

use crate::adopt::Adopted;
use crate::rng::Rng;
use crate::support::{Heygen, Project};
use crate::wishes::Wishes;

pub const SETTLE_DELAY_MS: u64 = 350;
pub const REQUEST_TIMEOUT_MS: u64 = 400;

pub struct World {
    pub rng: Rng,
    /// One name alone may be applied before the state vouches for the past; no strangers until then.
    pub names_first: bool,
    pub heygen: Heygen,
    pub project: Project,
    pub wishes: Wishes,
    /// Another take was asked for, of which hash how often.
    pub replaces: HashMap<String, usize>,
    pub adopted: Vec<Adopted>,
    /// A watch fetches films as well.
    pub fetches: bool,
    /// What was done and what came of it, for whoever has to understand a failure.
    pub story: Vec<String>,
    /// Rules that were broken on the way.
    pub broken: Vec<String>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let max_jobs = rng.within(3..11);
        // Rarely as tight as the client's own limit, which foreign sessions then exceed.
        let spare = if rng.one_in(5) { 0 } else { 8 };
        // Quick ones have ended, and events name them, before a lost answer may be looked for; of slow
        // ones only the list tells.
        let render_ms = match rng.one_in(2) {
            true => rng.within(60..100),
            false => rng.within(600..1_000),
        };
        let config = Config {
            render_time: Duration::from_millis(render_ms),
            max_jobs: usize::try_from(max_jobs + spare).unwrap(),
            honour_idempotency_key: rng.one_in(2),
            seed,
            ..Config::default()
        };
        let told = format!(
            "renders in {render_ms} ms, max_jobs {max_jobs} of {}, Idempotency-Key {}",
            config.max_jobs,
            if config.honour_idempotency_key {
                "honoured"
            } else {
                "not honoured"
            },
        );
        let fetches = rng.one_in(2);
        let heygen = Heygen::start(config);
        let project = Project::new(Some(&heygen));
        project.write(
            "reconcile.yaml",
            format!(
                "poll_interval: 20ms\nsettle_delay: {SETTLE_DELAY_MS}ms\n\
                 request_timeout: {REQUEST_TIMEOUT_MS}ms\nmax_jobs: {max_jobs}\n\
                 retry: {{max_attempts: 3, backoff: 10ms}}\n\
                 watch: {{quiet: 15ms, resync: 200ms, max_submissions_per_hour: 100000, download: {fetches}}}\n"
            ),
        );
        let wishes = Wishes::new(&mut rng);
        let mut world = Self {
            names_first: rng.one_in(3),
            rng,
            heygen,
            project,
            wishes,
            replaces: HashMap::new(),
            adopted: Vec::new(),
            fetches,
            story: vec![told],
            broken: Vec::new(),
        };
        for (name, wish) in &world.wishes.now {
            let hash = wish.hash();
            world.story.push(format!(
                "wish {name} = {} {wish:?}",
                crate::wishes::short(&hash)
            ));
        }
        world.write_manifests();
        world
    }

    /// Whether the state knows of everything that was submitted before it began. Until then the
    /// session of a stranger with our prompt is rightly a matter for a person.
    pub fn is_vouched(&self) -> bool {
        let vouch = self.recorded().vouch;
        vouch.is_some_and(|vouch| vouch.unproven.is_none())
    }

    pub fn recorded(&self) -> Recorded {
        let reader = open_reader(&self.project.path(".reconcile")).unwrap();
        reader.load().unwrap()
    }

    pub fn tell(&mut self, what: impl Into<String>) {
        self.story.push(what.into());
    }

    pub fn broke(&mut self, rule: &str, how: impl std::fmt::Display) {
        self.broken.push(format!("{rule}: {how}"));
    }

    /// The folder as it is wished now.
    pub fn write_manifests(&self) {
        let folder = self.project.path("videos");
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        for (name, wish) in &self.wishes.now {
            self.project
                .write(&format!("videos/{name}.yaml"), wish.yaml());
        }
    }

    pub fn change_wishes(&mut self) {
        for _ in 0..self.rng.within(0..6) {
            let told = self.wishes.change(&mut self.rng);
            self.tell(told);
        }
        self.write_manifests();
    }

    /// The last requests that submitted, looked for lost answers, or were struck by a fault.
    pub fn log(&self) -> Vec<String> {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let requests = self.heygen.requests();
        let wanted = |r: &&Value| r["method"] == "POST" || r["faults"] != serde_json::json!([]);
        requests
            .iter()
            .filter(wanted)
            .map(|r| {
                let key = text(&r["idempotency_key"]);
                let number = key.get(64..).unwrap_or_default();
                format!(
                    "{} {} {} {}{number} -> {} {}",
                    r["time_ms"],
                    text(&r["method"]),
                    text(&r["path"]),
                    crate::wishes::short(&key),
                    r["status"],
                    r["faults"],
                )
            })
            .collect()
    }
}
