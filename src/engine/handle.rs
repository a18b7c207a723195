//! A session's handle: the fast path, without a look-up each time.

use super::Engine;
use super::closures::{fire, task};
use super::core::Core;
use super::submit::{By, check_key, message_from};
use crate::ingress::Dedupe;
use crate::model::{Error, Knobs, Message, Reason};
use crate::run::{Closure, Receipt, Refused, Run, Shared};
use crate::session::Door;
use crate::sync::{Arc, Weak};

/// A key, looked up once. Holding it keeps the session's entry in the table. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    door: Arc<Door<Closure>>,
    keyed: Arc<super::core::Session>,
    dedupe: Arc<Dedupe>,
    /// For directives: a handle does not keep the engine open.
    core: Weak<Core>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("key", &self.keyed.key).finish_non_exhaustive()
    }
}

impl Engine {
    /// The handle of a key, for lane `main`.
    ///
    /// # Errors
    /// `Invalid` for an empty key or one that is too long.
    pub fn session(&self, key: &str) -> Result<Session, Error> {
        let shared = self.shared();
        check_key(&shared.config().limits, key).map_err(|no| Error::invalid(no.of(()).detail))?;
        let door = Arc::clone(shared.doors.get(crate::model::LaneId(0)));
        let keyed = shared.table.session(key);
        let core = Arc::downgrade(&self.core);
        let dedupe = Arc::clone(&self.core.dedupe);
        Ok(Session { shared: Arc::clone(shared), door, keyed, dedupe, core })
    }

    /// Sets the knobs of one session, in place of those that it had; `Knobs::default()` takes
    /// them back. At most `limits.overrides` sessions have any. Never blocks but for the
    /// session's lock, and where a journal is to be [recovered](Self::recover) first.
    ///
    /// # Errors
    /// `Invalid` for the key or a knob out of range, `Full` at the bound.
    pub fn set_knobs(&self, key: &str, knobs: Knobs) -> Result<(), Error> {
        let shared = self.shared();
        check_key(&shared.config().limits, key).map_err(|no| Error::invalid(no.of(()).detail))?;
        knobs.validate()?;
        self.core.recovered();
        self.core.overrides.change(shared, key, |_| knobs)
    }

    /// The knobs that a session has of its own.
    #[must_use]
    pub fn knobs(&self, key: &str) -> Knobs {
        let session = self.shared().table.existing(key);
        session.and_then(|s| s.lock().machine.own().cloned()).unwrap_or_default()
    }
}

impl Session {
    /// The same key in another lane.
    ///
    /// # Errors
    /// `UnknownLane`.
    pub fn in_lane(&self, lane: &str) -> Result<Self, Error> {
        let door = Arc::clone(self.shared.doors.named(lane)?);
        Ok(Self { door, ..self.clone() })
    }

    /// The session key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.keyed.key
    }

    /// Queues code; nobody will ask for it. Never blocks but for the session's lock.
    ///
    /// # Errors
    /// `Full`, `Draining`, `Closed`.
    #[inline]
    pub fn fire(&self, code: impl FnOnce(&Run) + Send + 'static) -> Result<(), Refused<()>> {
        fire(&self.shared, &self.door, &self.keyed, Closure::fired(code))
    }

    /// Queues code, with a receipt for its value.
    ///
    /// # Errors
    /// As [`fire`](Self::fire).
    pub fn enqueue<T: Clone + Send + 'static>(
        &self,
        code: impl FnOnce(&Run) -> T + Send + 'static,
    ) -> Result<Receipt<T>, Refused<()>> {
        task(&self.shared, &self.door, &self.keyed, code)
    }

    /// Submits a message, whose key must be this session's.
    ///
    /// # Errors
    /// As [`Engine::submit`]; `Invalid` for another key.
    pub fn submit(&self, message: Message) -> Result<Receipt, Refused> {
        if *message.key != *self.keyed.key {
            let detail = format!("the handle is of {:?}, not {:?}", self.key(), message.key);
            return Err(Refused::new(message, Reason::Invalid, detail));
        }
        let message = match self.core.upgrade() {
            Some(core) => {
                core.recovered();
                core.receive(message)?
            }
            None => message,
        };
        let known = Some((&self.keyed, self.door.id));
        message_from(&self.shared, &self.dedupe, known, message, By::OUTSIDE)
    }
}
