//! From what comes in to what is admitted: routes, directives and schedules. Pure.

mod cron;
mod directive;
mod identity;
mod route;

pub(crate) use cron::{Now, Schedule, Tick};
pub(crate) use directive::{Directive, Word, read};
pub use route::KeyParts;
pub(crate) use route::key;
