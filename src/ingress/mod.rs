//! From what comes in to what is admitted: routes, directives, schedules, and which ids came
//! before.

mod cron;
mod dedupe;
mod directive;
mod first;
mod identity;
mod parts;
mod route;

pub(crate) use cron::{Now, Schedule, Tick};
pub(crate) use dedupe::{Claim, Dedupe, Entered};
pub(crate) use directive::{Directive, Word, read};
pub use parts::KeyParts;
pub(crate) use route::key;
