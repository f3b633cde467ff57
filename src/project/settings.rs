//! `reconcile.yaml`: the settings of a project.
//!
//! The file comes with a pull request like any manifest, so it can name neither the base URL nor
//! the key, and no place outside the project.

use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::duration::parse_duration;
use crate::manifest::{
    Checker, Defaults, Fields, Meaning, Node, Problem, Source, Value, documents,
};

/// Where the settings are, in the project directory.
pub const SETTINGS_FILE: &str = "reconcile.yaml";
const MAX_BYTES: u64 = 1 << 20;

/// Settings as the file gives them, defaults where it is silent. Paths are relative to the project.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub manifests: String,
    pub state: String,
    pub downloads: String,
    pub callback_url: Option<String>,
    pub max_jobs: usize,
    pub request_timeout: Duration,
    pub poll_interval: Duration,
    pub settle_delay: Duration,
    pub retry_max_attempts: u32,
    pub retry_backoff: Duration,
    pub max_submissions: usize,
    pub max_cost_usd: Option<f64>,
    /// US dollars for a second of the finished video.
    pub price_per_second: f64,
    pub default_duration: Duration,
    pub watch: WatchSettings,
    /// What manifests say unless they say otherwise.
    pub defaults: Option<Defaults>,
    /// Files and folders that no manifest may use, beside `state`: of the environment, not of the file.
    pub private: Vec<PathBuf>,
}

/// How `watch` goes about it.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchSettings {
    /// A file that changed within this time is not submitted yet.
    pub quiet: Duration,
    /// The longest time between two looks.
    pub resync: Duration,
    pub max_submissions_per_hour: usize,
    /// For requests under way when told to stop.
    pub grace: Duration,
    /// Films are fetched as they are finished.
    pub download: bool,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(300),
            resync: Duration::from_secs(600),
            max_submissions_per_hour: 60,
            grace: Duration::from_secs(130),
            download: false,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            manifests: "videos".to_owned(),
            state: ".reconcile".to_owned(),
            downloads: "downloads".to_owned(),
            callback_url: None,
            max_jobs: 10,
            request_timeout: Duration::from_secs(120),
            poll_interval: Duration::from_secs(5),
            settle_delay: Duration::from_secs(60),
            retry_max_attempts: 3,
            retry_backoff: Duration::from_secs(60),
            max_submissions: 50,
            max_cost_usd: None,
            price_per_second: 0.0333,
            default_duration: Duration::from_secs(60),
            watch: WatchSettings::default(),
            defaults: None,
            private: Vec::new(),
        }
    }
}

pub(super) const KEYS: [&str; 14] = [
    "manifests",
    "state",
    "downloads",
    "callback_url",
    "max_jobs",
    "request_timeout",
    "poll_interval",
    "settle_delay",
    "retry",
    "limits",
    "price_per_second",
    "default_duration",
    "watch",
    "defaults",
];
pub(super) const RETRY_KEYS: [&str; 2] = ["max_attempts", "backoff"];
pub(super) const LIMIT_KEYS: [&str; 2] = ["max_submissions", "max_cost_usd"];
pub(super) const WATCH_KEYS: [&str; 5] = [
    "quiet",
    "resync",
    "max_submissions_per_hour",
    "grace",
    "download",
];

/// Reads the settings file of a project; a missing or empty one gives the defaults.
pub fn load_settings(root: &Path) -> Result<Settings, Vec<Problem>> {
    let whole = |message: String| {
        vec![Problem {
            path: SETTINGS_FILE.to_owned(),
            place: None,
            code: "unreadable",
            message,
            suggestion: None,
        }]
    };
    let mut bytes = Vec::new();
    match super::files::open_regular(&root.join(SETTINGS_FILE)) {
        Ok(file) => file
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| whole(format!("cannot be read: {e}")))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Settings::default()),
        Err(e) => return Err(whole(format!("cannot be read: {e}"))),
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(whole("larger than 1 MiB".to_owned()));
    }
    let source = Source::new(SETTINGS_FILE.into(), &bytes).map_err(|p| vec![*p])?;
    let documents = documents(&source).map_err(|p| vec![*p])?;
    decode(&source, &documents)
}

fn decode(source: &Source<'_>, documents: &[Node]) -> Result<Settings, Vec<Problem>> {
    let mut reader = Reader {
        checker: Checker::new(source),
        settings: Settings::default(),
    };
    match documents {
        [] => {}
        [one] if one.is_null() => {}
        [one] => reader.read(one),
        [_, second, ..] => {
            let message = "the settings are one document";
            reader
                .checker
                .problem("several_documents", second.span, message);
        }
    }
    match reader.checker.problems.is_empty() {
        true => Ok(reader.settings),
        false => Err(reader.checker.problems),
    }
}

struct Reader<'a> {
    checker: Checker<'a>,
    settings: Settings,
}

