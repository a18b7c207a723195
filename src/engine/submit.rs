//! The one way in: a message or closure is checked, counted, and admitted by its session.

use std::time::Duration;

use crate::config::check::lane_name;
use crate::config::{Limits, Queue};
use crate::ingress::{Claim, Dedupe};
use crate::model::{Error, LaneId, Message, Reason};
use crate::run::{Closure, Receipt, Refused, Session, Shared};
use crate::session::{Cell, Door, Landed, Late, NotAdmitted, Open, Origin, Place, Terms};
use crate::sync::on::confined_to;
use crate::sync::{Arc, planted};
use crate::time::Moment;
use crate::watch::{Count, Room};

use super::Engine;
use super::admission::Admission;
use super::journaled::{journaled, may_wait};
use super::ready::Ready;
use super::receive::routed;

const MS: Duration = Duration::from_millis(1);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

impl Engine {
    /// Submits a message. Never waits for a lane; it may wait for the session's lock, which is
    /// never held while host code runs. With a journal it blocks until the message is committed.
    ///
    /// A message with an [id](Message::with_id) is accepted once: for `inbound.dedupe_window`, a
    /// message of the same id, route and session key is a `Duplicate`, and its refusal carries the
    /// [first](Refused::first) receipt. An id is forgotten when its message is refused, withdrawn,
    /// expired or returned. A message that is `requeued_from` another is exempt.
    ///
    /// # Errors
    /// The message comes back with the reason: it is the host's again. Reason `Directive` is no
    /// refusal: the text was `/stop`, `/queue ...` or the like, it was carried out, and the detail
    /// is the answer for the person.
    pub fn submit(&self, message: Message) -> Result<Receipt, Refused> {
        self.core.recovered();
        let message = self.core.receive(message)?;
        message_from(self.shared(), &self.core.dedupe, None, message, By::OUTSIDE)
    }

