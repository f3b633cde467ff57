//! Numbers, money and times as people read them.

use std::time::Duration;

use jiff::Timestamp;

/// `1 video`, `2 videos`.
#[must_use]
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Dollars to the cent.
#[must_use]
pub fn dollars(amount: f64) -> String {
    format!("${amount:.2}")
}

/// `45s`, `3m`, `2h`, `5d`: one unit is enough for an age.
#[must_use]
pub fn short_duration(duration: Duration) -> String {
    match duration.as_secs() {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3_600 => format!("{}m", s / 60),
        s @ 3_600..86_400 => format!("{}h", s / 3_600),
        s => format!("{}d", s / 86_400),
    }
}

#[must_use]
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let age = Duration::try_from(now.duration_since(then)).unwrap_or_default();
    short_duration(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_take_the_largest_unit() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (7_199, "1h"),
            (90_000, "1d"),
        ] {
            assert_eq!(short_duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(count(1, "video", "videos"), "1 video");
        assert_eq!(dollars(1.998), "$2.00");
    }
}
