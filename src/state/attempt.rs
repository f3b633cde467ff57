//! One paid submission of a hash, and the phases it goes through.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::video::{Name, VideoHash};

/// `submitting` → `submitted` → `rendering` → `completed` | `failed`, or one of the other ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The intent is written, the answer not yet known.
    Submitting,
    /// HeyGen accepted it and named a session.
    Submitted,
    /// A video exists and is not finished.
    Rendering,
    Completed,
    Failed,
    /// The API refused the request.
    Rejected,
    /// Proven never to have arrived.
    NotSent,
    /// The outcome was not learned; it must be settled before anything is repeated.
    Unknown,
    /// Deleted by us.
    Deleted,
    /// Found missing at HeyGen.
    Gone,
}

/// Everything known of one submission. Kept for good, also when the manifest is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    pub hash: VideoHash,
    /// Counts from 1 within the hash; used up only by a session or a definite rejection.
    pub number: u32,
    /// The name that asked for it.
    pub name: Name,
    pub phase: Phase,
    /// When the intent was written, by our clock.
    pub intent_at: Timestamp,
    /// The same moment by HeyGen's clock, as its `Date` header told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_at_heygen: Option<Timestamp>,
    /// The [`super::Run`] whose list of foreign sessions was taken before this attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    /// When the outcome of the request was known, or known to be unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_id: Option<String>,
    /// When the video ended, as HeyGen tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// Length of the finished video in seconds: what is billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_page_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<Failure>>,
    /// Where the webhook of this attempt goes. Part of the request, not of the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// It was asked for with `--replace`: tries are counted from here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// How a lost answer was found again; absent where HeyGen answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_by: Option<AdoptedBy>,
    /// Sessions that could be this attempt's, where settling could not decide: the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
}

/// Which attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptKey {
    pub hash: VideoHash,
    pub number: u32,
}

/// What says that a session is an attempt's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdoptedBy {
    /// It alone has the attempt's prompt.
    Prompt,
    /// HeyGen delivered an event with the attempt's hash: overrules a prompt.
    Event,
    /// Somebody decided.
    Person,
}

/// Why an attempt failed, was rejected, or ended unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub code: String,
    pub message: String,
}

impl Failure {
    const MAX_CODE: usize = 64;
    const MAX_MESSAGE: usize = 400;

    /// Bounded, so that an answer can always be recorded: what it says may come from anywhere.
    #[must_use]
    pub fn new(code: &str, message: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        Self {
            code: code
                .chars()
                .filter(|c| plain(*c))
                .take(Self::MAX_CODE)
                .collect(),
            message: bounded(message, Self::MAX_MESSAGE),
        }
    }

    /// One that is about a field of the request. It stands at the end of the message, whole, however
    /// long the rest is: an entry of its own would be one that released versions don't know.
    #[must_use]
    pub fn about(code: &str, message: &str, param: Option<&str>) -> Self {
        let Some(param) = param.filter(|p| is_param(p)) else {
            return Self::new(code, message);
        };
        let end = format!("{BEFORE_PARAM}{param})");
        let message = bounded(message, Self::MAX_MESSAGE - end.len());
        Self::new(code, &(message + &end))
    }

    /// The field of the request that is meant, as HeyGen names it.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        let (_, end) = self.message.rsplit_once(BEFORE_PARAM)?;
        end.strip_suffix(')').filter(|param| is_param(param))
    }
}

const BEFORE_PARAM: &str = " (field ";

fn is_param(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b);
    (1..=100).contains(&text.len()) && text.bytes().all(plain)
}

/// At most so many bytes, control characters replaced: JSON would write each as six.
fn bounded(text: &str, bytes: usize) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if kept.len() + c.len_utf8() > bytes {
            break;
        }
        kept.push(c);
    }
    kept
}

/// An id of HeyGen's as it may be recorded: short, printable, nothing that needs escaping.
#[must_use]
pub fn is_usable_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    (1..=128).contains(&id.len()) && id.bytes().all(plain)
}

impl Phase {
    pub const ALL: [Self; 10] = [
        Self::Submitting,
        Self::Submitted,
        Self::Rendering,
        Self::Completed,
        Self::Failed,
        Self::Rejected,
        Self::NotSent,
        Self::Unknown,
        Self::Deleted,
        Self::Gone,
    ];

    /// Submitted, rendering or completed, and not gone: asking again would pay twice.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Submitted | Self::Rendering | Self::Completed)
    }

    /// HeyGen is working on it, as far as we know.
    #[must_use]
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::Submitted | Self::Rendering)
    }

    /// Whether it took effect is not known.
    #[must_use]
    pub fn is_unsettled(self) -> bool {
        matches!(self, Self::Submitting | Self::Unknown)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitting => "submitting",
            Self::Submitted => "submitted",
            Self::Rendering => "rendering",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
            Self::Deleted => "deleted",
            Self::Gone => "gone",
        }
    }
}

