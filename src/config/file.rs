//! Settings from TOML text: one schema, unknown keys refused, errors with line and column.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::units::{Size, Span};
use super::{Concurrency, Config, EngineKnobs, Lane, Limits, Queue};
use crate::model::{Drop, Error, Mode, PendingTools};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    lanes: BTreeMap<String, LaneTable>,
    queue: QueueTable,
    limits: LimitsTable,
    engine: EngineTable,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LaneTable {
    concurrency: Option<Concurrency>,
    ceiling: Option<u32>,
    isolated: Option<bool>,
    deadline: Option<Span>,
    wait_warning: Option<Span>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct QueueTable {
    mode: Option<Mode>,
    debounce: Option<Span>,
    reset_on_new_message: Option<bool>,
    max_wait: Option<Span>,
    max_batch: Option<u32>,
    cap: Option<u32>,
    drop: Option<Drop>,
    ttl: Option<Span>,
    attempts: Option<u32>,
    backoff: Option<Span>,
    backoff_max: Option<Span>,
    pending_tools: Option<PendingTools>,
    steer_rounds: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LimitsTable {
    key_bytes: Option<Size>,
    message_bytes: Option<Size>,
    closure_cap: Option<u32>,
    max_pending: Option<u32>,
    max_bytes: Option<Size>,
    overrides: Option<usize>,
    keyless_cap: Option<u32>,
    spawn_depth: Option<u8>,
    children: Option<usize>,
    ring_events: Option<usize>,
    abandoned: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EngineTable {
    ageing: Option<Span>,
    stuck_after: Option<Span>,
    stop_grace: Option<Span>,
    drain: Option<Span>,
    worker_idle: Option<Span>,
    spare_workers: Option<u32>,
    tool_threads: Option<usize>,
}

/// Overwrites a setting if the file has it.
fn set<T, V>(setting: &mut T, value: Option<V>, unwrap: impl FnOnce(V) -> T) {
    if let Some(value) = value {
        *setting = unwrap(value);
    }
}

fn same<T>(value: T) -> T {
    value
}

fn bytes(size: Size) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

impl LaneTable {
    fn over(self, lane: &mut Lane) {
        set(&mut lane.concurrency, self.concurrency, same);
        set(&mut lane.ceiling, self.ceiling, same);
        set(&mut lane.isolated, self.isolated, same);
        set(&mut lane.deadline, self.deadline, |s| Some(s.0));
        set(&mut lane.wait_warning, self.wait_warning, |s| s.0);
    }
}

impl QueueTable {
    fn over(self, queue: &mut Queue) {
        set(&mut queue.mode, self.mode, same);
        set(&mut queue.debounce, self.debounce, |s| s.0);
        set(&mut queue.reset_on_new_message, self.reset_on_new_message, same);
        set(&mut queue.max_wait, self.max_wait, |s| Some(s.0));
        set(&mut queue.max_batch, self.max_batch, same);
        set(&mut queue.cap, self.cap, same);
        set(&mut queue.drop, self.drop, same);
        set(&mut queue.ttl, self.ttl, |s| Some(s.0));
        set(&mut queue.attempts, self.attempts, same);
        set(&mut queue.backoff, self.backoff, |s| s.0);
        set(&mut queue.backoff_max, self.backoff_max, |s| s.0);
        set(&mut queue.pending_tools, self.pending_tools, same);
        set(&mut queue.steer_rounds, self.steer_rounds, same);
    }
}

impl LimitsTable {
    fn over(self, limits: &mut Limits) {
        set(&mut limits.key_bytes, self.key_bytes, bytes);
        set(&mut limits.message_bytes, self.message_bytes, bytes);
        set(&mut limits.closure_cap, self.closure_cap, same);
        set(&mut limits.max_pending, self.max_pending, same);
        set(&mut limits.max_bytes, self.max_bytes, |s| s.0);
        set(&mut limits.overrides, self.overrides, same);
        set(&mut limits.keyless_cap, self.keyless_cap, same);
        set(&mut limits.spawn_depth, self.spawn_depth, same);
        set(&mut limits.children, self.children, same);
        set(&mut limits.ring_events, self.ring_events, same);
        set(&mut limits.abandoned, self.abandoned, same);
    }
}

impl EngineTable {
    fn over(self, engine: &mut EngineKnobs) {
        set(&mut engine.ageing, self.ageing, |s| s.0);
        set(&mut engine.stuck_after, self.stuck_after, |s| s.0);
        set(&mut engine.stop_grace, self.stop_grace, |s| s.0);
        set(&mut engine.drain, self.drain, |s| s.0);
        set(&mut engine.worker_idle, self.worker_idle, |s| s.0);
        set(&mut engine.spare_workers, self.spare_workers, same);
        set(&mut engine.tool_threads, self.tool_threads, same);
    }
}

impl Config {
    /// Reads settings from TOML text; what it leaves out has its default. `name` is the file, for
    /// the errors. Needs the feature `config-file`.
    ///
    /// # Errors
    /// `Invalid` as `name:line:column: what is wrong and what would be right`, for text that is
    /// not TOML, unknown keys, wrong types and values out of range.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            located(text, name, at, error.message())
        })?;
        let mut config = Self::default();
        let main = file.lanes.get("main").and_then(|lane| lane.concurrency);
        set(&mut config.lane_mut("main", None).concurrency, main, same);
        for (lane, table) in file.lanes {
            table.over(config.lane_mut(super::check::lane_name(&lane), main));
        }
        file.queue.over(&mut config.queue);
        file.limits.over(&mut config.limits);
        file.engine.over(&mut config.engine);
        config.validate().map_err(|error| {
            let what = error.to_string();
            located(text, name, position(text, &what).unwrap_or(0), &what)
        })?;
        Ok(config)
    }

    /// A lane, made with the concurrency of `main` if it is new.
    fn lane_mut(&mut self, name: &str, main: Option<Concurrency>) -> &mut Lane {
        let fresh = || Lane::new(main.unwrap_or(Concurrency::Limit(4)));
        self.lanes.entry(name.to_owned()).or_insert_with(fresh)
    }
}

