//! A value that is replaced whole while others read it: no reader waits, and none sees half of it.

use std::ops::Deref;

use arc_swap::{ArcSwap, Guard};

use super::Arc;

/// Read by everybody, replaced by whoever reloads.
pub(crate) struct Swap<T>(ArcSwap<T>);

/// The value as it was when it was read. Keep it for one step only.
pub(crate) struct Current<T>(Guard<Arc<T>>);

impl<T> Swap<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ArcSwap::from_pointee(value))
    }

    #[inline]
    pub(crate) fn load(&self) -> Current<T> {
        Current(self.0.load())
    }

    pub(crate) fn store(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}

impl<T> Deref for Current<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
