//! The pool on which a parallel set of tool calls runs: rayon's, made on first use. In a model it
//! is a plain loop.

#[cfg(not(any(loom, shuttle)))]
use super::OnceLock;

#[cfg(any(loom, shuttle))]
#[derive(Debug, Default)]
pub(crate) struct Pool;

#[cfg(any(loom, shuttle))]
impl Pool {
    pub(crate) fn new(_threads: usize) -> Self {
        Self
    }

    pub(crate) fn each(&self, n: usize, body: impl Fn(usize) + Sync) {
        (0..n).for_each(body);
    }
}

/// A lazily started pool.
#[cfg(not(any(loom, shuttle)))]
#[derive(Debug, Default)]
pub(crate) struct Pool {
    threads: usize,
    pool: OnceLock<Option<rayon::ThreadPool>>,
}

#[cfg(not(any(loom, shuttle)))]
impl Pool {
    /// `threads` 0 means one a core.
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, pool: OnceLock::new() }
    }

    /// Calls `body` with each of `0..n`, in parallel, and returns when all have returned.
    /// Where no thread can be started, the calling thread does the work.
    pub(crate) fn each(&self, n: usize, body: impl Fn(usize) + Sync) {
        let pool = self.pool.get_or_init(|| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(self.threads)
                .thread_name(|idx| format!("laneq-tools-{idx}"))
                .build()
                .ok()
        });
        match pool {
            Some(pool) => pool.scope(|scope| {
                for idx in 0..n {
                    let body = &body;
                    scope.spawn(move |_| body(idx));
                }
            }),
            None => (0..n).for_each(body),
        }
    }
}
