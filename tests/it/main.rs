//! The promises, one file each, in one binary. No test sleeps: gates, receipts and the
//! hand-cranked clock say when something has happened.

#![allow(clippy::result_large_err, reason = "a refused message comes home, whole")]

mod house;
mod stage;
mod support;

mod p01_one_live_run;
mod p01_storm;
mod p02_collect;
mod p02_order;
mod p04_fates;
mod p04_overflow;
mod p04_refusals;
mod p04_retry;
mod p04_storm;
mod p05_fallback;
mod p05_guard;
mod p05_race;
mod p05_steer;
mod p06_children;
mod p06_ledger;
mod p06_stops;
mod p06_tokens;
