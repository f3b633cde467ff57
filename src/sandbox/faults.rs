//! Misbehaviour on request: which rule strikes which request.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;

/// One way to misbehave, and when.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `GET`, `POST` …; what the kind is about if absent.
    #[serde(default)]
    pub method: Option<String>,
    /// What the path begins with; what the kind is about if absent.
    #[serde(default)]
    pub path_prefix: Option<String>,
    pub kind: Kind,
    /// How often; without end if null.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Matching requests that are spared first.
    #[serde(default)]
    pub skip: u32,
    /// Of striking a matching request, from 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// 429 without effect.
    RateLimit { retry_after: Option<u64> },
    /// An error status without effect.
    StatusBefore { status: u16 },
    /// An error status although it took effect.
    StatusAfter { status: u16 },
    /// The connection is closed without answer and without effect.
    DropBefore,
    /// The connection is closed without answer after it took effect.
    DropAfter,
    /// The connection is closed; the effect comes later.
    DropLateEffect { delay_ms: u64 },
    /// It took effect; the answer breaks off in the middle.
    ResetMidAnswer,
    /// It took effect; the answer is HTML with status 200.
    NotJson,
    /// Status 200 with an `error` field, without effect.
    #[serde(rename = "error_in_200")]
    ErrorIn200,
    /// It took effect; the answer comes after a long silence.
    Silence { ms: u64 },
    /// The effect and the answer come late.
    Slow { ms: u64 },
    /// Sessions younger than this are missing from the list.
    ListLag { ms: u64 },
    /// A session's `created_at` is off by so much.
    SkewCreatedAt { seconds: i64 },
    /// Someone else submits the same prompt just before.
    ForeignSession,
    /// A session's messages are empty until it is so old.
    LateMessages { ms: u64 },
    /// The video fails to render.
    FailRender { code: String, message: String },
    /// The video is missing.
    VideoGone,
    /// 401.
    Unauthorized,
    /// 402.
    PaymentRequired,
    /// 403.
    Forbidden,
    /// 403 `resource_access_denied`, about this request alone.
    AccessDenied,
    /// 400 about a field.
    Reject { param: String },
}

fn once() -> Option<u32> {
    Some(1)
}

fn always() -> f64 {
    1.0
}

/// The rules with what is left of them.
#[derive(Debug, Default)]
pub(super) struct Injector {
    rules: Vec<Rule>,
    seed: u64,
    drawn: u64,
}

impl Kind {
    /// The requests a kind is about: method and path.
    fn home(&self) -> (&'static str, &'static str) {
        match self {
            Self::ListLag { .. } | Self::LateMessages { .. } => ("GET", "/v3/video-agents"),
            Self::VideoGone => ("GET", "/v3/videos"),
            _ => ("POST", "/v3/video-agents"),
        }
    }

    pub(super) fn name(&self) -> String {
        let text = format!("{self:?}");
        let end = text.find([' ', '{']).unwrap_or(text.len());
        text[..end].to_owned()
    }
}

impl Rule {
    fn matches(&self, method: &str, path: &str) -> bool {
        let (home_method, home_path) = self.kind.home();
        let wanted = self.method.as_deref().unwrap_or(match self.path_prefix {
            Some(_) => method,
            None => home_method,
        });
        let prefix = self.path_prefix.as_deref().unwrap_or(home_path);
        method.eq_ignore_ascii_case(wanted) && path.starts_with(prefix)
    }
}

impl Injector {
    pub(super) fn new(rules: Vec<Rule>, seed: u64) -> Self {
        Self {
            rules,
            seed,
            drawn: 0,
        }
    }

    pub(super) fn replace(&mut self, rules: Vec<Rule>) {
        self.rules = rules;
    }

    /// Every fault that strikes this request.
    pub(super) fn strike(&mut self, method: &str, path: &str) -> Vec<Kind> {
        let mut struck = Vec::new();
        for at in 0..self.rules.len() {
            let draw = self.draw();
            let rule = &mut self.rules[at];
            if rule.times == Some(0) || !rule.matches(method, path) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if draw < rule.probability {
                rule.times = rule.times.map(|n| n - 1);
                struck.push(rule.kind.clone());
            }
        }
        struck
    }

    /// A number from 0 up to 1, the same for the same seed and turn.
    fn draw(&mut self) -> f64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, self.drawn).hash(&mut hasher);
        self.drawn += 1;
        f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
    }
}
