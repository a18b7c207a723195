//! The engine: what a Rust host holds.

mod abandon;
mod builder;
mod control;
mod core;
mod drain;
mod handle;
mod overrides;
mod ready;
mod stats;
mod submit;

pub use builder::{Builder, Line};
pub use control::Stopped;
pub use core::Engine;
pub use drain::{Closed, DrainReport, StuckRun};
pub use handle::Session;
