//! The promises, one file each, in one binary. No test sleeps: gates, receipts and the
//! hand-cranked clock say when something has happened.

mod house;
mod support;

mod p01_one_live_run;
mod p03_doors;
mod p03_lanes;
mod p03_turns;
mod p07_closures;
mod p07_panics;
mod p07_reentry;
