//! placeholder docs
#![deny(unsafe_code)]

mod sync;
mod model;
mod config;
mod time;
mod watch;
mod session;
mod run;
mod lane;
mod engine;

pub use config::{Concurrency, Config, EngineKnobs, Lane, Limits, Queue};
pub use engine::{Builder, Closed, DrainReport, Engine, Line, Session, Stopped, StuckRun};
pub use lane::HandlerOptions;
pub use model::{
    BoxError, Cause, Drop, Error, Fallback, Fate, Kept, Kind, Message, MessageId, Mode, Outcome,
    PendingTools, Policy, Priority, Reason, Refused, Reply, RunId, Settled, Source, SpawnRefused,
    WaitError,
};
pub use run::{
    BatchView, CallResult, CallState, Code, Effects, End, Launch, Ledger, OpenCallsLeft, Part,
    Receipt, Run, Signal, Steers, Waiting, Why,
};
pub use session::{Cancelled, Registration, Token, Verdict, Withdrawn};
pub use time::ManualClock;
pub use watch::{
    Audit, Event, LaneStats, Observer, Percentiles, Phase, Placement, Record, Ring, Spoken, Stats,
};
