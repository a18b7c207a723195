//! Bugs on purpose. A rig that does not find them has found nothing.

use std::cell::Cell;

/// What can be planted, by what the engine then does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A drain is not told of what was settled.
    FinishesUnheard,
    /// Nor of what was refused, and gave its room back.
    RefusesUnheard,
    /// Who goes to sleep is not counted, so nobody rings for it.
    SleepsUncounted,
    /// The gate's word is read, changed and written in two steps.
    TornGate,
    /// A run that wants its slot back says so after it has looked for one.
    AsksTooLate,
    /// The table retires a session that somebody holds.
    RetiresTooEarly,
    /// A fate is told, and nobody is woken.
    TellsInSilence,
    /// A child does not see that its parent is cancelled already.
    BornUnseen,
    /// Credits move, and who adds up is not told.
    MovesUnsaid,
    /// A drain shuts the door, and does not look who is still inside.
    DrainsUnseen,
    /// Tickets in the hand of a worker are nobody else's.
    KeptHands,
}

thread_local! {
    /// A rig runs all threads of a model on this one.
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

pub(crate) fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Runs `rig` with this bug in the engine.
#[cfg(test)]
pub(crate) fn with<R>(bug: Bug, rig: impl FnOnce() -> R) -> R {
    PLANTED.set(Some(bug));
    let found = rig();
    PLANTED.set(None);
    found
}
