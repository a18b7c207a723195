//! Figures as JSON, by the names of the protocol.

use super::body::JsonBody;
use crate::model::Fate;
use crate::watch::{LaneStats, Percentiles, Stats};

impl Stats {
    /// The fields of a `stats` event, by the names of the protocol. Needs the feature `json`.
    #[must_use]
    pub fn json(&self) -> JsonBody {
        of_stats(self)
    }
}

fn of_stats(stats: &Stats) -> JsonBody {
    let mut fates = JsonBody::new();
    for fate in Fate::ALL {
        fates = fates.number(fate.as_str(), stats.fate(fate));
    }
    let [done, failed, stopped, panicked] = stats.runs;
    let runs = JsonBody::new()
        .number("done", done)
        .number("failed", failed)
        .number("stopped", stopped)
        .number("panicked", panicked);
    let lanes: Vec<String> = stats.lanes.iter().map(|lane| of_lane(lane).object()).collect();
    JsonBody::new()
        .number("accepted", stats.accepted)
        .number("refused", stats.refused)
        .number("pending", stats.pending)
        .number("pending_bytes", stats.pending_bytes)
        .raw("fates", &fates.object())
        .raw("runs", &runs.object())
        .number("sessions", stats.sessions)
        .number("events_lost", stats.events_lost)
        .number("order_violations", stats.order_violations)
        .number("double_runs", stats.double_runs)
        .raw("lanes", &format!("[{}]", lanes.join(",")))
}

fn of_lane(lane: &LaneStats) -> JsonBody {
    JsonBody::new()
        .text("lane", &lane.name)
        .number("concurrency", lane.concurrency.into())
        .number("executing", lane.executing.into())
        .number("waiting", lane.waiting.into())
        .number("ready", lane.ready.into())
        .number("workers", lane.workers.into())
        .number("idle", lane.idle.into())
        .raw("lane_wait_ms", &percentiles(&lane.lane_wait))
        .raw("message_wait_ms", &percentiles(&lane.message_wait))
        .raw("run_ms", &percentiles(&lane.run))
}

fn percentiles(of: &Percentiles) -> String {
    JsonBody::new()
        .number("count", of.count)
        .millis("p50", of.p50)
        .millis("p90", of.p90)
        .millis("p99", of.p99)
        .millis("p999", of.p999)
        .millis("max", of.max)
        .object()
}
