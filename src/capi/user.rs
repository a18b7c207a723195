//! Callbacks: a function of the host's, what it is called with, and how that ends.

use std::ffi::c_void;

use crate::sync::caught;

/// Ends a `user`: called exactly once, when the library will not use it any more. That is also so
/// when the call that got it fails. It may be called on any thread.
pub type laneq_destroy_fn = Option<unsafe extern "C-unwind" fn(user: *mut c_void)>;

/// The host's pointer, and its end.
pub(super) struct User {
    pointer: *mut c_void,
    destroy: laneq_destroy_fn,
}

// SAFETY: the library never looks behind the pointer, and laneq.h says that callbacks and their
// destructor may be called on any thread.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

impl User {
    pub(super) fn new(pointer: *mut c_void, destroy: laneq_destroy_fn) -> Self {
        Self { pointer, destroy }
    }

    pub(super) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // P7: a panic of the destructor hurts nobody. SAFETY: the host's own function, called
            // once with the pointer that came with it.
            let _ = caught::call(|| unsafe { destroy(self.pointer) });
        }
    }
}
