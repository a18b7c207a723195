//! The one way in: a message or closure is checked, counted, and admitted by its session.

use std::time::Duration;

use crate::config::check::lane_name;
use crate::ingress::Dedupe;
use crate::model::{Error, LaneId, Message, Priority, Reason};
use crate::run::{Closure, Job, Receipt, Refused, Run, Session, Shared};
use crate::session::{Cell, Door, Landed, NotAdmitted, Origin};
use crate::sync::atomic::Ordering;
use crate::sync::on::{Thread, confined_to, kind};
use crate::sync::{Arc, caught};
use crate::watch::{Count, Room};

use super::Engine;
use super::ready::Ready;

const MS: Duration = Duration::from_millis(1);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// The lane and the session of a closure.
type Way<'a> = (&'a Arc<Door<Closure>>, Arc<Session>);

impl Engine {
    /// Submits a message. Never waits for a lane; it may wait for the session's lock, which is
    /// never held while host code runs.
    ///
    /// A message with an [id](Message::with_id) is accepted once: for `inbound.dedupe_window`, a
    /// message of the same id, route and session key is a `Duplicate`, and its refusal carries the
    /// [first](Refused::first) receipt. An id is forgotten when its message is refused, withdrawn,
    /// expired or returned. A message that is `requeued_from` another is exempt.
    ///
    /// # Errors
    /// The message comes back with the reason: it is the host's again, unchanged.
    pub fn submit(&self, message: Message) -> Result<Receipt, Refused> {
        message_from(self.shared(), &self.core.dedupe, None, message, Origin::Outside, 0)
    }

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
        task(self.shared(), door, &session, code)
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
        fire(self.shared(), door, &session, Closure::Fire(Box::new(code)))
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
            let mut receipt = task(shared, door, session, code)?;
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
        self.keyless(door, |session| fire(shared, door, session, Closure::Fire(Box::new(code))))
    }

    fn door_of(&self, lane: &str) -> Result<&Arc<Door<Closure>>, Refused<()>> {
        let shared = self.shared();
        shared.doors.named(lane).map_err(|e| hand_back(shared, refused(&e)))
    }

    fn way(&self, lane: &str, key: &str) -> Result<Way<'_>, Refused<()>> {
        let (shared, door) = (self.shared(), self.door_of(lane)?);
        check_key(shared, key).map_err(|no| hand_back(shared, no))?;
        Ok((door, shared.table.session(key)))
    }

    fn keyless<R>(
        &self,
        door: &Arc<Door<Closure>>,
        admit: impl FnOnce(&Arc<Session>) -> Result<R, Refused<()>>,
    ) -> Result<R, Refused<()>> {
        let shared = self.shared();
        let cap = shared.config.limits.keyless_cap;
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

/// A refusal before it knows what it refuses.
pub(super) struct No {
    reason: Reason,
    detail: String,
    /// Of the message that came first, for a duplicate.
    pub(super) first: Option<Box<Receipt>>,
}

impl No {
    pub(super) fn of<M>(self, message: M) -> Refused<M> {
        Refused::new(message, self.reason, self.detail)
    }
}

pub(super) fn no(reason: Reason, detail: impl Into<String>) -> No {
    No { reason, detail: detail.into(), first: None }
}

/// A refused closure, counted.
fn hand_back(shared: &Shared, no: No) -> Refused<()> {
    shared.counters.add(Count::Refused, 1);
    no.of(())
}

fn refused(error: &Error) -> No {
    let reason = match error {
        Error::UnknownLane { .. } => Reason::UnknownLane,
        Error::Full(_) => Reason::Full,
        Error::Closed => Reason::Closed,
        _ => Reason::Invalid,
    };
    no(reason, error.to_string())
}

pub(super) fn check_key(shared: &Shared, key: &str) -> Result<(), No> {
    let most = shared.config.limits.key_bytes;
    if key.is_empty() {
        return Err(no(Reason::Invalid, "the session key is empty: give it 1 byte or more"));
    }
    if key.len() > most {
        let length = key.len();
        let detail = format!("the session key has {length} bytes: {most} is the most");
        return Err(no(Reason::TooLarge, detail));
    }
    Ok(())
}

/// What is wrong with a message by itself, whatever its session does.
pub(super) fn check(shared: &Shared, message: &Message) -> Result<(), No> {
    check_key(shared, &message.key)?;
    let details = message.details();
    if message.text.is_empty() && details.payload.is_none() {
        return Err(no(Reason::Invalid, "neither text nor payload: give at least one"));
    }
    let (bytes, most) = (message.bytes(), shared.config.limits.message_bytes);
    if bytes > most {
        let detail = format!("the message has {bytes} bytes: {most} is the most");
        return Err(no(Reason::TooLarge, detail));
    }
    if let Some(attempts) = details.attempts
        && !(1..=100).contains(&attempts)
    {
        return Err(no(Reason::Invalid, format!("attempts {attempts}: the range is 1 to 100")));
    }
    if let Some(ttl) = details.ttl
        && !(MS..=MONTH).contains(&ttl)
    {
        return Err(no(Reason::Invalid, format!("ttl {ttl:?}: the range is 1 ms to 30 days")));
    }
    if message.id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 1024) {
        return Err(no(Reason::Invalid, "an id has 1 to 1,024 bytes"));
    }
    Ok(())
}

