//! What the engine says about itself: typed events, counters, histograms.

mod bus;
mod counters;
mod event;
mod histogram;
mod line;
mod log_sink;
mod observer;
mod quota;
mod ring;
mod stats;
mod stripes;

pub(crate) use bus::Bus;
pub(crate) use counters::{Count, Counters};
pub use event::{Event, Phase, Placement, Record, Spoken};
pub(crate) use histogram::Histogram;
pub(crate) use line::Draw;
pub(crate) use log_sink::LogSink;
pub use observer::Observer;
pub(crate) use quota::{Quota, Room};
pub use ring::{Ring, Silence};
pub use stats::{Audit, LaneStats, Percentiles, Stats};
pub(crate) use stripes::{Seat, Seats};
