//! What comes before a submit: schedules.

mod cron;

pub(crate) use cron::{Now, Schedule, Tick, key};
