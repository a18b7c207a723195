//! Every knob with its unit, range and default. No file is read unless the host names one.

pub(crate) mod check;
mod knobs;
pub(crate) mod lane;
#[cfg(feature = "config-file")]
mod units;
#[cfg(feature = "config-file")]
mod file;

pub use knobs::{Config, Engine as EngineKnobs, Limits, Queue};
pub use lane::{Concurrency, Lane};
