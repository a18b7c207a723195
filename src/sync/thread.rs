//! Threads: every one of ours has a name, and is joined or reported.

#[cfg(any(loom, shuttle))]
pub(super) use super::checked::thread::pass_on;
#[cfg(any(loom, shuttle))]
pub(crate) use super::checked::thread::{JoinHandle, cores, number, spawn, spin, yield_now};
#[cfg(all(test, shuttle))]
pub(crate) use super::checked::thread::{PLANNED, roll};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use real::{cores, number, spawn, spin, step_back};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::thread::{JoinHandle, yield_now};

/// Values of a thread's own. In shuttle all threads of a model share one of the system's.
macro_rules! local {
    ($($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;)*) => {
        #[cfg(not(any(loom, shuttle)))]
        std::thread_local! { $($(#[$meta])* static $name: $type = const { $init };)* }
        #[cfg(loom)]
        loom::thread_local! { $($(#[$meta])* static $name: $type = $init;)* }
        #[cfg(shuttle)]
        shuttle::thread_local! { $($(#[$meta])* static $name: $type = $init;)* }
    };
}
pub(crate) use local;

#[cfg(not(any(loom, shuttle)))]
mod real {
    use std::sync::LazyLock;
    use std::thread::{Builder, JoinHandle, available_parallelism};
    use std::time::{Duration, Instant};

    /// Starts a thread under `name`.
    ///
    /// The stack stays at the platform's default: it is reserved, not resident, so a worker that
    /// blocks in a tool costs a few pages.
    pub(crate) fn spawn(
        name: String,
        body: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<JoinHandle<()>> {
        Builder::new().name(name).spawn(body)
    }

    /// Number of processors that this process may use, as it was first asked; 1 when the system does
    /// not say.
    pub(crate) fn cores() -> usize {
        static CORES: LazyLock<usize> =
            LazyLock::new(|| available_parallelism().map_or(1, usize::from));
        *CORES
    }

    /// A moment's rest for whoever waits for another thread's next few instructions.
    pub(crate) fn spin() {
        std::hint::spin_loop();
    }

    /// A few moments in which whoever is at work can do several steps.
    #[cold]
    pub(crate) fn step_back() {
        let until = Instant::now() + Duration::from_micros(5);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    }

    /// A small number that is this thread's alone for its life: stripes, take guards.
    pub(crate) fn number() -> usize {
        // NOTE: the one process-wide counter. It is never compared across engines.
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
        thread_local! {
            static MINE: usize = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        MINE.with(|mine| *mine)
    }
}