impl AdoptedBy {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Event => "event",
            Self::Person => "person",
        }
    }

    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Prompt => "its prompt",
            Self::Event => "an event of HeyGen",
            Self::Person => "a person",
        }
    }
}

impl Attempt {
    /// Most candidates that are recorded.
    pub const MAX_CANDIDATES: usize = 5;

    /// An intent: nothing has been sent yet.
    #[must_use]
    pub fn intent(hash: VideoHash, number: u32, name: Name, intent_at: Timestamp) -> Self {
        Self {
            hash,
            number,
            name,
            phase: Phase::Submitting,
            intent_at,
            intent_at_heygen: None,
            run: None,
            answered_at: None,
            session_id: None,
            video_id: None,
            completed_at: None,
            duration_s: None,
            video_page_url: None,
            failure: None,
            callback_url: None,
            replace: false,
            adopted_by: None,
            candidates: Vec::new(),
        }
    }

    /// Its lost answer was found: this session.
    pub fn adopt(&mut self, session_id: String, by: AdoptedBy, now: Timestamp) {
        self.phase = Phase::Submitted;
        self.session_id = Some(session_id);
        self.video_id = None;
        self.completed_at = None;
        self.duration_s = None;
        self.video_page_url = None;
        self.answered_at.get_or_insert(now);
        self.adopted_by = Some(by);
        self.failure = None;
        self.candidates.clear();
    }

    /// It proved to have had no effect.
    pub fn not_sent(&mut self) {
        self.phase = Phase::NotSent;
        self.failure = None;
        self.candidates.clear();
    }

    /// It stays unknown; these sessions could be its own.
    pub fn leave_undecided(&mut self, code: &str, why: &str, candidates: Vec<String>) {
        self.phase = Phase::Unknown;
        self.failure = Some(Failure::new(code, why).into());
        self.candidates = candidates;
        self.candidates.truncate(Self::MAX_CANDIDATES);
    }

    #[must_use]
    pub fn key(&self) -> AttemptKey {
        AttemptKey {
            hash: self.hash,
            number: self.number,
        }
    }

    /// `Idempotency-Key` of this attempt: the hash, from the second attempt on with its number.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        match self.number {
            1 => self.hash.to_string(),
            n => format!("{}.{n}", self.hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_that_is_meant_is_kept_whole_and_nothing_else_is_taken_for_one() {
        fn param(message: &str, param: Option<&str>) -> Option<String> {
            let failure = Failure::about("c", message, param);
            failure.param().map(str::to_owned)
        }
        assert_eq!(
            param("no", Some("files[3].url")),
            Some("files[3].url".into())
        );
        assert_eq!(
            param(&"m".repeat(9_999), Some("avatar_id")),
            Some("avatar_id".into())
        );
        for hostile in ["", "a b", "a)", "\u{7}", &"x".repeat(101)] {
            assert_eq!(param("no", Some(hostile)), None, "{hostile:?}");
        }
        assert_eq!(param("no (field x) more", None), None);
        assert!(
            Failure::about("c", &"m".repeat(9_999), Some("p"))
                .message
                .len()
                <= 400
        );
    }

    #[test]
    fn the_largest_answer_anyone_can_send_is_small_enough_to_be_recorded() {
        let id = "x".repeat(128);
        let worst = Attempt {
            hash: VideoHash::of_canonical("{}"),
            number: u32::MAX,
            name: Name::parse(&"n".repeat(200)).unwrap(),
            phase: Phase::Submitting,
            intent_at: Timestamp::MAX,
            intent_at_heygen: Some(Timestamp::MAX),
            run: Some(u64::MAX),
            answered_at: Some(Timestamp::MAX),
            session_id: Some(id.clone()),
            video_id: Some(id.clone()),
            completed_at: Some(Timestamp::MAX),
            duration_s: Some(f64::MAX),
            video_page_url: Some("u".repeat(500)),
            failure: Some(Failure::new(&"c".repeat(9_999), &"\"\u{7}".repeat(9_999)).into()),
            callback_url: Some("u".repeat(1_000)),
            replace: true,
            adopted_by: Some(AdoptedBy::Prompt),
            candidates: vec![id; Attempt::MAX_CANDIDATES],
        };
        let json = serde_json::to_vec(&worst).unwrap();
        assert!(json.len() < 4_000, "{}", json.len());
        assert!(is_usable_id("sess_1:2-3.4") && !is_usable_id("") && !is_usable_id("a b"));
    }
}
