//! The settings of one lane.

use std::fmt;
use std::time::Duration;

use crate::model::Error;

/// Most runs that a lane may execute at once, whatever its setting.
pub(crate) const CONCURRENCY_MAX: u32 = 4096;

/// How many runs of a lane execute at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// At most this many; 0 is paused. Range: 0 to 4,096.
    Limit(u32),
    /// As many as there are, up to the lane's ceiling.
    Unlimited,
}

impl Concurrency {
    /// Reads what a person or another program wrote: a whole number or `unlimited`.
    ///
    /// # Errors
    /// `Invalid` for negative, fractional and non-finite numbers and for those above 4,096.
    pub fn from_number(number: f64) -> Result<Self, Error> {
        let whole = number.is_finite() && number.fract() == 0.0;
        if !whole || !(0.0..=f64::from(CONCURRENCY_MAX)).contains(&number) {
            return Err(Error::invalid(format!(
                "concurrency {number}: a whole number from 0 (paused) to {CONCURRENCY_MAX}, or \"unlimited\""
            )));
        }
        // In range and whole, so nothing is cut off.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(Self::Limit(number as u32))
    }

    /// The number of slots under this ceiling.
    pub(crate) fn slots(self, ceiling: u32) -> u32 {
        match self {
            Self::Limit(limit) => limit.min(CONCURRENCY_MAX),
            Self::Unlimited => ceiling.clamp(1, CONCURRENCY_MAX),
        }
    }
}

impl From<u32> for Concurrency {
    fn from(limit: u32) -> Self {
        Self::Limit(limit)
    }
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => limit.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// A named pool of dedicated worker threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Runs at once. Range: 0 (paused) to 4,096, or unlimited. Default: that of `main`, 4.
    pub concurrency: Concurrency,
    /// Runs at once of an unlimited lane. Range: 1 to 4,096. Default: 256.
    pub ceiling: u32,
    /// Whether its runs may spawn only into this lane. Default: true for `cron`.
    pub isolated: bool,
    /// How long a run may take before it is stopped. Default: none.
    pub deadline: Option<Duration>,
    /// Lane wait that raises `queue.lane.wait_exceeded`. Default: 2 s.
    pub wait_warning: Duration,
}

impl Lane {
    /// A lane with this concurrency and every other setting at its default.
    #[must_use]
    pub fn new(concurrency: impl Into<Concurrency>) -> Self {
        Self {
            concurrency: concurrency.into(),
            ceiling: 256,
            isolated: false,
            deadline: None,
            wait_warning: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrency_is_a_whole_number_in_range_or_an_error_that_says_so() {
        assert_eq!(Concurrency::from_number(0.0), Ok(Concurrency::Limit(0)));
        assert_eq!(Concurrency::from_number(4096.0), Ok(Concurrency::Limit(4096)));
        for bad in [-1.0, 1.5, f64::NAN, f64::INFINITY, 4097.0] {
            let error = Concurrency::from_number(bad).expect_err("out of range").to_string();
            assert!(error.contains("0 (paused) to 4096"), "{error}");
        }
    }
}
