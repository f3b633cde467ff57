//! What submissions will probably cost.
//!
//! HeyGen bills each second of the finished video; how long a video gets is not known before, so
//! an estimate is price × an expected duration.

use std::time::Duration;

use crate::project::Settings;
use crate::spend::rounded_usd;

/// The settings an estimate rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pricing {
    /// US dollars.
    pub price_per_second: f64,
    pub default_duration: Duration,
}

impl Pricing {
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            price_per_second: settings.price_per_second,
            default_duration: settings.default_duration,
        }
    }

    /// Dollars for `submissions` videos, to a hundredth of a cent.
    #[must_use]
    pub fn estimate_usd(&self, submissions: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 videos")]
        let videos = submissions as f64;
        let exact = videos * self.default_duration.as_secs_f64() * self.price_per_second;
        rounded_usd(exact)
    }

    #[must_use]
    pub fn basis(&self) -> String {
        format!(
            "{} s a video at ${} per second",
            self.default_duration.as_secs_f64(),
            self.price_per_second
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_by_the_second() {
        let pricing = Pricing {
            price_per_second: 0.0333,
            default_duration: Duration::from_secs(60),
        };
        assert_eq!(pricing.estimate_usd(1), 1.998);
        assert_eq!(pricing.estimate_usd(0), 0.0);
        assert_eq!(pricing.basis(), "60 s a video at $0.0333 per second");
    }
}
