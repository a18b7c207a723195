//! Whether this is the process that the library belongs to: a forked child has its memory, not its
//! threads, and a lock may be held by one of them.

use std::process;

use super::call::{Answer, Fault};
use super::status::LANEQ_E_FORKED;
use crate::sync::atomic::{AtomicU32, Ordering};

/// The process that called first; 0: none yet.
static HOME: AtomicU32 = AtomicU32::new(0);

/// 1 while nothing has been forked from here. Asking the kernel costs more than all the rest of a
/// call; so a child asks, once it was told that it is one.
static SURE: AtomicU32 = AtomicU32::new(0);

/// Refuses a forked child.
#[inline]
pub(super) fn at_home() -> Answer {
    if SURE.load(Ordering::Relaxed) == 1 { Ok(()) } else { ask() }
}

#[cold]
fn ask() -> Answer {
    let here = process::id();
    match HOME.compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => watch_forks(),
        Err(home) if home == here => {}
        Err(home) => {
            let text =
                format!("process {here} was forked from {home}, where the library was used first");
            return Err(Fault::new(LANEQ_E_FORKED, text));
        }
    }
    Ok(())
}

/// A child is told before `fork` returns in it. Where that cannot be, every call asks.
#[cfg(unix)]
fn watch_forks() {
    type Hook = Option<extern "C" fn()>;
    unsafe extern "C" {
        fn pthread_atfork(prepare: Hook, parent: Hook, child: Hook) -> std::ffi::c_int;
    }
    extern "C" fn child() {
        SURE.store(0, Ordering::Relaxed);
    }
    // SAFETY: the hook is there as long as the library, and only stores to an atomic, which may be
    // done in a child of many threads.
    if unsafe { pthread_atfork(None, None, Some(child)) } == 0 {
        SURE.store(1, Ordering::Relaxed);
    }
}

/// Nothing forks here.
#[cfg(not(unix))]
fn watch_forks() {
    SURE.store(1, Ordering::Relaxed);
}