/// The lane of a message: the one it names, else `main`. A run of an isolated lane may submit
/// only into its own.
pub(super) fn lane_of<'a>(
    shared: &'a Shared,
    message: &Message,
    known: Option<LaneId>,
) -> Result<&'a Arc<Door<Closure>>, No> {
    let door = match (&message.lane, known) {
        (Some(name), _) if &**name != "auto" => {
            shared.doors.named(name).map_err(|e| refused(&e))?
        }
        (_, Some(lane)) => shared.doors.get(lane),
        _ => shared.doors.get(LaneId(0)),
    };
    may_leave(shared, door)?;
    Ok(door)
}

/// Whether whoever calls may submit into this lane: a run of an isolated one only into its own.
#[inline]
fn may_leave(shared: &Shared, door: &Door<Closure>) -> Result<(), No> {
    match confined_to() {
        Some(own) if own != door.id.0 => {
            let own = &shared.doors.get(LaneId(own)).name;
            let detail = format!(
                "a run of the isolated lane {own:?} may submit only into it, not into {:?}",
                lane_name(&door.name)
            );
            Err(no(Reason::Isolated, detail))
        }
        _ => Ok(()),
    }
}

/// Submits a message whose session or lane the caller may know already.
pub(super) fn message_from(
    shared: &Arc<Shared>,
    dedupe: &Dedupe,
    known: Option<(&Arc<Session>, LaneId)>,
    message: Message,
    origin: Origin,
    depth: u8,
) -> Result<Receipt, Refused> {
    admit(shared, dedupe, known, message, origin, depth).map_err(|(message, no)| {
        let told = Refused::told(shared, message, no.reason, no.detail);
        Refused { first: no.first, ..told }
    })
}

fn admit(
    shared: &Arc<Shared>,
    dedupe: &Dedupe,
    known: Option<(&Arc<Session>, LaneId)>,
    message: Message,
    origin: Origin,
    depth: u8,
) -> Result<Receipt, (Message, No)> {
    let lane = known.map(|(_, lane)| lane);
    let Ready { door, summary, claim } = match Ready::of(shared, dedupe, &message, lane) {
        Ok(ready) => ready,
        Err(no) => return Err((message, no)),
    };
    let found;
    let session = match known {
        Some((session, _)) => session,
        None => {
            found = shared.table.session_shared(&message.key);
            &found
        }
    };
    let now = shared.now();
    let mut cell = cell(shared, message, session.serial, door, now);
    (cell.summary, cell.depth) = (summary, depth);
    let cell = Arc::new(cell);
    let admitted = |answer: &Result<Landed, _>| {
        // A claim that does not land is dropped here: the id is free again.
        if let (Some(claim), Ok(landed)) = (claim, answer) {
            claim.land(&Receipt::of(&cell, *landed));
        }
    };
    match shared.transition_then(session, now, |m, cx| m.admit(&cell, origin, cx), admitted) {
        Ok(landed) => {
            shared.counters.add(Count::Accepted, 1);
            Ok(Receipt::of(&cell, landed))
        }
        Err(NotAdmitted { reason, detail }) => {
            // Nobody else has seen the cell: the message comes home as it was.
            let message = Arc::into_inner(cell).expect("a refused cell is the caller's").message;
            give_room(shared, message.bytes() as u64);
            Err((message, no(reason, detail)))
        }
    }
}

