//! What kind of thread this is: some calls would wait for themselves.

use std::cell::Cell;

/// Kinds of threads, as far as blocking calls care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thread {
    /// The host's.
    Host,
    /// A lane worker, executing a run.
    Worker,
    /// Calls out what is due; never calls host code.
    Timer,
    /// Delivers events.
    Events,
    /// Executes tool calls of a parallel set.
    Tools,
    /// Commits to the journal and admits what it has committed.
    Journal,
}

super::thread::local! {
    static KIND: Cell<Thread> = Cell::new(Thread::Host);
    /// The lane of the run that executes here, if it may spawn only into its own.
    static ISOLATED: Cell<Option<u16>> = Cell::new(None);
}

pub(crate) fn kind() -> Thread {
    KIND.with(Cell::get)
}

pub(crate) fn become_kind(kind: Thread) {
    KIND.with(|k| k.set(kind));
}

/// Runs `body` with this thread counted as another kind, confined to this lane.
pub(crate) fn acting_as<R>(kind: Thread, lane: Option<u16>, body: impl FnOnce() -> R) -> R {
    struct Back(Thread, Option<u16>);
    impl Drop for Back {
        fn drop(&mut self) {
            become_kind(self.0);
            confine(self.1);
        }
    }
    let _back = Back(KIND.with(|k| k.replace(kind)), ISOLATED.with(|i| i.replace(lane)));
    body()
}

/// The lane that runs on this thread are confined to.
pub(crate) fn confined_to() -> Option<u16> {
    ISOLATED.with(Cell::get)
}

pub(crate) fn confine(lane: Option<u16>) {
    ISOLATED.with(|i| i.set(lane));
}
