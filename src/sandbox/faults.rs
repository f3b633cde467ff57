//! Misbehaviour on request: the kinds there are, and when a rule strikes.
//!
//! What a kind does is not here: transport is `exchange`'s, effects are `effects`'.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const CREATE: &str = "/v3/video-agents";
const DIRECT: &str = "/v3/assets/direct-uploads";
const FILES: &str = "/files/";

/// One way to misbehave, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct Rule {
    /// `GET`, `POST` …
    pub method: Option<String>,
    /// What the path begins with.
    pub path_prefix: Option<String>,
    pub kind: Kind,
    /// How often; without end if `None`.
    pub times: Option<u32>,
    /// Matching requests that are spared first.
    pub skip: u32,
    /// Of striking a matching request, from 0 to 1.
    pub probability: f64,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    #[serde(rename = "error_in_200", alias = "error_in200")]
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
    /// The video fails to render; `early` means before it got a `video_id`.
    FailRender {
        #[serde(default = "render_failed")]
        code: String,
        #[serde(default = "render_failed")]
        message: String,
        #[serde(default)]
        early: bool,
    },
    /// The first video that the request names vanishes for good.
    VideoGone,
    /// The connection is closed when so much of a direct upload has arrived.
    CutBody { bytes: u64 },
    /// The upload URL that is given has expired already.
    ExpiredUrl,
    /// Direct uploads have at most so many bytes.
    MaxBytes { bytes: u64 },
    /// The video has a film and nothing beside it.
    FilmOnly,
    /// A file breaks off after so many bytes of the answer.
    CutFile { at: usize },
    /// A file is said to be longer than it is.
    WrongLength { more: usize },
    /// A file is given whole, whatever part was asked for.
    NoRanges,
    /// A file is said to lie elsewhere.
    Redirect { to: String },
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

fn is_of_one_session(path: &str) -> bool {
    let rest = path.strip_prefix("/v3/video-agents/").unwrap_or("styles");
    rest != "styles" && !rest.contains('/')
}

/// Whether a request brings the bytes of a direct upload to the storage.
pub(super) fn is_stored(method: &str, path: &str) -> bool {
    method == "PUT" && path.starts_with("/uploads/")
}

fn render_failed() -> String {
    "render_failed".to_owned()
}

impl Kind {
    /// As rules write it.
    pub(super) fn name(&self) -> String {
        match json!(self) {
            Value::String(name) => name,
            Value::Object(tagged) => tagged
                .into_iter()
                .next()
                .map_or_else(String::new, |(k, _)| k),
            _ => String::new(),
        }
    }

    pub(super) fn delay_before_ms(&self) -> Option<u64> {
        match self {
            Self::Slow { ms } => Some(*ms),
            _ => None,
        }
    }

    pub(super) fn delay_after_ms(&self) -> Option<u64> {
        match self {
            Self::Silence { ms } => Some(*ms),
            _ => None,
        }
    }

    /// Whether it decides alone how a request ends: two such never strike one request.
    pub(super) fn is_an_end(&self) -> bool {
        !self.is_about_one_operation()
            && *self != Self::NoRanges
            && self.delay_before_ms().or(self.delay_after_ms()).is_none()
    }

    fn is_about_one_operation(&self) -> bool {
        matches!(
            self,
            Self::ListLag { .. }
                | Self::SkewCreatedAt { .. }
                | Self::ForeignSession
                | Self::LateMessages { .. }
                | Self::FailRender { .. }
                | Self::VideoGone
                | Self::CutBody { .. }
                | Self::ExpiredUrl
                | Self::MaxBytes { .. }
                | Self::FilmOnly
        )
    }

    /// It strikes while the request is read; all others strike when it was.
    pub(super) fn cuts_at(&self) -> Option<u64> {
        match self {
            Self::CutBody { bytes } => Some(*bytes),
            _ => None,
        }
    }

