//! What a file of settings may say, table by table: one schema for every format.
//!
//! Every field is optional: what the file leaves out keeps its default.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::units::{Named, Size, Span, Table, Word};
use super::{
    Agent, Concurrency, Config, CronJob, EngineKnobs, Inbound, JournalKnobs, Lane, Limits, Overlap,
    Queue, SessionKnobs, Sync,
};
use crate::model::{Drop, Knobs, Mode, PendingTools, Scope};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    lanes: Named<Table<LaneTable>>,
    queue: Table<QueueTable>,
    session: Table<SessionTable>,
    inbound: Table<InboundTable>,
    agents: Vec<Table<AgentTable>>,
    cron: Vec<Table<CronTable>>,
    limits: Table<LimitsTable>,
    engine: Table<EngineTable>,
    journal: Table<JournalTable>,
    transcripts: Table<TranscriptTable>,
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
    mode: Option<Word<Mode>>,
    debounce: Option<Span>,
    reset_on_new_message: Option<bool>,
    max_wait: Option<Span>,
    max_batch: Option<u32>,
    cap: Option<u32>,
    drop: Option<Word<Drop>>,
    ttl: Option<Span>,
    attempts: Option<u32>,
    backoff: Option<Span>,
    backoff_max: Option<Span>,
    pending_tools: Option<Word<PendingTools>>,
    steer_rounds: Option<u32>,
    channels: Named<Table<ChannelTable>>,
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

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChannelTable {
    mode: Option<Word<Mode>>,
    debounce: Option<Span>,
    cap: Option<u32>,
    drop: Option<Word<Drop>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SessionTable {
    dm_scope: Option<Word<Scope>>,
    identity_links: Named<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct InboundTable {
    debounce: Option<Span>,
    dedupe_window: Option<Span>,
    dedupe_entries: Option<usize>,
    directive_authorities: Option<Vec<String>>,
    stop_authorities: Option<Vec<String>>,
    channels: Named<Table<InboundChannel>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct InboundChannel {
    debounce: Option<Span>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AgentTable {
    id: String,
    lane: Option<String>,
    lane_concurrency: Option<Concurrency>,
    command: Option<String>,
    protocol: Option<String>,
    deadline: Option<Span>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CronTable {
    id: String,
    schedule: Option<String>,
    every: Option<Span>,
    timezone: Option<String>,
    text: String,
    overlap: Option<Word<Overlap>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct JournalTable {
    path: Option<PathBuf>,
    sync: Option<Word<Sync>>,
    attempts: Option<u32>,
    max_bytes: Option<Size>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TranscriptTable {
    dir: Option<PathBuf>,
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
        set(&mut queue.mode, self.mode, |w| w.0);
        set(&mut queue.debounce, self.debounce, |s| s.0);
        set(&mut queue.reset_on_new_message, self.reset_on_new_message, same);
        set(&mut queue.max_wait, self.max_wait, |s| Some(s.0));
        set(&mut queue.max_batch, self.max_batch, same);
        set(&mut queue.cap, self.cap, same);
        set(&mut queue.drop, self.drop, |w| w.0);
        set(&mut queue.ttl, self.ttl, |s| Some(s.0));
        set(&mut queue.attempts, self.attempts, same);
        set(&mut queue.backoff, self.backoff, |s| s.0);
        set(&mut queue.backoff_max, self.backoff_max, |s| s.0);
        set(&mut queue.pending_tools, self.pending_tools, |w| w.0);
        set(&mut queue.steer_rounds, self.steer_rounds, same);
        queue.channels = self.channels.0.into_iter().map(|(k, v)| (k, v.0.channel())).collect();
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

impl ChannelTable {
    fn channel(self) -> Knobs {
        let debounce = self.debounce.map(|s| s.0);
        Knobs {
            mode: self.mode.map(|w| w.0),
            debounce,
            cap: self.cap,
            drop: self.drop.map(|w| w.0),
        }
    }
}

impl SessionTable {
    fn over(self, session: &mut SessionKnobs) {
        set(&mut session.dm_scope, self.dm_scope, |w| w.0);
        session.identity_links = self.identity_links.0;
    }
}

impl InboundTable {
    fn over(self, inbound: &mut Inbound) {
        set(&mut inbound.debounce, self.debounce, |s| s.0);
        set(&mut inbound.dedupe_window, self.dedupe_window, |s| s.0);
        set(&mut inbound.dedupe_entries, self.dedupe_entries, same);
        set(&mut inbound.directive_authorities, self.directive_authorities, same);
        set(&mut inbound.stop_authorities, self.stop_authorities, same);
        let own = |(name, table): (_, Table<InboundChannel>)| Some((name, table.0.debounce?.0));
        inbound.channels = self.channels.0.into_iter().filter_map(own).collect();
    }
}

impl AgentTable {
    fn agent(self) -> Agent {
        let Self { id, lane, lane_concurrency, command, protocol, deadline } = self;
        let deadline = deadline.map(|s| s.0);
        Agent { id, lane, lane_concurrency, command, protocol, deadline }
    }
}

impl CronTable {
    fn job(self) -> CronJob {
        let Self { id, schedule, every, timezone, text, overlap } = self;
        let overlap = overlap.map_or_else(Overlap::default, |w| w.0);
        CronJob { id, schedule, every: every.map(|s| s.0), timezone, text, overlap }
    }
}

impl JournalTable {
    fn over(self, journal: &mut JournalKnobs) {
        journal.path = self.path;
        set(&mut journal.sync, self.sync, |w| w.0);
        set(&mut journal.attempts, self.attempts, same);
        set(&mut journal.max_bytes, self.max_bytes, |s| s.0);
    }
}

impl File {
    /// The defaults, with what the file says over them.
    pub(super) fn config(self) -> Config {
        let mut config = Config::default();
        let main =
            ["main", "global"].iter().find_map(|name| self.lanes.0.get(*name)?.0.concurrency);
        set(&mut lane_mut(&mut config.lanes, "main", main).concurrency, main, same);
        for (lane, table) in self.lanes.0 {
            table.0.over(lane_mut(&mut config.lanes, super::check::lane_name(&lane), main));
        }
        self.queue.0.over(&mut config.queue);
        self.session.0.over(&mut config.session);
        self.inbound.0.over(&mut config.inbound);
        config.agents = self.agents.into_iter().map(|table| table.0.agent()).collect();
        config.cron = self.cron.into_iter().map(|table| table.0.job()).collect();
        self.limits.0.over(&mut config.limits);
        self.engine.0.over(&mut config.engine);
        self.journal.0.over(&mut config.journal);
        config.transcripts.dir = self.transcripts.0.dir;
        config
    }
}

/// A lane, made with the concurrency of `main` if it is new.
fn lane_mut<'a>(
    lanes: &'a mut BTreeMap<String, Lane>,
    name: &str,
    main: Option<Concurrency>,
) -> &'a mut Lane {
    let fresh = || Lane::new(main.unwrap_or(Concurrency::Limit(4)));
    lanes.entry(name.to_owned()).or_insert_with(fresh)
}
