//! A submit that does not wait: what came of it arrives later.

use std::time::Duration;

use crate::model::{Error, MessageId};
use crate::run::{Receipt, Refused};
use crate::sync::on::{Thread, kind};
use crate::sync::oneshot::deadline;
use crate::sync::{Arc, Condvar, Mutex, caught};

/// What a submit came to.
pub(crate) type Answer = Result<Receipt, Refused>;
type Heard = Box<dyn FnOnce() + Send>;

#[derive(Default)]
enum State {
    #[default]
    Open,
    /// Somebody is called when it is decided.
    Heard(Heard),
    Decided(Box<Answer>),
    Taken,
}

/// Decided once, by the journal's thread.
#[derive(Default)]
pub(super) struct Decision {
    /// A leaf lock.
    state: Mutex<State>,
    changed: Condvar,
}

impl Decision {
    pub(super) fn set(&self, answer: Answer) {
        let before = std::mem::replace(&mut *self.state.lock(), State::Decided(Box::new(answer)));
        self.changed.notify_all();
        match before {
            State::Open => {}
            // P7: outside the lock; a panic ends here.
            State::Heard(heard) => caught::call(heard).unwrap_or_default(),
            State::Decided(_) | State::Taken => unreachable!("it is decided once"),
        }
    }
}

/// A message on its way through the journal: whether it is accepted is not known yet.
///
/// Dropping it changes nothing: the message goes its way.
#[must_use = "whether the message was accepted is known only here"]
pub struct Admission {
    pub(super) id: Option<MessageId>,
    pub(super) decision: Arc<Decision>,
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Admission {
    pub(crate) fn decided(answer: Answer) -> Self {
        let id = answer.as_ref().ok().map(Receipt::id);
        let decision = Arc::new(Decision::default());
        decision.set(answer);
        Self { id, decision }
    }

    /// Whether it is decided: then [`wait`](Self::wait) does not block.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        !matches!(*self.decision.state.lock(), State::Open | State::Heard(_))
    }

    /// Blocks until the message is committed and admitted, or is not to be.
    ///
    /// # Errors
    /// As [`Engine::submit`](super::Engine::submit): the message comes back with the reason.
    pub fn wait(self) -> Result<Receipt, Refused> {
        let mut state = self.decision.state.lock();
        loop {
            match std::mem::replace(&mut *state, State::Taken) {
                State::Decided(answer) => return *answer,
                open => *state = open,
            }
            self.decision.changed.wait(&mut state);
        }
    }

    /// What was decided, if it is; the first who asks takes it.
    #[cfg(feature = "capi")]
    pub(crate) fn take(&self) -> Option<Answer> {
        let mut state = self.decision.state.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Decided(answer) => Some(*answer),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Blocks until it is decided, at most for `timeout`, which may be zero; answers whether it is.
    /// Then [`wait`](Self::wait) does not block.
    ///
    /// # Errors
    /// `WouldDeadlock` on the journal's own thread, as in [`on_decided`](Self::on_decided).
    pub fn wait_for(&self, timeout: Duration) -> Result<bool, Error> {
        let open = |state: &State| matches!(state, State::Open | State::Heard(_));
        let until = deadline(timeout);
        let mut state = self.decision.state.lock();
        if open(&state) && !timeout.is_zero() && kind() == Thread::Journal {
            return Err(Error::WouldDeadlock(vec!["the journal's thread".into(), "itself".into()]));
        }
        while open(&state) {
            match until {
                None => self.decision.changed.wait(&mut state),
                Some(at) if self.decision.changed.wait_until(&mut state, at).timed_out() => break,
                Some(_) => {}
            }
        }
        Ok(!open(&state))
    }

    /// Calls `heard` once it is decided, at once if it is already: on the journal's thread, where
    /// it must not block, or on this one. Replaces the function that was set before.
    pub fn on_decided(&self, heard: impl FnOnce() + Send + 'static) {
        let mut state = self.decision.state.lock();
        let before = match &*state {
            State::Open | State::Heard(_) => {
                std::mem::replace(&mut *state, State::Heard(Box::new(heard)))
            }
            State::Decided(_) | State::Taken => {
                drop(state);
                return heard();
            }
        };
        drop(state);
        // P7: the function that was set before is dropped with no lock held.
        caught::let_go(before);
    }
}
