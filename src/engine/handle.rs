//! A session's handle: the fast path, without a look-up each time.

use super::Engine;
use super::submit::{check_key, fire, message_from, task};
use crate::ingress::Dedupe;
use crate::model::{Error, Message, Mode, Reason};
use crate::run::{Closure, Receipt, Refused, Run, Shared};
use crate::session::{Door, Origin};
use crate::sync::Arc;

/// A key, looked up once. Holding it keeps the session's entry in the table. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    door: Arc<Door<Closure>>,
    keyed: Arc<super::core::Session>,
    dedupe: Arc<Dedupe>,
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
        check_key(shared, key).map_err(|no| Error::invalid(no.of(()).detail))?;
        let door = Arc::clone(shared.doors.get(crate::model::LaneId(0)));
        let keyed = shared.table.session(key);
        let dedupe = Arc::clone(&self.core.dedupe);
        Ok(Session { shared: Arc::clone(shared), door, keyed, dedupe })
    }

    /// Sets the mode of one session, or takes its own mode back. At most `limits.overrides`
    /// sessions have one.
    ///
    /// # Errors
    /// `Invalid` for the key, `Full` at the bound.
    pub fn set_mode(&self, key: &str, mode: Option<Mode>) -> Result<(), Error> {
        let shared = self.shared();
        check_key(shared, key).map_err(|no| Error::invalid(no.of(()).detail))?;
        self.core.overrides.set(shared, key, mode)
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
        fire(&self.shared, &self.door, &self.keyed, Closure::Fire(Box::new(code)))
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
        let known = Some((&self.keyed, self.door.id));
        message_from(&self.shared, &self.dedupe, known, message, Origin::Outside, 0)
    }
}
