//! The sandbox's clock: it is a server of its own and asks the machine for the time.

use std::time::SystemTime;

/// Milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a server of its own needs a clock"
)]
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// A moment as ISO 8601.
pub(super) fn iso(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |t| t.to_string())
}
