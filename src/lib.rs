#![doc = include_str!("../README.md")]
//!
//! # Where things are
//!
//! [`Engine`] takes [`Message`]s and closures, [`Run`] is what a handler is given, [`Receipt`] tells
//! what became of a message, [`Event`]s tell everything else. How it works inside is in
//! [`architecture`].

#![deny(unsafe_code)]
#![deny(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::dbg_macro, clippy::todo)]
#![warn(clippy::pedantic)]
#![allow(clippy::module_name_repetitions, reason = "a name must be clear outside its module too")]
#![allow(clippy::result_large_err, reason = "a refused message comes home, whole")]
#![allow(clippy::needless_for_each, reason = "the last step of a chain may be a call")]
#![allow(clippy::similar_names, reason = "`wait` and `waits` are two things")]
#![allow(clippy::duration_suboptimal_units, reason = "seconds are what the settings speak of")]
#![allow(clippy::single_match_else, reason = "both arms of a match are read side by side")]

mod sync;
mod model;
mod config;
mod time;
mod watch;
#[cfg(feature = "json")]
mod json;
mod store;
mod session;
mod run;
mod lane;
mod ingress;
mod engine;
#[cfg(feature = "capi")]
pub mod capi;

#[cfg(all(test, any(loom, shuttle)))]
mod models;

/// The flow, the session machine, threads, locks, races closed and decisions.
#[doc = include_str!("ARCHITECTURE.md")]
pub mod architecture {}

/// Promise by promise: what searches for a counter-example, how hard, and what is not covered.
#[doc = include_str!("PROOF.md")]
#[allow(clippy::doc_markdown, reason = "prose, with names of tools in it")]
pub mod proof {}

/// What went wrong in the field in other lane queues, row by row, with the tests of each.
#[doc = include_str!("FAILURES.md")]
pub mod failures {}

pub use config::{
    Agent, Concurrency, Config, CronJob, EngineKnobs, Given, InForce, Inbound, JournalKnobs, Lane,
    Level, Limits, Overlap, Queue, SessionKnobs, Sync, TranscriptKnobs,
};
#[cfg(feature = "journal")]
pub use engine::Recovered;
pub use engine::{
    Admission, Builder, Closed, DrainReport, Engine, Line, Port, Reloaded, Session, Stopped,
    StuckRun,
};
pub use ingress::KeyParts;
#[cfg(feature = "json")]
pub use json::{JsonBody, REPLY_BYTES, json_millis, json_quoted};
pub use lane::{HandlerOptions, Notice, OwnedRun};
pub use model::{
    BoxError, Cause, Drop, Error, Fallback, Fate, Kept, Kind, Knobs, Message, MessageId, Mode,
    Outcome, PendingTools, Policy, Priority, Reason, Reply, RunId, Scope, Settled, Source,
    WaitError,
};
pub use run::{
    BatchView, CallResult, CallState, CameBack, Code, Effects, End, Launch, Ledger, OpenCallsLeft,
    Part, Receipt, Refused, Run, Signal, SpawnRefused, Steers, Waiting, Why,
};
pub use session::{Cancelled, Registration, Token, Verdict, Withdrawn};
#[cfg(feature = "journal")]
pub use store::{
    Change, Each, Journal, JournalEntry, JournalError, JournalState, JournalView, RedbJournal,
    Table,
};
pub use time::ManualClock;
pub use watch::{
    Audit, Event, LaneStats, Observer, Percentiles, Phase, Placement, Record, Ring, Silence,
    Spoken, Stats,
};

// For the program, which names folders as transcripts are named.
#[cfg(feature = "transcripts")]
#[doc(hidden)]
pub use store::{file_name, session_uuid};