impl Reader<'_> {
    fn read(&mut self, node: &Node) {
        let Some(fields) = self.checker.fields(node, "reconcile.yaml", &KEYS) else {
            return;
        };
        let defaults = Settings::default();
        self.settings = Settings {
            manifests: self
                .inside(&fields, "manifests")
                .unwrap_or(defaults.manifests),
            state: self.state(&fields).unwrap_or(defaults.state),
            downloads: self
                .inside(&fields, "downloads")
                .unwrap_or(defaults.downloads),
            callback_url: self.checker.callback_url(&fields),
            max_jobs: self
                .count(&fields, "max_jobs", 1, 1_000)
                .unwrap_or(defaults.max_jobs),
            request_timeout: self
                .duration(&fields, "request_timeout")
                .unwrap_or(defaults.request_timeout),
            poll_interval: self
                .duration(&fields, "poll_interval")
                .unwrap_or(defaults.poll_interval),
            settle_delay: self
                .duration(&fields, "settle_delay")
                .unwrap_or(defaults.settle_delay),
            price_per_second: self
                .amount(&fields, "price_per_second")
                .unwrap_or(defaults.price_per_second),
            default_duration: self
                .duration(&fields, "default_duration")
                .unwrap_or(defaults.default_duration),
            ..defaults
        };
        self.retry(&fields);
        self.limits(&fields);
        self.watch(&fields);
        if let Some(node) = fields.given("defaults") {
            self.settings.defaults = Defaults::read(&mut self.checker, node);
        }
    }

    fn watch(&mut self, fields: &Fields) {
        let Some(node) = fields.given("watch") else {
            return;
        };
        let Some(given) = self.checker.fields(node, "`watch`", &WATCH_KEYS) else {
            return;
        };
        let defaults = WatchSettings::default();
        self.settings.watch = WatchSettings {
            quiet: self.duration(&given, "quiet").unwrap_or(defaults.quiet),
            resync: self.duration(&given, "resync").unwrap_or(defaults.resync),
            max_submissions_per_hour: self
                .count(&given, "max_submissions_per_hour", 0, 1_000_000)
                .unwrap_or(defaults.max_submissions_per_hour),
            grace: self.duration(&given, "grace").unwrap_or(defaults.grace),
            download: self
                .checker
                .boolean(&given, "download")
                .unwrap_or(defaults.download),
        };
    }

    fn retry(&mut self, fields: &Fields) {
        let Some(node) = fields.given("retry") else {
            return;
        };
        let Some(retry) = self.checker.fields(node, "`retry`", &RETRY_KEYS) else {
            return;
        };
        if let Some(n) = self.checker.integer(&retry, "max_attempts", 1, 100) {
            self.settings.retry_max_attempts = u32::try_from(n).unwrap_or(u32::MAX);
        }
        if let Some(backoff) = self.duration(&retry, "backoff") {
            self.settings.retry_backoff = backoff;
        }
    }

    fn limits(&mut self, fields: &Fields) {
        let Some(node) = fields.given("limits") else {
            return;
        };
        let Some(limits) = self.checker.fields(node, "`limits`", &LIMIT_KEYS) else {
            return;
        };
        if let Some(n) = self.count(&limits, "max_submissions", 0, 1_000_000) {
            self.settings.max_submissions = n;
        }
        self.settings.max_cost_usd = self.amount(&limits, "max_cost_usd");
    }

    fn count(&mut self, fields: &Fields, name: &str, least: u64, most: u64) -> Option<usize> {
        let n = self.checker.integer(fields, name, least, most)?;
        usize::try_from(n).ok()
    }

    fn duration(&mut self, fields: &Fields, name: &str) -> Option<Duration> {
        let node = fields.given(name)?;
        let parsed = match &node.value {
            Value::Scalar(scalar) => parse_duration(&scalar.text),
            _ => None,
        };
        if parsed.is_none_or(|d| d.is_zero()) {
            let message = format!("`{name}` is a duration above zero");
            let way_out = "write it like 300ms, 5s or 10m";
            self.checker
                .problem_with("duration", node.span, message, way_out);
        }
        parsed
    }

    /// Dollars: a number that is not negative.
    fn amount(&mut self, fields: &Fields, name: &str) -> Option<f64> {
        let node = fields.given(name)?;
        let parsed = match &node.value {
            Value::Scalar(s) if matches!(s.meaning(), Meaning::Integer | Meaning::Float) => {
                s.text.parse::<f64>().ok()
            }
            _ => None,
        };
        let valid = parsed.filter(|n| n.is_finite() && *n >= 0.0);
        if valid.is_none() {
            let message = format!("`{name}` is an amount of US dollars, like 0.0333");
            self.checker.problem("amount", node.span, message);
        }
        valid
    }

    fn state(&mut self, fields: &Fields) -> Option<String> {
        let node = fields.given("state")?;
        let is_database = matches!(&node.value, Value::Scalar(s) if s.text.starts_with("postgres"));
        if is_database {
            let message = "this version keeps its state in a directory only";
            let way_out = "name a directory; never write a password here";
            self.checker
                .problem_with("state", node.span, message, way_out);
            return None;
        }
        self.inside(fields, "state")
    }

    /// A relative path that stays inside the project directory.
    fn inside(&mut self, fields: &Fields, name: &str) -> Option<String> {
        let text = self.checker.string(fields, name)?;
        let path = Path::new(&text);
        let plain = path
            .components()
            .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if !plain || text.starts_with('~') {
            let message = format!("`{name}` must lie inside the project directory");
            let way_out = format!("write a relative path without `..`, like `{name}: {name}`");
            let span = fields.span_of(name);
            self.checker.problem_with("outside", span, message, way_out);
            return None;
        }
        Some(text)
    }
}