    /// Submits a message without waiting for the journal: whether it was accepted arrives later,
    /// so that one thread can fill a commit with many. Messages of one thread keep their order.
    /// Without a journal it is decided at once.
    ///
    /// # Errors
    /// What can be said at once; other refusals arrive with the [`Admission`].
    pub fn submit_nowait(&self, message: Message) -> Result<Admission, Refused> {
        self.core.recovered();
        let message = self.core.receive(message)?;
        let (shared, dedupe) = (self.shared(), &self.core.dedupe);
        match &shared.jots {
            None => Ok(Admission::decided(Ok(message_from(
                shared,
                dedupe,
                None,
                message,
                By::OUTSIDE,
            )?))),
            Some(jots) => journaled(shared, jots, dedupe, None, message, By::OUTSIDE),
        }
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

    /// The same, with more to say of it.
    pub(super) fn and(mut self, more: &str) -> Self {
        self.detail.push_str(more);
        self
    }

    /// The refusal of a message, counted and told.
    pub(super) fn told(self, shared: &Shared, message: Message) -> Refused {
        let told = Refused::told(shared, message, self.reason, self.detail);
        Refused { first: self.first, ..told }
    }
}

pub(super) fn no(reason: Reason, detail: impl Into<String>) -> No {
    No { reason, detail: detail.into(), first: None }
}

pub(super) fn refused(error: &Error) -> No {
    let reason = match error {
        Error::UnknownLane { .. } => Reason::UnknownLane,
        Error::Full(_) => Reason::Full,
        Error::Closed => Reason::Closed,
        _ => Reason::Invalid,
    };
    no(reason, error.to_string())
}

pub(super) fn check_key(limits: &Limits, key: &str) -> Result<(), No> {
    let most = limits.key_bytes;
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
pub(super) fn check(limits: &Limits, message: &Message) -> Result<(), No> {
    check_key(limits, &message.key)?;
    let details = message.details();
    if message.text.is_empty() && details.payload.is_none() {
        return Err(no(Reason::Invalid, "neither text nor payload: give at least one"));
    }
    let (bytes, most) = (message.bytes(), limits.message_bytes);
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
pub(super) fn may_leave(shared: &Shared, door: &Door<Closure>) -> Result<(), No> {
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

/// Who submits, and how deep below a message from outside.
#[derive(Clone, Copy)]
pub(super) struct By {
    pub(super) origin: Origin,
    pub(super) depth: u8,
}

impl By {
    pub(super) const OUTSIDE: Self = Self { origin: Origin::Outside, depth: 0 };
}

/// The engine's submit, as runs call it for their children.
pub(super) fn message(
    shared: &Arc<Shared>,
    dedupe: &Arc<Dedupe>,
    message: Message,
    by: By,
) -> Result<Receipt, Refused> {
    let message = routed(shared, message)?;
    message_from(shared, dedupe, None, message, by)
}

/// Submits a message whose session or lane the caller may know already.
pub(super) fn message_from(
    shared: &Arc<Shared>,
    dedupe: &Arc<Dedupe>,
    known: Option<(&Arc<Session>, LaneId)>,
    message: Message,
    by: By,
) -> Result<Receipt, Refused> {
    match &shared.jots {
        None => admit(shared, dedupe, known, message, by)
            .map_err(|(message, no)| no.told(shared, message)),
        Some(jots) => {
            may_wait().map_err(|no| no.of(message.clone()))?;
            journaled(shared, jots, dedupe, known, message, by)?.wait()
        }
    }
}

/// The same, before anybody is told of a refusal.
pub(super) fn admit(
    shared: &Arc<Shared>,
    dedupe: &Arc<Dedupe>,
    known: Option<(&Arc<Session>, LaneId)>,
    message: Message,
    by: By,
) -> Result<Receipt, (Message, No)> {
    let lane = known.map(|(_, lane)| lane);
    let settings = shared.settings();
    let Ready { door, summary, claim } = match Ready::of(shared, &settings, dedupe, &message, lane)
    {
        Ok(ready) => ready,
        Err(no) => return Err((message, no)),
    };
    // The host's summarizer may have taken its time: one message lives under one version.
    let settings = settings.renewed();
    let found;
    let session = match known {
        Some((session, _)) => session,
        None => {
            found = shared.table.session_shared(&message.key);
            &found
        }
    };
    let now = shared.now();
    let terms = terms(&settings.queue, &message, door, by, summary, now);
    let cell = Cell::made::<Closure>(terms, message, session.serial, door.id);
    enter(shared, session, cell, by.origin, claim, (now, settings.rules()))
}

/// The one step in which a message becomes its session's.
pub(super) fn enter(
    shared: &Arc<Shared>,
    session: &Arc<Session>,
    cell: Arc<Cell>,
    origin: Origin,
    claim: Option<Claim>,
    (now, rules): (Moment, Late<'_>),
) -> Result<Receipt, (Message, No)> {
    let admitted = |(answer, place): &(Result<Landed, _>, Place)| {
        // A claim that does not land is dropped here: the id is free again.
        if let (Some(claim), Ok(landed)) = (claim, answer) {
            claim.land(&Receipt::of(Arc::clone(&cell), *landed));
        }
        if let (Some(jots), Ok(_)) = (&shared.jots, answer) {
            jots.landed(&cell, *place);
        }
    };
    let (answer, _) = shared.transition_by(
        session,
        (now, rules),
        |m, cx| {
            let (next, answer) = m.admit(&cell, origin, cx);
            session.hint.note(m.next_place());
            (next, (answer, cell.standing.place()))
        },
        admitted,
    );
    match answer {
        Ok(landed) => {
            shared.counters.add(Count::Accepted, 1);
            Ok(Receipt::of(cell, landed))
        }
        Err(NotAdmitted { reason, detail }) => Err((turned_away(shared, cell), no(reason, detail))),
    }
}

/// Nobody else has seen the cell: the message comes home as it was.
pub(super) fn turned_away(shared: &Shared, cell: Arc<Cell>) -> Message {
    let cell = Arc::into_inner(cell).expect("a refused cell is the caller's");
    let message = cell.message.into_message();
    give_room(shared, message.bytes() as u64);
    message
}

/// What is settled about a message before it enters its session.
#[inline]
pub(super) fn terms(
    queue: &Queue,
    message: &Message,
    door: &Door<Closure>,
    by: By,
    line: Option<Box<str>>,
    now: Moment,
) -> Terms {
    let details = message.details();
    Terms {
        attempts: details.attempts.unwrap_or(queue.attempts),
        depth: by.depth,
        expires: details.ttl.or(queue.ttl).map(|ttl| now.plus(ttl)),
        deadline: details.deadline,
        line,
        crowded: door.gate.word().is_full(),
    }
}

/// P9: the engine-wide bounds.
#[inline]
pub(super) fn take_room(shared: &Shared, bytes: u64) -> Result<(), No> {
    if shared.pending.take(1) == Room::Full {
        return Err(too_many(shared));
    }
    if shared.open() != Open::Open {
        // A drain adds up meanwhile.
        shared.pending.moved();
    }
    if bytes > 0 && shared.bytes.take(bytes) == Room::Full {
        return Err(too_much(shared));
    }
    Ok(())
}

#[cold]
fn too_many(shared: &Shared) -> No {
    // A drain may have seen what this has looked at on its way.
    shared.nudge_drain();
    let most = shared.config().limits.max_pending;
    no(Reason::Full, format!("{most} messages wait in the engine: the most"))
}

#[cold]
fn too_much(shared: &Shared) -> No {
    give_room(shared, 0);
    let most = shared.config().limits.max_bytes;
    no(Reason::Full, format!("{most} bytes wait in the engine: the most"))
}

pub(super) fn give_room(shared: &Shared, bytes: u64) {
    shared.pending.give(1);
    if bytes > 0 {
        shared.bytes.give(bytes);
    }
    if !planted!(RefusesUnheard) {
        shared.nudge_drain();
    }
}
