//! Threads: every one of ours has a name, and is joined or reported.

pub(crate) use std::thread::{JoinHandle, available_parallelism, yield_now};

/// Starts a thread under `name`.
///
/// The stack stays at the platform's default: it is reserved, not resident, so a worker that
/// blocks in a tool costs a few pages.
pub(crate) fn spawn(
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(body)
}

/// Number of processors this process may use; 1 when the system does not say.
pub(crate) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// A small number that is this thread's alone for its life: stripes, take guards.
pub(crate) fn number() -> usize {
    // NOTE: the one process-wide counter. It is never compared across engines, and a model
    // checker may reset it freely.
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    MINE.with(|mine| *mine)
}
