//! Time: one clock (real or hand-cranked), one timer thread.

mod clock;
mod timer;

pub use clock::ManualClock;
pub(crate) use clock::{Clock, Moment};
pub(crate) use timer::{Due, Timer};
