//! Ranges: settings are validated whole, before anything uses them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::lane::CONCURRENCY_MAX;
use super::{Concurrency, Config, EngineKnobs, Lane, Limits, Queue};
use crate::model::Error;

const MS: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[allow(clippy::needless_pass_by_value, reason = "numbers")]
fn within<T: PartialOrd + Display>(
    key: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), Error> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(Error::invalid(format!("{key} = {value}: the range is {least} to {most}")))
}

fn lasting(key: &str, value: Duration, range: RangeInclusive<Duration>) -> Result<(), Error> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(Error::invalid(format!("{key} = {value:?}: the range is {least:?} to {most:?}")))
}

impl Config {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// `Invalid` with the key, the value and the allowed range of the first that is wrong.
    pub fn validate(&self) -> Result<(), Error> {
        for (name, lane) in &self.lanes {
            lane.validate(name)?;
        }
        self.queue.validate()?;
        self.limits.validate()?;
        self.engine.validate()
    }
}

/// The lane's name, spelled out: `global` is `main`, `sub-agent` is `subagent`.
pub(crate) fn lane_name(name: &str) -> &str {
    match name {
        "global" => "main",
        "sub-agent" => "subagent",
        name => name,
    }
}

impl Lane {
    pub(crate) fn validate(&self, name: &str) -> Result<(), Error> {
        if name.is_empty() || name == "session" || name == "auto" {
            return Err(Error::invalid(format!("lanes.{name:?}: this name is reserved")));
        }
        if name.len() > 64 {
            return Err(Error::invalid(format!("lanes.{name}: a name has at most 64 bytes")));
        }
        if let Concurrency::Limit(limit) = self.concurrency {
            within(&format!("lanes.{name}.concurrency"), limit, 0..=CONCURRENCY_MAX)?;
        }
        if let Some(deadline) = self.deadline {
            lasting(&format!("lanes.{name}.deadline"), deadline, MS..=DAY)?;
        }
        lasting(&format!("lanes.{name}.wait_warning"), self.wait_warning, MS..=DAY)?;
        within(&format!("lanes.{name}.ceiling"), self.ceiling, 1..=CONCURRENCY_MAX)
    }
}

impl Queue {
    fn validate(&self) -> Result<(), Error> {
        lasting("queue.debounce", self.debounce, Duration::ZERO..=10 * MINUTE)?;
        lasting("queue.max_wait", self.window_max(), Duration::ZERO..=HOUR)?;
        within("queue.max_batch", self.max_batch, 1..=1000)?;
        within("queue.cap", self.cap, 1..=100_000)?;
        if let Some(ttl) = self.ttl {
            lasting("queue.ttl", ttl, MS..=30 * DAY)?;
        }
        within("queue.attempts", self.attempts, 1..=100)?;
        lasting("queue.backoff", self.backoff, MS..=HOUR)?;
        lasting("queue.backoff_max", self.backoff_max, MS..=DAY)?;
        within("queue.steer_rounds", self.steer_rounds, 1..=1000)
    }
}

impl Limits {
    fn validate(&self) -> Result<(), Error> {
        within("limits.key_bytes", self.key_bytes, 16..=65_536)?;
        within("limits.message_bytes", self.message_bytes, 1024..=1 << 30)?;
        within("limits.closure_cap", self.closure_cap, 1..=1 << 22)?;
        within("limits.max_pending", self.max_pending, 1..=1 << 22)?;
        within("limits.max_bytes", self.max_bytes, 1024..=1 << 40)?;
        within("limits.keyless_cap", self.keyless_cap, 1..=1 << 22)?;
        within("limits.spawn_depth", self.spawn_depth, 0..=64)?;
        within("limits.children", self.children, 0..=4096)?;
        within("limits.ring_events", self.ring_events, 16..=1 << 24)?;
        within("limits.abandoned", self.abandoned, 0..=4096)
    }
}

impl EngineKnobs {
    fn validate(&self) -> Result<(), Error> {
        lasting("engine.ageing", self.ageing, MS..=DAY)?;
        lasting("engine.stuck_after", self.stuck_after, MS..=DAY)?;
        lasting("engine.stop_grace", self.stop_grace, Duration::ZERO..=HOUR)?;
        lasting("engine.drain", self.drain, Duration::ZERO..=DAY)?;
        lasting("engine.worker_idle", self.worker_idle, MS..=DAY)?;
        within("engine.spare_workers", self.spare_workers, 0..=CONCURRENCY_MAX)?;
        within("engine.tool_threads", self.tool_threads, 0..=4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_range() {
        let error =
            Config::default().with_queue(|q| q.cap = 0).validate().expect_err("0 is too few");
        assert_eq!(error.to_string(), "queue.cap = 0: the range is 1 to 100000");
    }

    #[test]
    fn a_reserved_lane_name_is_refused() {
        assert!(Config::default().with_lane("session", 1).validate().is_err());
        assert!(Config::default().with_lane("", 1).validate().is_err());
    }
}
