//! What the engine says about itself: typed events, counters, histograms.

mod bus;
mod counters;
mod event;
mod histogram;
mod line;
mod log_sink;
mod observer;
mod ring;
mod stats;

pub(crate) use bus::Bus;
pub(crate) use counters::{Count, Counters, Quota, Room, stripes};
pub use event::{Event, Phase, Placement, Record, Spoken};
pub(crate) use histogram::Histogram;
pub(crate) use line::Draw;
pub(crate) use log_sink::LogSink;
pub use observer::Observer;
pub use ring::{Ring, Silence};
pub use stats::{Audit, LaneStats, Percentiles, Stats};
