//! The promises, one file each, in one binary. No test sleeps: gates, receipts and the
//! hand-cranked clock say when something has happened.

#![allow(clippy::result_large_err, reason = "a refused message comes home, whole")]
#![allow(clippy::duplicate_mod, reason = "the promises hold for handlers and for ports: `pull`")]

mod failures;
mod house;
mod pull;
mod stage;
#[allow(clippy::explicit_counter_loop, reason = "the counter is what is checked")]
mod support;

mod p01_one_live_run;
mod p03_doors;
mod p03_lanes;
mod p03_turns;
mod p07_closures;
mod p07_panics;
mod p07_reentry;
mod p08_children;
mod p08_cycles;
mod p08_waits;
mod p09_bounds;
mod p09_memory;
mod p09_rounds;
mod p10_idle_sessions_cost_nothing;
#[cfg(feature = "journal")]
mod p11_file;
#[cfg(feature = "journal")]
mod p11_recovery;
#[cfg(all(feature = "journal", feature = "cron"))]
mod p11_cron;
#[cfg(feature = "journal")]
mod p11_errors;
#[cfg(feature = "journal")]
mod p11_ends;
#[cfg(feature = "journal")]
mod p11_late;
#[cfg(feature = "journal")]
mod p11_order;
#[cfg(feature = "journal")]
mod p11_parked;
#[cfg(feature = "journal")]
mod p11_storm;
#[cfg(feature = "journal")]
mod p11_threads;
#[cfg(feature = "journal")]
mod paper;
mod p12_abandon;
mod p12_close;
mod p12_drain;
mod p_events;
mod p_field;
mod p_figures;
mod p_ingress;
mod p_ingress_names;
#[cfg(unix)]
mod p_ports;
#[cfg(unix)]
mod p_ports_ends;
#[cfg(unix)]
mod p_ports_level;
#[cfg(unix)]
mod p_ports_waits;
mod p_reload;
#[cfg(feature = "transcripts")]
mod p_transcripts;
#[cfg(feature = "cron")]
mod p_cron;
mod p01_storm;
mod p02_collect;
mod p02_order;
mod p04_duplicates;
mod p04_duplicates_race;
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
