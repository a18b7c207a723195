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

/// A value that is set once, and taken once.
#[cfg(feature = "journal")]
pub(crate) struct Slot<T> {
    value: Mutex<Option<T>>,
    changed: Condvar,
}

#[cfg(feature = "journal")]
impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { value: Mutex::new(None), changed: Condvar::new() }
    }
}

#[cfg(feature = "journal")]
impl<T> Slot<T> {
    pub(crate) fn set(&self, value: T) {
        let before = self.value.lock().replace(value);
        assert!(before.is_none(), "a slot is set once");
        self.changed.notify_all();
    }

    /// Blocks until there is a value and takes it out, at most until `until`.
    pub(crate) fn take_until(&self, until: Option<Instant>) -> Option<T> {
        let mut value = self.value.lock();
        while value.is_none() {
            match until {
                None => self.changed.wait(&mut value),
                Some(at) if self.changed.wait_until(&mut value, at).timed_out() => break,
                Some(_) => {}
            }
        }
        value.take()
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
    // For ever needs no clock.
    if timeout == Duration::MAX {
        return None;
    }
    Instant::now().checked_add(timeout)
}
