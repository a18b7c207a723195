//! Code as a message: queued under a key or without one, with a receipt or without.

use super::Engine;
use super::submit::{No, check_key, give_room, may_leave, no, refused, take_room};
use crate::model::{Priority, Reason};
use crate::run::{Closure, Job, Receipt, Refused, Run, Session, Share, Shared};
use crate::session::{Door, Hint, Landed, NotAdmitted, Origin};
use crate::sync::atomic::Ordering;
use crate::sync::on::{Thread, kind};
use crate::sync::{Arc, caught};
use crate::watch::Count;

/// The lane and the session of a closure.
type Way<'a> = (&'a Arc<Door<Closure>>, Arc<Session>);
/// The same, and the hint of the handle, or of the session.
pub(super) type Known<'a> = (&'a Arc<Door<Closure>>, &'a Arc<Session>, &'a Hint);

impl Engine {
    /// Queues code under a key, with a receipt for its value. It shares order and fates with the
    /// key's messages; it is never merged, dropped as a victim or retried.
    ///
    /// # Errors
    /// `UnknownLane`, `Full`, `TooLarge` or `Invalid` (the key), `Draining`, `Closed`.
    pub fn enqueue<T: Clone + Send + 'static>(
        &self,
        lane: &str,
        key: &str,
        code: impl FnOnce(&Run) -> T + Send + 'static,
    ) -> Result<Receipt<T>, Refused<()>> {
        let (door, session) = self.way(lane, key)?;
        task(self.shared(), (door, &session, &session.hint), code)
    }

    /// Queues code under a key; nobody will ask for it. The fastest way in but for
    /// [`Session::fire`](super::Session::fire).
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    pub fn fire(
        &self,
        lane: &str,
        key: &str,
        code: impl FnOnce(&Run) + Send + 'static,
    ) -> Result<(), Refused<()>> {
        let (door, session) = self.way(lane, key)?;
        fire(self.shared(), (door, &session, &session.hint), Closure::fired(code))
    }

    /// Queues code without a key: first in, first out in its lane, and in parallel.
    ///
    /// # Errors
    /// `UnknownLane`, `Full` (`limits.keyless_cap` wait in the lane), `Draining`, `Closed`.
    pub fn enqueue_keyless<T: Clone + Send + 'static>(
        &self,
        lane: &str,
        code: impl FnOnce(&Run) -> T + Send + 'static,
    ) -> Result<Receipt<T>, Refused<()>> {
        let (shared, door) = (self.shared(), self.door_of(lane)?);
        self.keyless(door, |session| {
            let mut receipt = task(shared, (door, session, &session.hint), code)?;
            receipt.session = Some(Arc::clone(session));
            Ok(receipt)
        })
    }

    /// As [`enqueue_keyless`](Self::enqueue_keyless), without a receipt.
    ///
    /// # Errors
    /// As [`enqueue_keyless`](Self::enqueue_keyless).
    pub fn fire_keyless(
        &self,
        lane: &str,
        code: impl FnOnce(&Run) + Send + 'static,
    ) -> Result<(), Refused<()>> {
        let (shared, door) = (self.shared(), self.door_of(lane)?);
        self.keyless(door, |session| {
            fire(shared, (door, session, &session.hint), Closure::fired(code))
        })
    }

    fn door_of(&self, lane: &str) -> Result<&Arc<Door<Closure>>, Refused<()>> {
        let shared = self.shared();
        shared.doors.named(lane).map_err(|e| hand_back(shared, refused(&e)))
    }

    fn way(&self, lane: &str, key: &str) -> Result<Way<'_>, Refused<()>> {
        let (shared, door) = (self.shared(), self.door_of(lane)?);
        check_key(&shared.config().limits, key).map_err(|no| hand_back(shared, no))?;
        Ok((door, shared.table.session(key)))
    }

    fn keyless<R>(
        &self,
        door: &Arc<Door<Closure>>,
        admit: impl FnOnce(&Arc<Session>) -> Result<R, Refused<()>>,
    ) -> Result<R, Refused<()>> {
        let shared = self.shared();
        let cap = shared.config().limits.keyless_cap;
        let more = |n: u32| (n < cap).then_some(n + 1);
        if door.keyless.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_err() {
            let detail = format!("{cap} closures without a key wait in {:?}: the cap", door.name);
            return Err(hand_back(shared, no(Reason::Full, detail)));
        }
        let session = shared.table.loose(&"".into());
        // Counted out again by the worker that takes its ticket, or here if there is none.
        admit(&session).inspect_err(|_| {
            door.keyless.fetch_sub(1, Ordering::SeqCst);
        })
    }
}

/// A refused closure, counted.
fn hand_back(shared: &Shared, no: No) -> Refused<()> {
    shared.counters.add(Count::Refused, 1);
    no.of(())
}

/// Fire and forget, into a known session and lane.
#[inline]
pub(super) fn fire(
    shared: &Arc<Shared>,
    known: Known<'_>,
    code: Closure,
) -> Result<(), Refused<()>> {
    admit(shared, known, &mut Some(code)).map(drop)
}

#[inline]
fn admit(
    shared: &Arc<Shared>,
    (door, session, hint): Known<'_>,
    code: &mut Option<Closure>,
) -> Result<Landed, Refused<()>> {
    may_leave(shared, door)
        .and_then(|()| take_room(shared, 0))
        .map_err(|no| hand_back(shared, no))?;
    let place = (door.id, Priority::Normal);
    let origin = || if kind() == Thread::Worker { Origin::Run } else { Origin::Outside };
    match shared.admit_closure(session, code, place, hint, origin) {
        Ok(landed) => {
            shared.counters.add(Count::Accepted, 1);
            Ok(landed)
        }
        Err(NotAdmitted { reason, detail }) => {
            give_room(shared, 0);
            // P7: the host's code is dropped outside the lock.
            caught::let_go(code.take());
            Err(hand_back(shared, no(reason, detail)))
        }
    }
}

/// With a receipt, into a known session and lane.
pub(super) fn task<T: Clone + Send + 'static>(
    shared: &Arc<Shared>,
    known: Known<'_>,
    code: impl FnOnce(&Run) -> T + Send + 'static,
) -> Result<Receipt<T>, Refused<()>> {
    let (_, session, _) = known;
    let job = Job::made(code, session.serial);
    let mut code = Some(Closure::task(Arc::clone(&job) as Arc<_>));
    let landed = admit(shared, known, &mut code)?;
    let priority = Priority::Normal;
    let key = Some(Arc::clone(&session.key));
    let pending = Share::of(job);
    Ok(Receipt { pending, key, session: None, landed, priority, came_back: None })
}
