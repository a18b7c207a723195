//! Where the defaults of the two programs differ.
//!
//! Source: the documentation of `OpenClaw` (command queue, messages, configuration reference) and
//! its limits for cron, as of August 2026. Defaults that are the same are not listed: cap 20, drop
//! summarize, 8 sub-agents, scope main.

/// A setting of `OpenClaw`, its default, and ours.
pub struct Differs {
    pub path: &'static str,
    theirs: &'static str,
    ours: &'static str,
}

impl Differs {
    /// The words for it. `set`: whether the file has the setting, so that the default is not used.
    pub fn words(&self, set: bool) -> String {
        let set = if set { "set here" } else { "not set here" };
        format!("{}: OpenClaw {}; laneq {}; {set}", self.path, self.theirs, self.ours)
    }
}

const fn differs(path: &'static str, theirs: &'static str, ours: &'static str) -> Differs {
    Differs { path, theirs, ours }
}

pub const DEFAULTS: [Differs; 6] = [
    differs(
        "messages.queue.mode",
        "\"steer\" (earlier versions \"collect\")",
        "queue.mode = \"collect\"",
    ),
    differs("messages.queue.debounceMs", "500 (earlier versions 1000)", "queue.debounce = \"1s\""),
    differs(
        "messages.inbound.debounceMs",
        "2000 (earlier versions 0)",
        "inbound.debounce = \"0ms\"",
    ),
    differs(
        "agents.defaults.maxConcurrent",
        "the greater of 8 and 4 x CPUs (earlier versions 4)",
        "lanes.main.concurrency = 4",
    ),
    differs(
        "agents.list[].laneConcurrency",
        "1 for a lane without a figure",
        "the concurrency of main",
    ),
    differs(
        "cron.maxConcurrentRuns",
        "8",
        "lanes.cron.concurrency = \"unlimited\", up to its ceiling of 256",
    ),
];
