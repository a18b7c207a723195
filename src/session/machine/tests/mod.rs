//! The machine alone, driven with a `now` of our own: cell by cell, and against a reference model.

mod calls;
mod compare;
mod desk;
mod driver;
mod fates;
mod guards;
mod model;
mod model_act;
mod model_run;
mod order;
mod overflow;
mod phases;
mod property;
mod retries;
mod spec;
mod steers;
mod steps;
mod stops;
mod tickets;
mod windows;
mod work;
