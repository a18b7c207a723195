//! The machine alone, driven with a `now` of our own: cell by cell, and against a reference model.

mod calls;
mod desk;
mod fates;
mod guards;
mod order;
mod overflow;
mod phases;
mod retries;
mod spec;
mod steers;
mod stops;
mod tickets;
mod windows;
