//! The engine: what a Rust host holds.

mod abandon;
mod admission;
mod builder;
mod closures;
mod control;
mod core;
mod cron;
mod drain;
mod handle;
mod journaled;
mod overrides;
mod port;
mod receive;
#[cfg(feature = "journal")]
mod recover;
#[cfg(not(feature = "journal"))]
#[path = "recover_off.rs"]
mod recover;
mod reload;
#[cfg(feature = "journal")]
mod returning;
mod ready;
mod stats;
mod submit;

pub use admission::Admission;
pub use builder::{Builder, Line};
pub use control::Stopped;
pub use core::Engine;
pub use drain::{Closed, DrainReport, StuckRun};
pub use handle::Session;
pub use port::Port;
#[cfg(feature = "journal")]
pub use recover::Recovered;
pub use reload::Reloaded;
