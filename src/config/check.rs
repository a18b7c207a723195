//! Ranges: settings are validated whole, before anything uses them.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::lane::CONCURRENCY_MAX;
#[cfg(feature = "config-file")]
use super::{Agent, CronJob};
use super::{Concurrency, Config, EngineKnobs, Lane, Limits, Queue, agents, cron};
use crate::model::{Error, Knobs};

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// What validation looks at: each setting with its value and its range, in the order of the file.
#[derive(Default)]
pub(super) struct Ranges {
    wrong: Option<Error>,
    seen: Vec<(String, String)>,
}

impl Ranges {
    /// Keeps the first error.
    pub(super) fn refuse(&mut self, text: String) {
        self.wrong.get_or_insert_with(|| Error::invalid(text));
    }

    /// A value that is wrong in another way than by its size.
    pub(super) fn wrong(&mut self, key: &str, what: fmt::Arguments<'_>) {
        self.refuse(format!("{key} = {what}"));
    }

    fn bounded(&mut self, key: &str, value: &str, range: String, fits: bool) {
        if !fits {
            self.refuse(format!("{key} = {value}: the range is {range}"));
        }
        self.seen.push((key.to_owned(), range));
    }

    #[allow(clippy::needless_pass_by_value, reason = "numbers")]
    pub(super) fn within<T>(&mut self, key: &str, value: T, range: RangeInclusive<T>)
    where
        T: PartialOrd + Display,
    {
        let words = format!("{} to {}", range.start(), range.end());
        self.bounded(key, &value.to_string(), words, range.contains(&value));
    }

    pub(super) fn lasting(&mut self, key: &str, value: Duration, range: RangeInclusive<Duration>) {
        let words = format!("{} to {}", spoken(*range.start()), spoken(*range.end()));
        self.bounded(key, &spoken(value), words, range.contains(&value));
    }

    pub(super) fn concurrency(&mut self, key: &str, limit: u32) {
        let words = format!("0 to {CONCURRENCY_MAX}, or \"unlimited\"");
        self.bounded(key, &limit.to_string(), words, limit <= CONCURRENCY_MAX);
    }
}

/// A duration as the settings write it.
pub(crate) fn spoken(duration: Duration) -> String {
    let ms = duration.as_millis();
    if !duration.subsec_nanos().is_multiple_of(1_000_000) {
        return format!("{duration:?}");
    }
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if ms >= size && ms.is_multiple_of(size) {
            return format!("{}{unit}", ms / size);
        }
    }
    format!("{ms}ms")
}

impl Config {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// `Invalid` with the key, the value and the allowed range of the first that is wrong.
    pub fn validate(&self) -> Result<(), Error> {
        let mut ranges = Ranges::default();
        self.visit(&mut ranges);
        match ranges.wrong {
            Some(error) => Err(error),
            None => self.agent_lanes().map(drop),
        }
    }

    fn visit(&self, ranges: &mut Ranges) {
        self.lanes.iter().for_each(|(name, lane)| lane.visit(name, ranges));
        self.queue.visit(ranges);
        self.session.visit(ranges);
        self.inbound.visit(ranges);
        agents::visit(&self.agents, ranges);
        cron::visit(&self.cron, ranges);
        self.limits.visit(ranges);
        self.engine.visit(ranges);
        self.journal.visit(ranges);
        self.transcripts.visit(ranges);
    }

    /// Every setting that has a range, with its words. Lanes are called `main`, channels `any`, and
    /// lists have one item.
    #[cfg(feature = "config-file")]
    pub(super) fn ranges() -> Vec<(String, String)> {
        let mut config = Self::default();
        let (some, name) = (Some(MS), "any".to_owned());
        config.lanes.values_mut().for_each(|lane| {
            (lane.concurrency, lane.deadline) = (Concurrency::Limit(1), some);
        });
        (config.queue.ttl, config.queue.max_wait) = (some, some);
        let channel = Knobs { debounce: some, cap: Some(1), ..Knobs::default() };
        config.queue.channels.insert(name.clone(), channel);
        config.inbound.channels.insert(name, MS);
        let lane_concurrency = Some(Concurrency::Limit(1));
        config.agents.push(Agent { deadline: some, lane_concurrency, ..Agent::default() });
        config.cron.push(CronJob { every: some, ..CronJob::default() });
        let mut ranges = Ranges::default();
        config.visit(&mut ranges);
        ranges.seen
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

/// Why a lane may not have this name.
pub(crate) fn reserved(name: &str) -> Option<&'static str> {
    match name {
        "" | "session" | "auto" => Some("this name is reserved"),
        name if name.len() > 64 => Some("a name has at most 64 bytes"),
        _ => None,
    }
}

impl Lane {
    /// Checks a lane that is made or changed while the engine runs.
    pub(crate) fn validate(&self, name: &str) -> Result<(), Error> {
        let mut ranges = Ranges::default();
        self.visit(name, &mut ranges);
        ranges.wrong.map_or(Ok(()), Err)
    }