fn cell(
    shared: &Shared,
    message: Message,
    serial: u64,
    door: &Door<Closure>,
    now: crate::time::Moment,
) -> Cell {
    let queue = &shared.config.queue;
    let details = message.details();
    let expires = details.ttl.or(queue.ttl).map(|ttl| now.plus(ttl));
    let deadline = details.deadline;
    let attempts = details.attempts.unwrap_or(queue.attempts);
    let mut cell = Cell::new(message, serial, door.id);
    (cell.expires, cell.deadline, cell.attempts) = (expires, deadline, attempts);
    cell.crowded = door.gate.word().is_full();
    cell
}

/// P9: the engine-wide bounds.
pub(super) fn take_room(shared: &Shared, bytes: u64) -> Result<(), No> {
    if shared.pending.take(1) == Room::Full {
        let most = shared.config.limits.max_pending;
        return Err(no(Reason::Full, format!("{most} messages wait in the engine: the most")));
    }
    if bytes > 0 && shared.bytes.take(bytes) == Room::Full {
        shared.pending.give(1);
        let most = shared.config.limits.max_bytes;
        return Err(no(Reason::Full, format!("{most} bytes wait in the engine: the most")));
    }
    Ok(())
}

fn give_room(shared: &Shared, bytes: u64) {
    shared.pending.give(1);
    if bytes > 0 {
        shared.bytes.give(bytes);
    }
    shared.nudge_drain();
}

/// Fire and forget, into a known session and lane.
#[inline]
pub(super) fn fire(
    shared: &Arc<Shared>,
    door: &Arc<Door<Closure>>,
    session: &Arc<Session>,
    code: Closure,
) -> Result<(), Refused<()>> {
    closure(shared, door, session, code).map(drop)
}

fn closure(
    shared: &Arc<Shared>,
    door: &Arc<Door<Closure>>,
    session: &Arc<Session>,
    code: Closure,
) -> Result<Landed, Refused<()>> {
    may_leave(shared, door)
        .and_then(|()| take_room(shared, 0))
        .map_err(|no| hand_back(shared, no))?;
    let origin = if kind() == Thread::Worker { Origin::Run } else { Origin::Outside };
    let clock = matches!(code, Closure::Task(_)).then(|| shared.now());
    let answer = shared.transition_lazily(session, clock, |m, cx| {
        m.admit_closure(code, door.id, Priority::Normal, origin, cx)
    });
    match answer {
        Ok(landed) => {
            shared.counters.add(Count::Accepted, 1);
            Ok(landed)
        }
        Err((NotAdmitted { reason, detail }, code)) => {
            give_room(shared, 0);
            // P7: the host's code is dropped outside the lock.
            caught::let_go(code);
            Err(hand_back(shared, no(reason, detail)))
        }
    }
}

/// With a receipt, into a known session and lane.
pub(super) fn task<T: Clone + Send + 'static>(
    shared: &Arc<Shared>,
    door: &Arc<Door<Closure>>,
    session: &Arc<Session>,
    code: impl FnOnce(&Run) -> T + Send + 'static,
) -> Result<Receipt<T>, Refused<()>> {
    let job = Arc::new(Job::new(code, Arc::clone(&session.key), session.serial));
    let landed = closure(shared, door, session, Closure::Task(Arc::clone(&job) as Arc<_>))?;
    let priority = Priority::Normal;
    Ok(Receipt { pending: job, cell: None, session: None, landed, priority })
}
