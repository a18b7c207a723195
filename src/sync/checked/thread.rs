//! Threads of a model.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(loom)]
use loom::thread as checker;
#[cfg(shuttle)]
use shuttle::thread as checker;

pub(crate) use checker::yield_now;

/// `std::thread::JoinHandle`.
pub(crate) struct JoinHandle<T> {
    handle: checker::JoinHandle<T>,
    /// Plain: whoever asks only wants to join those that will not keep him.
    finished: Arc<AtomicBool>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::SeqCst)
    }

    pub(crate) fn join(self) -> std::thread::Result<T> {
        self.handle.join()
    }
}

/// In words of a machine.
const STACK: usize = 1 << 15;

/// Starts a thread under `name`.
pub(crate) fn spawn(
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let finished = Arc::new(AtomicBool::new(false));
    let finishes = Arc::clone(&finished);
    let body = move || {
        body();
        finishes.store(true, Ordering::SeqCst);
    };
    // Shuttle's rig sizes the stacks of its threads itself; loom's are too small, and in words.
    let handle = checker::Builder::new().name(name).stack_size(STACK).spawn(body)?;
    Ok(JoinHandle { handle, finished })
}

/// A model has one: fewer stripes, fewer states.
pub(crate) fn cores() -> usize {
    1
}

/// Whoever spins lets others go on.
pub(crate) fn spin() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(shuttle)]
    shuttle::hint::spin_loop();
}

/// A small number that is this thread's alone, the same in each replay.
#[cfg(shuttle)]
pub(crate) fn number() -> usize {
    usize::from(shuttle::current::me()) + 1
}

#[cfg(loom)]
pub(crate) fn number() -> usize {
    // Loom keeps the number to itself, and shows it.
    let shown = format!("{:?}", loom::thread::current().id());
    let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<usize>().expect("a thread's id is a number") + 1
}

/// A number below `n`, by the dice of the schedule.
#[cfg(shuttle)]
pub(crate) fn roll(n: u64) -> u64 {
    use shuttle::rand::RngCore;
    shuttle::rand::thread_rng().next_u64() % n
}

/// Whether a wait with a limit gives up now.
#[cfg(shuttle)]
pub(super) fn gives_up() -> bool {
    roll(8) == 0
}

#[cfg(loom)]
pub(super) fn gives_up() -> bool {
    false
}

/// What a planned panic of a model throws. Everything else that is thrown is a finding, and goes
/// through the engine's `catch_unwind` to the checker.
pub(crate) const PLANNED: &str = "planned";

/// Passes a finding on.
pub(in crate::sync) fn pass_on(panic: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    if panic.downcast_ref::<&str>() == Some(&PLANNED) {
        return panic;
    }
    std::panic::resume_unwind(panic)
}
