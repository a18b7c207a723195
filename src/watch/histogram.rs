//! Durations, counted in log-linear buckets: about 12 % wide, 64 ns to 19 hours, 1.3 KiB a stripe.

use std::time::Duration;

use super::Percentiles;
use super::stripes::{stripe, stripes};
use crate::sync::Padded;
use crate::sync::tally::{AtomicU32, Ordering};

const BUCKETS: usize = 320;

/// Counts of durations, striped over the threads that record them.
pub(crate) struct Histogram {
    stripes: Box<[Padded<[AtomicU32; BUCKETS]>]>,
}

fn bucket(duration: Duration) -> usize {
    let units = u64::try_from(duration.as_nanos() >> 6).unwrap_or(u64::MAX);
    if units < 8 {
        return usize::try_from(units).unwrap_or(0);
    }
    let exponent = 63 - units.leading_zeros() as usize;
    #[allow(clippy::cast_possible_truncation, reason = "three bits are left")]
    let within = (units >> (exponent - 3) & 7) as usize;
    ((exponent - 2) * 8 + within).min(BUCKETS - 1)
}

/// The upper edge of a bucket, so that a percentile is never better than the truth.
fn edge(bucket: usize) -> Duration {
    let units = if bucket < 8 {
        bucket as u64 + 1
    } else {
        (8 + bucket as u64 % 8 + 1) << (bucket / 8 - 1)
    };
    Duration::from_nanos(units << 6)
}

impl Histogram {
    pub(crate) fn new() -> Self {
        let stripe = || Padded(std::array::from_fn(|_| AtomicU32::new(0)));
        Self { stripes: (0..stripes().min(4)).map(|_| stripe()).collect() }
    }

    #[inline]
    pub(crate) fn record(&self, duration: Duration) {
        self.stripes[stripe(self.stripes.len())].0[bucket(duration)]
            .fetch_add(1, Ordering::Relaxed);
    }

    /// The figures a person wants to see.
    pub(crate) fn percentiles(&self) -> Percentiles {
        let counts: Vec<u64> = (0..BUCKETS)
            .map(|b| self.stripes.iter().map(|s| u64::from(s.0[b].load(Ordering::Relaxed))).sum())
            .collect();
        let count: u64 = counts.iter().sum();
        let at = |per_mille: u64| {
            let rank = (count * per_mille).div_ceil(1000).max(1);
            let mut seen = 0;
            counts
                .iter()
                .position(|n| {
                    seen += n;
                    seen >= rank
                })
                .map_or(Duration::ZERO, edge)
        };
        let max = counts.iter().rposition(|&n| n > 0).map_or(Duration::ZERO, edge);
        Percentiles { count, p50: at(500), p90: at(900), p99: at(990), p999: at(999), max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_within_its_bucket() {
        for nanos in [0_u64, 63, 64, 511, 512, 1_000, 123_456, 1 << 30, 1 << 44] {
            let duration = Duration::from_nanos(nanos);
            let upper = edge(bucket(duration));
            assert!(duration < upper, "{nanos} ns < {upper:?}");
            assert!(upper.as_nanos() <= u128::from(nanos) * 9 / 8 + 128, "{nanos}: {upper:?}");
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let histogram = Histogram::new();
        (1..=1000).for_each(|us| histogram.record(Duration::from_micros(us)));
        let seen = histogram.percentiles();
        assert_eq!(seen.count, 1000);
        assert!((500..570).contains(&seen.p50.as_micros()), "{seen:?}");
        assert!((1000..1150).contains(&seen.max.as_micros()), "{seen:?}");
    }
}
