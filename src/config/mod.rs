//! Every knob with its unit, range and default. No file is read unless the host names one.

pub(crate) mod check;
mod agents;
mod cron;
mod durable;
mod force;
mod ingress;
mod knobs;
pub(crate) mod lane;
#[cfg(feature = "config-file")]
mod units;
#[cfg(feature = "config-file")]
mod place;
#[cfg(feature = "config-file")]
mod tables;
#[cfg(feature = "config-file")]
mod file;

pub use agents::Agent;
pub use cron::{CronJob, Overlap};
pub use durable::{JournalKnobs, Sync, TranscriptKnobs};
pub use force::{Given, InForce, Level};
pub use ingress::{Inbound, SessionKnobs};
pub use knobs::{Config, Engine as EngineKnobs, Limits, Queue};
pub use lane::{Concurrency, Lane};
