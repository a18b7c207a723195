//! The one door to locks, channels, threads, atomics and chance.
//!
//! Nothing else in the engine imports `std::sync`, `std::thread`, `parking_lot` or
//! `crossbeam_channel`, so that a model checker can stand in for all of them at once: `--cfg loom`
//! or `--cfg shuttle` puts `checked` behind the door. There are no `static` atomics but for
//! the numbers of threads and for emptied memory: everything else that is shared hangs off an engine.

pub(crate) mod caught;
pub(crate) mod channel;
#[cfg(any(loom, shuttle))]
mod checked;
pub(crate) mod magazines;
pub(crate) mod on;
pub(crate) mod oneshot;
pub(crate) mod par;
#[cfg(any(test, loom, shuttle))]
mod queue;
#[cfg(not(any(loom, shuttle)))]
pub(crate) mod swap;
pub(crate) mod thread;

#[cfg(any(loom, shuttle))]
pub(crate) use checked::plant;
#[cfg(any(loom, shuttle))]
pub(crate) use checked::{Condvar, Mutex, MutexGuard, OnceLock, RwLock};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::{Arc, Weak};

/// Locks what two threads want again and again, one step after the other: who finds it taken stays
/// away for a few microseconds, so that the other does many steps in a row. To hand a lock over,
/// and what it guards, from core to core at each step costs several times as much as the step.
#[cfg(not(any(loom, shuttle)))]
#[inline]
pub(crate) fn lock_hot<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.try_lock().unwrap_or_else(|| {
        thread::step_back();
        mutex.lock()
    })
}
#[cfg(any(loom, shuttle))]
pub(crate) fn lock_hot<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// Whether this bug is planted, for the models to find. Outside of them it is the word `false`.
#[cfg(not(any(loom, shuttle)))]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}
#[cfg(any(loom, shuttle))]
macro_rules! planted {
    ($bug:ident) => {
        $crate::sync::plant::is($crate::sync::plant::Bug::$bug)
    };
}
pub(crate) use planted;

#[cfg(any(loom, shuttle))]
pub(crate) mod swap {
    pub(crate) use super::checked::{Current, Swap};
}

/// Atomics, by their usual names.
pub(crate) mod atomic {
    #[cfg(loom)]
    use loom::sync::atomic as kind;
    #[cfg(shuttle)]
    use shuttle::sync::atomic as kind;
    #[cfg(not(any(loom, shuttle)))]
    use std::sync::atomic as kind;

    pub(crate) use kind::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
}

/// Atomics that only count: nothing is decided by them, so that no checker needs to look at the
/// order of their changes.
pub(crate) mod tally {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
}

/// What a model's own books and its rig are made of: no checker sees it.
#[cfg(all(test, any(loom, shuttle)))]
pub(crate) mod unseen {
    pub(crate) use std::sync::Mutex;
    #[cfg(shuttle)]
    pub(crate) use std::thread::scope;
}

/// How tables choose buckets. Seeded, since keys come from outside; in a model always alike, so
/// that a schedule can be replayed.
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::hash::RandomState;
#[cfg(any(loom, shuttle))]
pub(crate) type RandomState = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// A number that nobody can foresee; in a model always the same.
pub(crate) fn any_number() -> u64 {
    use std::hash::BuildHasher;
    RandomState::default().hash_one(0)
}

/// The hash of the table of sessions, which every submit by key asks for.
#[cfg(not(any(loom, shuttle)))]
pub(crate) type Hasher = ahash::RandomState;
#[cfg(any(loom, shuttle))]
pub(crate) type Hasher = RandomState;

/// How keys are spread over a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Keys come from outside, and must not choose their buckets.
    Seeded,
    /// The same in every engine: for a simulation, which can be replayed.
    Same,
}

/// With seeds of the system's own, as `std` gets them, or with none.
#[cfg(not(any(loom, shuttle)))]
pub(crate) fn hasher(spread: Spread) -> Hasher {
    use std::hash::BuildHasher;
    let std = RandomState::new();
    let [a, b, c, d] = [1, 2, 3, 4].map(|n: u64| match spread {
        Spread::Seeded => std.hash_one(n),
        Spread::Same => n,
    });
    Hasher::with_seeds(a, b, c, d)
}

#[cfg(any(loom, shuttle))]
pub(crate) fn hasher(_: Spread) -> Hasher {
    Hasher::default()
}

/// A value on cache lines of its own, so that its writers do not slow its neighbours' readers.
///
/// 128 bytes, because x86 prefetches lines in pairs.
#[repr(align(128))]
#[derive(Debug, Default)]
pub(crate) struct Padded<T>(pub(crate) T);

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_hot_lock_that_is_taken_is_waited_for() {
        let (mutex, held) = (Arc::new(Mutex::new(0)), oneshot::Latch::default());
        let guard = lock_hot(&mutex);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                held.set();
                *lock_hot(&mutex) += 1;
            });
            let _ = held.wait_until(None);
            assert!(!other.is_finished(), "nobody has it while another does");
            drop(guard);
        });
        assert_eq!(*mutex.lock(), 1);
    }
}
