//! What the engine says about itself: typed events, counters, histograms.

mod bus;
mod counters;
mod event;
mod histogram;
mod log_sink;
mod ring;
mod stats;

pub use bus::Observer;
pub(crate) use bus::{Bus, Draw};
pub(crate) use counters::{Count, Counters, Quota, Room, stripes};
pub use event::{Event, Phase, Placement, Record, Spoken};
pub(crate) use histogram::Histogram;
pub(crate) use log_sink::LogSink;
pub use ring::{Ring, Silence};
pub use stats::{Audit, LaneStats, Percentiles, Stats};