    /// Whether it means anything to this request. What shapes a session is laid on its creation;
    /// what hides something may instead be laid on the answers that would show it.
    fn means(&self, method: &str, path: &str) -> bool {
        if self.is_about_files() {
            return path.starts_with(FILES);
        }
        let creates = method == "POST" && path == CREATE;
        match self {
            Self::ListLag { .. } => path == CREATE,
            Self::LateMessages { .. } => creates || method == "GET" && is_of_one_session(path),
            Self::SkewCreatedAt { .. } | Self::ForeignSession | Self::FailRender { .. } => creates,
            Self::VideoGone | Self::FilmOnly => path.starts_with("/v3/videos/"),
            Self::CutBody { .. } => is_stored(method, path),
            Self::ExpiredUrl | Self::MaxBytes { .. } => method == "POST" && path == DIRECT,
            _ => true,
        }
    }

    fn is_about_files(&self) -> bool {
        matches!(
            self,
            Self::CutFile { .. }
                | Self::WrongLength { .. }
                | Self::NoRanges
                | Self::Redirect { .. }
        )
    }

    /// The method a rule without one is about.
    fn usual_method(&self) -> &'static str {
        match self {
            Self::ListLag { .. } | Self::LateMessages { .. } | Self::VideoGone | Self::FilmOnly => {
                "GET"
            }
            Self::CutBody { .. } => "PUT",
            _ => "POST",
        }
    }
}

impl Rule {
    /// Strikes once, wherever the kind usually means something.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            method: None,
            path_prefix: None,
            kind,
            times: Some(1),
            skip: 0,
            probability: 1.0,
        }
    }

    pub(super) fn matches(&self, method: &str, path: &str) -> bool {
        let meant = match (&self.method, &self.path_prefix) {
            (None, None) if self.kind.is_about_one_operation() => {
                method == self.kind.usual_method()
            }
            (None, None) if self.kind.is_about_files() => method == "GET",
            (None, None) => method == "POST" && path == CREATE,
            (wanted, prefix) => {
                let usual = if self.kind.is_about_files() {
                    FILES
                } else {
                    "/v3/"
                };
                let prefix = prefix.as_deref().unwrap_or(usual);
                let wanted = wanted.as_deref().unwrap_or(method);
                method.eq_ignore_ascii_case(wanted) && path.starts_with(prefix)
            }
        };
        meant && self.kind.means(method, path)
    }
}

/// The parameters of a kind stand beside it or inside it: `{"kind": "slow", "ms": 5}` and
/// `{"kind": {"slow": {"ms": 5}}}` are the same.
impl TryFrom<Value> for Rule {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let Value::Object(mut fields) = value else {
            return Err("a rule must be an object".to_owned());
        };
        let mut take = |name: &str| fields.remove(name);
        let (method, path_prefix) = (take("method"), take("path_prefix"));
        let (times, skip) = (take("times"), take("skip"));
        let (probability, kind) = (take("probability"), take("kind"));
        Ok(Self {
            method: read("method", method.unwrap_or_default())?,
            path_prefix: read("path_prefix", path_prefix.unwrap_or_default())?,
            kind: kind_of(kind.ok_or("a rule needs a kind")?, fields)?,
            times: read("times", times.unwrap_or(json!(1)))?,
            skip: read("skip", skip.unwrap_or(json!(0)))?,
            probability: read("probability", probability.unwrap_or(json!(1.0)))?,
        })
    }
}

fn kind_of(kind: Value, beside: Map<String, Value>) -> Result<Kind, String> {
    match kind {
        Value::String(name) if beside.is_empty() => {
            let alone = serde_json::from_value(json!(name));
            alone.or_else(|_| read("kind", json!({ name: {} })))
        }
        Value::String(name) => read("kind", json!({ name: beside })),
        kind => match beside.keys().next() {
            None => read("kind", kind),
            Some(unknown) => Err(format!("unknown field {unknown} of a rule")),
        },
    }
}

fn read<T: for<'de> Deserialize<'de>>(name: &str, value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|e| format!("{name}: {e}"))
}
