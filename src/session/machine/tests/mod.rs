//! The machine alone, driven with a `now` of our own: cell by cell, and against a reference model.

#[cfg(feature = "journal")]
mod back;
mod calls;
mod compare;
mod desk;
mod driver;
mod fates;
mod guards;
mod leading;
mod model;
mod model_act;
mod model_run;
mod order;
mod overflow;
mod phases;
mod property;
mod readers;
mod retries;
mod short;
mod spec;
mod steers;
mod steps;
mod stops;
mod tickets;
mod told;
mod waits;
mod windows;
mod work;