    fn visit(&self, name: &str, ranges: &mut Ranges) {
        if let Some(why) = reserved(name) {
            let name = if name.is_empty() { "\"\"" } else { name };
            ranges.refuse(format!("lanes.{name}: {why}"));
        }
        if let Concurrency::Limit(limit) = self.concurrency {
            ranges.concurrency(&format!("lanes.{name}.concurrency"), limit);
        }
        if let Some(deadline) = self.deadline {
            ranges.lasting(&format!("lanes.{name}.deadline"), deadline, MS..=DAY);
        }
        ranges.lasting(&format!("lanes.{name}.wait_warning"), self.wait_warning, MS..=DAY);
        ranges.within(&format!("lanes.{name}.ceiling"), self.ceiling, 1..=CONCURRENCY_MAX);
    }
}

impl Queue {
    fn visit(&self, ranges: &mut Ranges) {
        ranges.lasting("queue.debounce", self.debounce, Duration::ZERO..=10 * MINUTE);
        ranges.lasting("queue.max_wait", self.window_max(), Duration::ZERO..=HOUR);
        ranges.within("queue.max_batch", self.max_batch, 1..=1000);
        ranges.within("queue.cap", self.cap, 1..=100_000);
        if let Some(ttl) = self.ttl {
            ranges.lasting("queue.ttl", ttl, MS..=30 * DAY);
        }
        ranges.within("queue.attempts", self.attempts, 1..=100);
        ranges.lasting("queue.backoff", self.backoff, MS..=HOUR);
        ranges.lasting("queue.backoff_max", self.backoff_max, MS..=DAY);
        ranges.within("queue.steer_rounds", self.steer_rounds, 1..=1000);
        self.channels.iter().for_each(|(name, channel)| channel.visit(name, ranges));
    }
}

impl Knobs {
    /// Checks every knob against its range.
    ///
    /// # Errors
    /// `Invalid` with the first that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let mut ranges = Ranges::default();
        self.visit("<this>", &mut ranges);
        ranges.wrong.map_or(Ok(()), Err)
    }

    fn visit(&self, name: &str, ranges: &mut Ranges) {
        if let Some(debounce) = self.debounce {
            let key = format!("queue.channels.{name}.debounce");
            ranges.lasting(&key, debounce, Duration::ZERO..=10 * MINUTE);
        }
        if let Some(cap) = self.cap {
            ranges.within(&format!("queue.channels.{name}.cap"), cap, 1..=100_000);
        }
    }
}

impl Limits {
    fn visit(&self, ranges: &mut Ranges) {
        ranges.within("limits.key_bytes", self.key_bytes, 16..=65_536);
        ranges.within("limits.message_bytes", self.message_bytes, 1024..=1 << 30);
        ranges.within("limits.closure_cap", self.closure_cap, 1..=1 << 22);
        ranges.within("limits.max_pending", self.max_pending, 1..=1 << 22);
        ranges.within("limits.max_bytes", self.max_bytes, 1024..=1 << 40);
        ranges.within("limits.keyless_cap", self.keyless_cap, 1..=1 << 22);
        ranges.within("limits.spawn_depth", self.spawn_depth, 0..=64);
        ranges.within("limits.children", self.children, 0..=4096);
        ranges.within("limits.ring_events", self.ring_events, 16..=1 << 24);
        ranges.within("limits.abandoned", self.abandoned, 0..=4096);
    }
}

impl EngineKnobs {
    fn visit(&self, ranges: &mut Ranges) {
        ranges.lasting("engine.ageing", self.ageing, MS..=DAY);
        ranges.lasting("engine.stuck_after", self.stuck_after, MS..=DAY);
        ranges.lasting("engine.stop_grace", self.stop_grace, Duration::ZERO..=HOUR);
        ranges.lasting("engine.drain", self.drain, Duration::ZERO..=DAY);
        ranges.lasting("engine.worker_idle", self.worker_idle, MS..=DAY);
        ranges.within("engine.spare_workers", self.spare_workers, 0..=CONCURRENCY_MAX);
        ranges.within("engine.tool_threads", self.tool_threads, 0..=4096);
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
    fn durations_are_spoken_as_the_settings_write_them() {
        for (ms, words) in [(0, "0ms"), (250, "250ms"), (2000, "2s"), (90_000, "90s")] {
            assert_eq!(spoken(Duration::from_millis(ms)), words);
        }
        assert_eq!((spoken(HOUR), spoken(30 * DAY)), ("1h".to_owned(), "30d".to_owned()));
        assert_eq!(spoken(Duration::from_micros(1500)), "1.5ms");
    }

    #[test]
    fn a_channel_keeps_to_the_ranges_of_the_queue() {
        let channel = Knobs { cap: Some(0), ..Knobs::default() };
        let config = Config::default().with_queue(|q| {
            q.channels.insert("irc".to_owned(), channel);
        });
        let error = config.validate().expect_err("0 is too few").to_string();
        assert_eq!(error, "queue.channels.irc.cap = 0: the range is 1 to 100000");
    }

    #[test]
    fn a_reserved_lane_name_is_refused() {
        assert!(Config::default().with_lane("session", 1).validate().is_err());
        assert!(Config::default().with_lane("", 1).validate().is_err());
    }
}
