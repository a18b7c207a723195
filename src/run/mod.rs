//! What a handler sees: the run, its boundary, its tools, its children and its waits.

mod batch_view;
mod boxed;
mod call;
mod children;
mod closure;
mod ledger;
mod lent;
mod pending;
mod receipt;
mod refused;
#[allow(clippy::module_inception, reason = "the run is the noun of this room")]
mod run;
#[cfg(feature = "inline-closures")]
mod slot;
#[cfg(not(feature = "inline-closures"))]
#[path = "slot_off.rs"]
mod slot;
#[cfg(test)]
mod slot_tests;
mod steers;
mod transcript;
mod wait;
mod wait_graph;

pub use batch_view::{BatchView, Part};
pub use call::{CallResult, CallState, Code, Effects, Launch, Why};
pub(crate) use closure::{Closure, Job, Task};
pub use ledger::{Ledger, OpenCallsLeft};
pub(crate) use pending::Share;
pub use receipt::{CameBack, Receipt};
pub use refused::{Refused, SpawnRefused};
pub(crate) use run::{Crew, Home};
pub use run::{Run, Signal};
pub use steers::{End, Steers};
pub(crate) use transcript::told_end;
pub use wait::Waiting;
pub(crate) use wait_graph::WaitGraph;

/// The parts below, with the real work in them.
pub(crate) type Shared = crate::session::Shared<Closure>;
pub(crate) type Session = crate::session::Session<Closure>;
