//! What stands behind the door while a model checker watches: loom's or shuttle's types, with the
//! API of those that they stand in for. Only `--cfg loom` and `--cfg shuttle` compile this.
//!
//! *Time.* No checker has a clock, and all models use the hand-cranked one. A wait with a limit may
//! be over at any moment: in shuttle one in eight gives up before it sleeps, as the schedule's own
//! dice say, so that a replay gives up in the same places. Whoever did go to sleep is woken, or the
//! checker reports a deadlock: no limit may hide a lost wake-up. In loom, which has no dice, a wait
//! of zero gives up and any other waits for ever.
//!
//! *Not modelled:* `Arc` is std's, for the sake of `dyn`; so is the inside of a [`OnceLock`].
//! Shuttle knows only sequential consistency; loom knows the C11 orderings.

mod once;
pub(crate) mod plant;
mod swap;
pub(super) mod thread;

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

#[cfg(loom)]
use loom::sync as checker;
#[cfg(shuttle)]
use shuttle::sync as checker;

pub(crate) use once::OnceLock;
pub(crate) use swap::{Current, Swap};

/// `parking_lot::Mutex`: nothing is ever poisoned.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T: ?Sized>(checker::Mutex<T>);

/// The guard is away while a condition is waited for.
pub(crate) struct MutexGuard<'a, T: ?Sized>(Option<checker::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(checker::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("nobody looks while it waits")
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("nobody looks while it waits")
    }
}

/// `parking_lot::Condvar`.
#[derive(Debug, Default)]
pub(crate) struct Condvar(checker::Condvar);

/// How a wait with a limit ended.
pub(crate) struct Limited {
    gave_up: bool,
}

impl Limited {
    pub(crate) fn timed_out(&self) -> bool {
        self.gave_up
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.0.take().expect("it is held");
        guard.0 = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> Limited {
        self.wait_for(guard, Duration::MAX)
    }

    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, limit: Duration) -> Limited {
        let gave_up = limit.is_zero() || thread::gives_up();
        if !gave_up {
            self.wait(guard);
        }
        Limited { gave_up }
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// `parking_lot::RwLock`.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(checker::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(checker::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> checker::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> checker::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