fn located(text: &str, name: &str, at: usize, what: &str) -> Error {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Error::invalid(format!("{name}:{line}:{column}: {what}"))
}

/// Where the setting stands that a range error begins with: `queue.cap = 0: ...`.
fn position(text: &str, what: &str) -> Option<usize> {
    let path = what.split([' ', ':']).next()?;
    let table = DeTable::parse(text).ok()?;
    let mut value = &DeValue::Table(table.into_inner());
    let mut at = None;
    for part in path.split('.') {
        let (key, next) = value.as_table()?.iter().find(|(key, _)| key.get_ref() == part)?;
        at = Some(key.span().start);
        value = next.get_ref();
    }
    at
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn error(text: &str) -> String {
        Config::from_toml(text, "f.toml").expect_err("it is wrong").to_string()
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(Config::from_toml("", "f.toml"), Ok(Config::default()));
    }

    #[test]
    fn settings_of_each_section_are_read() {
        let text = "[lanes.main]\nconcurrency = 2\n[lanes.sub-agent]\nconcurrency = 0\n\
            [lanes.mine]\n[queue]\nmode = \"steer\"\nmax_wait = \"3s\"\n\
            [limits]\nmax_bytes = \"2GiB\"\nkey_bytes = 64\n[engine]\nstop_grace = \"250ms\"\n";
        let config = Config::from_toml(text, "f.toml").expect("it is right");
        assert_eq!(config.lanes["main"].concurrency, Concurrency::Limit(2));
        assert_eq!(config.lanes["subagent"].concurrency, Concurrency::Limit(0));
        assert_eq!(config.lanes["mine"].concurrency, Concurrency::Limit(2), "that of main");
        assert_eq!((config.queue.mode, config.queue.window_max()), (Mode::Steer, 3 * SECOND));
        assert_eq!((config.limits.max_bytes, config.limits.key_bytes), (2 << 30, 64));
        assert_eq!(config.engine.stop_grace, SECOND / 4);
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_unknown_key_is_named_with_line_and_column() {
        let error = error("[queue]\ncap = 3\ndebounse = \"1s\"\n");
        assert!(error.starts_with("f.toml:3:1: "), "{error}");
        assert!(error.contains("debounse") && error.contains("debounce"), "{error}");
    }

    #[test]
    fn a_value_out_of_range_is_named_where_it_stands() {
        let error = error("[lanes.main]\nconcurrency = 1\n[queue]\n  cap = 0\n");
        assert_eq!(error, "f.toml:4:3: queue.cap = 0: the range is 1 to 100000");
    }

    #[test]
    fn a_concurrency_is_a_whole_number_or_unlimited() {
        for bad in ["-1", "1.5", "nan", "inf", "\"many\"", "5000"] {
            let error = error(&format!("[lanes.x]\nconcurrency = {bad}\n"));
            assert!(error.starts_with("f.toml:2:15: ") && error.contains("unlimited"), "{error}");
        }
    }

    #[test]
    fn a_duration_needs_its_unit_and_a_size_its_number() {
        assert!(error("[queue]\nttl = 5\n").contains("250ms"));
        assert!(error("[queue]\nttl = \"5 parsecs\"\n").contains("not a duration"));
        assert!(error("[limits]\nmax_bytes = \"1 GB\"\n").contains("GiB"));
        assert!(error("[limits]\nmax_bytes = -1\n").contains("0 or more"));
    }

    #[test]
    fn text_that_is_not_toml_is_an_error_with_its_place() {
        assert!(error("[queue\n").starts_with("f.toml:1:"));
    }
}
