//! The promises once more, over a port: the same tests, but threads of the host take the runs.

/// As the crate's, with benches whose runs are taken from a port.
mod support {
    pub use crate::support::*;

    pub const DRIVE: Drive = Drive::Pull;

    pub fn bench() -> Bench {
        bench_with(laneq::Config::default())
    }

    pub fn bench_with(config: laneq::Config) -> Bench {
        bench_as(config, laneq::HandlerOptions::default())
    }

    pub fn bench_as(config: laneq::Config, options: laneq::HandlerOptions) -> Bench {
        bench_on(DRIVE, config, options)
    }
}

/// As the crate's, likewise.
mod stage {
    use std::sync::Arc;

    use laneq::{BoxError, Config, Engine, Receipt, Reply, Run};

    use super::support::{Bench, DRIVE, bench};
    pub use crate::stage::*;

    pub fn staged(config: Config) -> (Bench, Arc<Stage>) {
        staged_on(DRIVE, config)
    }

    pub fn bench_doing(
        config: Config,
        handle: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    ) -> Bench {
        doing_on(DRIVE, config, handle)
    }

    pub fn bench_of(
        engine: Engine,
        handle: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    ) -> Bench {
        bench_of_on(DRIVE, engine, handle)
    }

    pub fn running() -> (Bench, Receipt) {
        running_on(bench())
    }
}

#[path = "p01_one_live_run.rs"]
mod p01_one_live_run;
#[path = "p01_storm.rs"]
mod p01_storm;
#[path = "p02_collect.rs"]
mod p02_collect;
#[path = "p02_order.rs"]
mod p02_order;
#[path = "p03_doors.rs"]
mod p03_doors;
#[path = "p03_lanes.rs"]
mod p03_lanes;
#[path = "p03_turns.rs"]
mod p03_turns;
#[path = "p04_duplicates.rs"]
mod p04_duplicates;
#[path = "p04_duplicates_race.rs"]
mod p04_duplicates_race;
#[path = "p04_fates.rs"]
mod p04_fates;
#[path = "p04_overflow.rs"]
mod p04_overflow;
#[path = "p04_refusals.rs"]
mod p04_refusals;
#[path = "p04_retry.rs"]
mod p04_retry;
#[path = "p04_storm.rs"]
mod p04_storm;
#[path = "p05_fallback.rs"]
mod p05_fallback;
#[path = "p05_guard.rs"]
mod p05_guard;
#[path = "p05_race.rs"]
mod p05_race;
#[path = "p05_steer.rs"]
mod p05_steer;
#[path = "p06_children.rs"]
mod p06_children;
#[path = "p06_ledger.rs"]
mod p06_ledger;
#[path = "p06_stops.rs"]
mod p06_stops;
#[path = "p06_tokens.rs"]
mod p06_tokens;
#[path = "p07_closures.rs"]
mod p07_closures;
#[path = "p07_panics.rs"]
mod p07_panics;
#[path = "p07_reentry.rs"]
mod p07_reentry;
#[path = "p08_children.rs"]
mod p08_children;
#[path = "p08_cycles.rs"]
mod p08_cycles;
#[path = "p08_waits.rs"]
mod p08_waits;
#[path = "p09_bounds.rs"]
mod p09_bounds;
#[path = "p09_rounds.rs"]
mod p09_rounds;
#[path = "p10_idle_sessions_cost_nothing.rs"]
mod p10_idle_sessions_cost_nothing;
#[path = "p12_abandon.rs"]
mod p12_abandon;
#[path = "p12_close.rs"]
mod p12_close;
#[path = "p12_drain.rs"]
mod p12_drain;
