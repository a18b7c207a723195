//! The engine: what a Rust host holds.

mod abandon;
mod builder;
mod closures;
mod control;
mod core;
mod cron;
mod drain;
mod handle;
mod overrides;
mod port;
mod receive;
mod reload;
mod ready;
mod stats;
mod submit;

pub use builder::{Builder, Line};
pub use control::Stopped;
pub use core::Engine;
pub use drain::{Closed, DrainReport, StuckRun};
pub use handle::Session;
pub use port::Port;
pub use reload::Reloaded;
