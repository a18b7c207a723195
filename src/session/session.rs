//! One session: its machine behind the one lock that decides everything about its key.

use super::backlog::Code;
use super::machine::Machine;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard};
use crate::time::Moment;

/// All state of one key, in the order of how often it is touched.
#[repr(C)]
pub(crate) struct Session<C> {
    /// The linearization point of everything that concerns the key.
    machine: Mutex<Machine<C>>,
    /// What the live run reads at its boundary. Written under the lock, read by the run.
    signal: AtomicU64,
    /// The run that executes, by a book of its own: the sentinel of P1. Written by claims only.
    executing: AtomicU64,
    /// The live timer entry, in nanoseconds plus one; 0 is none. Written under the lock, read by
    /// the timer's sweep.
    armed: AtomicU64,
    pub(crate) key: Arc<str>,
    pub(crate) hash: u64,
    /// Never reused: the first half of made-up message ids.
    pub(crate) serial: u64,
}

impl<C: Code> Session<C> {
    pub(crate) fn new(key: Arc<str>, hash: u64, serial: u64) -> Self {
        Self {
            key,
            hash,
            serial,
            // Serial numbers begin with 1.
            machine: Mutex::new(Machine::new(serial.wrapping_sub(1))),
            signal: AtomicU64::new(0),
            armed: AtomicU64::new(0),
            executing: AtomicU64::new(0),
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_, C> {
        Locked { readers: Some(self), machine: self.machine.lock() }
    }

    /// The signal word: one load.
    #[inline]
    pub(crate) fn signal(&self) -> u64 {
        // Acquire: a run that sees a steer or a stop sees what was done before it was set.
        self.signal.load(Ordering::Acquire)
    }

    pub(crate) fn armed(&self) -> u64 {
        self.armed.load(Ordering::Relaxed)
    }

    /// A run begins to execute; answers the run that had not ended, if any. P1.
    pub(crate) fn begin(&self, run: u64) -> u64 {
        let before = self.executing.load(Ordering::Relaxed);
        self.executing.store(run, Ordering::Relaxed);
        before
    }

    /// This run ends or is fenced; said before its session lets the next begin. A fenced run that
    /// comes back later finds another in its place, and leaves it.
    pub(crate) fn ended(&self, run: u64) {
        if self.executing.load(Ordering::Relaxed) == run {
            self.executing.store(0, Ordering::Relaxed);
        }
    }
}

/// The locked machine. On unlock it publishes what others read without the lock.
pub(crate) struct Locked<'a, C: Code> {
    /// Where to publish it; nowhere if nothing that others read can have changed.
    readers: Option<&'a Session<C>>,
    pub(crate) machine: MutexGuard<'a, Machine<C>>,
}

impl<C: Code> Locked<'_, C> {
    /// What has been done changes neither the signal of a run nor the timer entry: the cache
    /// lines of both are left alone.
    #[inline]
    pub(crate) fn leaves_readers_alone(&mut self) {
        if let Some(session) = self.readers.take() {
            debug_assert_eq!(session.signal.load(Ordering::Relaxed), self.machine.signal());
            debug_assert_eq!(session.armed.load(Ordering::Relaxed), nanos(self.machine.armed()));
        }
    }
}

/// A timer entry as others read it; 0 is none.
fn nanos(armed: Option<Moment>) -> u64 {
    armed.map_or(0, |at| at.nanos() + 1)
}

impl<C: Code> Drop for Locked<'_, C> {
    #[inline]
    fn drop(&mut self) {
        let Some(session) = self.readers else { return };
        session.armed.store(nanos(self.machine.armed()), Ordering::Relaxed);
        session.signal.store(self.machine.signal(), Ordering::Release);
    }
}
