//! One snapshot of all figures.

use std::time::Duration;

use serde::Serialize;

use crate::model::Fate;

/// A distribution of durations. A percentile is the upper edge of its bucket, at most 13 % high.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Percentiles {
    /// How many were recorded.
    pub count: u64,
    /// Half were at most this.
    pub p50: Duration,
    /// 90 % were at most this.
    pub p90: Duration,
    /// 99 % were at most this.
    pub p99: Duration,
    /// 99.9 % were at most this.
    pub p999: Duration,
    /// None was more than this.
    pub max: Duration,
}

/// The figures of one lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LaneStats {
    /// Its name.
    pub name: String,
    /// Its slots; 0 is paused.
    pub concurrency: u32,
    /// Runs that execute now.
    pub executing: u32,
    /// Runs that wait for others and have lent their slot.
    pub waiting: u32,
    /// Those of them whose wait is over, and that want a slot again.
    pub resuming: u32,
    /// Tickets of ready sessions.
    pub ready: u32,
    /// Worker threads, and how many of them sleep.
    pub workers: u32,
    /// Sleeping worker threads.
    pub idle: u32,
    /// Ticket issued to run start.
    pub lane_wait: Percentiles,
    /// Admission to run start. Messages: all; closures: one in sixteen, and of those with a receipt
    /// also each that finds its session idle.
    pub message_wait: Percentiles,
    /// Run start to run end, of the same.
    pub run: Percentiles,
}

/// All figures at one moment. Counters are exact whenever no call is in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Messages and closures admitted since the start.
    pub accepted: u64,
    /// Messages and closures handed back.
    pub refused: u64,
    /// Admitted and without a fate yet, counted by the quota, not derived.
    pub pending: u64,
    /// Bytes of what is pending.
    pub pending_bytes: u64,
    /// How many reached each fate, in the order of [`Fate::ALL`].
    pub fates: [u64; 7],
    /// Runs that ended done, failed, stopped, panicked.
    pub runs: [u64; 4],
    /// Sessions in the table.
    pub sessions: u64,
    /// Events that were given up because too many waited.
    pub events_lost: u64,
    /// P2: must be 0.
    pub order_violations: u64,
    /// P1: must be 0.
    pub double_runs: u64,
    /// The lanes, in the order of their making.
    pub lanes: Vec<LaneStats>,
    /// True for the wait and run figures of fire-and-forget closures: one in sixteen is timed.
    pub sampled: bool,
}

impl Stats {
    /// How many messages reached this fate.
    #[must_use]
    pub fn fate(&self, fate: Fate) -> u64 {
        self.fates[fate as usize]
    }

    /// P4: accepted = sum of fates + pending.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.accepted == self.fates.iter().sum::<u64>() + self.pending
    }
}

/// The books of every session, read one after the other under its lock. P4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Audit {
    /// Sessions that were read.
    pub sessions: u64,
    /// What waits or runs in them, counted message by message.
    pub pending: u64,
    /// Sessions that fit into the table before it grows: it gives its memory back. P10.
    pub room: u64,
    /// Entries of the timer, given-up ones that wait for their sweep included. P9.
    pub timers: u64,
    /// Sessions whose own books did not balance: must be 0.
    pub unbalanced: u64,
    /// Sessions with anything pending.
    pub busy: u64,
    /// Those of them that wait for a paused lane.
    pub paused: u64,
}

impl Audit {
    /// Whether something is pending, and all of it waits for paused lanes.
    #[must_use]
    pub fn is_stranded(&self) -> bool {
        self.busy > 0 && self.busy == self.paused
    }
}
