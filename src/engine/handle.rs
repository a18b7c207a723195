//! A session's handle: the fast path, without a look-up each time.

use super::Engine;
use super::closures::{Known, fire, task};
use super::core::{Core, Session as Keyed};
use super::submit::{By, check_key, message_from};
use crate::ingress::Dedupe;
use crate::model::{Error, Knobs, LaneId, Message, Reason};
use crate::run::{Closure, Receipt, Refused, Run, Shared};
use crate::session::{Door, Hint};
use crate::sync::{Arc, Weak};

/// A key, looked up once. Holding it keeps the session's entry in the table. Cheap to clone: a
/// clone for each thread that submits is quicker than one handle for all.
#[derive(Clone)]
pub struct Session {
    desk: Arc<Desk>,
    keyed: Arc<Keyed>,
    /// Written by whoever queues a closure by this handle.
    hint: Hint,
}

/// What all handles of a lane need beside their session.
#[derive(Clone)]
pub(super) struct Desk {
    shared: Arc<Shared>,
    door: Arc<Door<Closure>>,
    dedupe: Arc<Dedupe>,
    /// For directives: a handle does not keep the engine open.
    core: Weak<Core>,
}

impl Desk {
    /// That of lane `main`.
    pub(super) fn new(shared: &Arc<Shared>, dedupe: &Arc<Dedupe>, core: Weak<Core>) -> Self {
        let door = Arc::clone(shared.doors.get(LaneId(0)));
        Self { shared: Arc::clone(shared), door, dedupe: Arc::clone(dedupe), core }
    }
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
        let keyed = shared.table.session(key);
        Ok(Session { desk: Arc::clone(&self.core.desk), keyed, hint: Hint::default() })
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
        let door = Arc::clone(self.desk.shared.doors.named(lane)?);
        let desk = Arc::new(Desk { door, ..Desk::clone(&self.desk) });
        Ok(Self { desk, ..self.clone() })
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
        self.keyed.ask(&self.hint);
        fire(&self.desk.shared, self.known(), Closure::fired(code))
    }

    /// Queues code, with a receipt for its value.
    ///
    /// # Errors
    /// As [`fire`](Self::fire).
    pub fn enqueue<T: Clone + Send + 'static>(
        &self,
        code: impl FnOnce(&Run) -> T + Send + 'static,
    ) -> Result<Receipt<T>, Refused<()>> {
        self.keyed.ask(&self.hint);
        task(&self.desk.shared, self.known(), code)
    }

    #[inline]
    fn known(&self) -> Known<'_> {
        (&self.desk.door, &self.keyed, &self.hint)
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
        self.keyed.ask(&self.keyed.hint);
        let desk = &*self.desk;
        let message = match desk.core.upgrade() {
            Some(core) => {
                core.recovered();
                core.receive(message)?
            }
            None => message,
        };
        let known = Some((&self.keyed, desk.door.id));
        message_from(&desk.shared, &desk.dedupe, known, message, By::OUTSIDE)
    }
}
