//! The one door to locks, channels, threads and atomics.
//!
//! Nothing else in the engine imports `std::sync`, `std::thread`, `parking_lot` or
//! `crossbeam_channel`, so that a model checker can stand in for all of them at once. There are
//! no `static` atomics: everything shared hangs off an engine.

pub(crate) mod caught;
pub(crate) mod channel;
pub(crate) mod on;
pub(crate) mod oneshot;
pub(crate) mod par;
pub(crate) mod swap;
pub(crate) mod thread;

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
pub(crate) use std::sync::{Arc, OnceLock, Weak};

/// Atomics, by their usual names.
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
}

/// A value on cache lines of its own, so that its writers do not slow its neighbours' readers.
///
/// 128 bytes, because x86 prefetches lines in pairs.
#[repr(align(128))]
#[derive(Debug, Default)]
pub(crate) struct Padded<T>(pub(crate) T);
