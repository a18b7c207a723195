//! A value that is replaced whole while others read it. One step of the checker's a read.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use crate::sync::atomic::{AtomicU64, Ordering};

/// The arc-swap of the models.
pub(crate) struct Swap<T> {
    /// Never held over a step of the checker, so it never blocks.
    value: Mutex<Arc<T>>,
    /// What the checker sees of a read or a write.
    version: AtomicU64,
}

/// The value as it was when it was read.
pub(crate) struct Current<T>(Arc<T>);

impl<T> Swap<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(Arc::new(value)), version: AtomicU64::new(0) }
    }

    pub(crate) fn load(&self) -> Current<T> {
        self.version.load(Ordering::Acquire);
        Current(Arc::clone(&self.value.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    pub(crate) fn store(&self, value: T) {
        self.version.fetch_add(1, Ordering::AcqRel);
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

impl<T> Deref for Current<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
