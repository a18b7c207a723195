//! A latch that is set once and waited for by anybody.

use std::time::{Duration, Instant};

use super::{Condvar, Mutex};

/// Set once, read by many; waiting blocks the thread, setting never does.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Latch {
    pub(crate) fn set(&self) {
        *self.set.lock() = true;
        self.changed.notify_all();
    }

    /// Blocks until the latch is set, at most until `until`; answers whether it is.
    pub(crate) fn wait_until(&self, until: Option<Instant>) -> Waited {
        let mut set = self.set.lock();
        while !*set {
            match until {
                None => self.changed.wait(&mut set),
                Some(at) if self.changed.wait_until(&mut set, at).timed_out() => break,
                Some(_) => {}
            }
        }
        if *set { Waited::Set } else { Waited::TimedOut }
    }
}

/// How a wait for a latch ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Set,
    TimedOut,
}

/// The instant `timeout` from now; `None` when it is too far away for the clock, which waits for ever.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
