//! The way in with a journal: committed first, then admitted, then acknowledged. P11.
//!
//! The journal's thread admits what it has committed, in the order of the commits, so that the
//! journal's order is the order of admission.

use super::admission::{Admission, Answer, Decision};
use super::ready::Ready;
use super::submit::{By, No, enter, give_room, no, terms, turned_away};
use crate::ingress::Dedupe;
use crate::model::{LaneId, Message, Reason};
use crate::run::{Refused, Session, Shared};
use crate::session::{Cell, Jots, JournalError, is_closed};
use crate::sync::Arc;
use crate::sync::on::{Thread, kind};

/// Whether this thread may wait for the journal: its own would wait for itself.
pub(super) fn may_wait() -> Result<(), No> {
    if kind() == Thread::Journal {
        let detail =
            "on the journal's own thread a submit would wait for itself: use submit_nowait";
        return Err(no(Reason::Journal, detail));
    }
    Ok(())
}

/// Puts a message into the line to the journal.
pub(super) fn journaled(
    shared: &Arc<Shared>,
    jots: &Jots,
    dedupe: &Arc<Dedupe>,
    known: Option<(&Arc<Session>, LaneId)>,
    message: Message,
    by: By,
) -> Result<Admission, Refused> {
    ready(shared, jots, dedupe, known, message, by)
        .map_err(|(message, no)| no.told(shared, message))
}

/// The same, before anybody is told of a refusal that can be said at once.
pub(super) fn ready(
    shared: &Arc<Shared>,
    jots: &Jots,
    dedupe: &Arc<Dedupe>,
    known: Option<(&Arc<Session>, LaneId)>,
    message: Message,
    by: By,
) -> Result<Admission, (Message, No)> {
    let settings = shared.settings();
    let Ready { door, summary, claim } =
        match Ready::of(shared, &settings, dedupe, &message, known.map(|(_, lane)| lane)) {
            Ok(ready) => ready,
            Err(no) => return Err((message, no)),
        };
    let config = settings.renewed();
    let session = match known {
        Some((session, _)) => Arc::clone(session),
        None => shared.table.session_shared(&message.key),
    };
    let mode = {
        let own = session.lock().machine.own().cloned();
        config.queue.in_force_for(&message, own.as_ref()).mode.value
    };
    let terms = terms(&config.queue, &message, door, by, summary, shared.now());
    let cell = Cell::on(terms, message, session.serial, door.id);
    let decision = Arc::new(Decision::default());
    let (accepted, decided) = (Arc::clone(&decision), Arc::clone(&decision));
    let engine = Arc::clone(shared);
    let pushed = jots.accept(cell, &door.name, mode, move |cell, entry, committed| {
        let Some(jots) = &engine.jots else { return };
        let told = move |engine: &Shared, (message, no): (Message, No)| {
            let answer: Answer = Err(no.told(engine, message));
            decided.set(answer);
        };
        if let Err(error) = committed {
            jots.not_written(entry);
            return told(&engine, (turned_away(&engine, cell), refused(&error)));
        }
        let now = (engine.now(), engine.rules());
        match enter(&engine, &session, cell, by.origin, claim, now) {
            Ok(receipt) => {
                jots.admitted(entry);
                accepted.set(Ok(receipt));
            }
            Err((message, no)) => {
                let engine = Arc::clone(&engine);
                jots.refused(entry, move |out| told(&engine, (message, may_return(no, out))));
            }
        }
    });
    match pushed {
        Ok(id) => Ok(Admission { id: Some(id), decision }),
        Err((cell, error)) => {
            give_room(shared, cell.bytes());
            Err((cell.message.into_message(), refused(&error)))
        }
    }
}

/// P11: whoever has a message back hears it if the journal has it, too. The reason stays, since
/// that is why it was refused.
fn may_return(no: No, out: Result<(), JournalError>) -> No {
    match out {
        Ok(()) => no,
        Err(error) => no.and(&format!(
            "; the journal could not take it out yet, and after a crash it may come back: {error}"
        )),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "without a journal it is nothing at all")]
fn refused(error: &JournalError) -> No {
    if is_closed(error) {
        return no(Reason::Closed, "the engine is closed");
    }
    no(Reason::Journal, error.to_string())
}
