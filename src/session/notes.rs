//! From the bare facts of a transition to the event that observers hear; made after unlock.

use super::batch::Batch;
use super::entry::Code;
use super::next::{Note, Tag};
use super::render::merged;
use super::session::Session;
use super::shared::Shared;
use crate::model::{Fate, Kept, Message, MessageId, Reason};
use crate::sync::{Arc, caught};
use crate::watch::{Count, Event, Spoken};

impl<C: Code> Shared<C> {
    /// Counts and tells a refusal.
    #[cold]
    pub(crate) fn say_refused(&self, message: &Message, reason: Reason, detail: &str) {
        self.counters.add(Count::Refused, 1);
        let id = message.id.clone().map(MessageId::Given);
        let (key, detail) = (Arc::clone(&message.key), detail.to_owned());
        self.bus.say(self.now(), || Event::Refused { id, key, reason, detail });
    }
}

/// A lane's name and the tickets in it.
fn ready<C: Code>(shared: &Shared<C>, tag: Tag) -> (Arc<str>, u32) {
    let door = shared.doors.get(tag.lane);
    (Arc::clone(&door.name), door.gate.word().tickets)
}

/// The event of a note. P7: it may call for names and open calls, so no lock is held.
pub(super) fn event<C: Code>(shared: &Shared<C>, session: &Session<C>, note: Note) -> Event {
    let key = Arc::clone(&session.key);
    let made = |number| MessageId::made(session.serial, number);
    match note {
        Note::Accepted { cell, placement, position, run, fallback } => {
            let (id, lane) = (cell.id(), shared.lane_name(cell.lane));
            Event::Accepted { id, key, lane, placement, position, run, fallback }
        }
        Note::ClosureAccepted { number, lane, placement, position } => {
            let (id, lane) = (made(number), shared.lane_name(lane));
            Event::Accepted { id, key, lane, placement, position, run: None, fallback: None }
        }
        Note::Queued { cell, depth } => Event::Queued { id: cell.id(), key, depth },
        Note::Steered { cell, run } => Event::Steered { id: cell.id(), run },
        Note::Promoted { cell, run } => Event::Promoted { id: cell.id(), run },
        Note::Fate { cell, fate, run, outcome, policy } => {
            let kept = (fate == Fate::Returned && cell.journaled() > 0).then_some(Kept::Journal);
            Event::Fate { id: cell.id(), key, fate, run, outcome, policy, kept }
        }
        Note::ClosureFate { number, fate, run, outcome } => {
            let id = made(number);
            Event::Fate { id, key, fate, run, outcome, policy: None, kept: None }
        }
        Note::Dequeued { tag, wait } => {
            let (lane, depth) = ready(shared, tag);
            Event::LaneDequeue { lane, key, depth, wait }
        }
        Note::WaitExceeded { tag, wait } => {
            let (lane, depth) = ready(shared, tag);
            Event::WaitExceeded { lane, key, depth, wait }
        }
        Note::Started { run, lane, batch, number, attempt } => {
            let lane = shared.lane_name(lane);
            let summary_of = batch.as_ref().map_or(0, Batch::summary_of);
            let messages = batch.as_ref().map_or_else(|| [made(number)].into(), Batch::ids);
            // P7: a renderer that panics fails its run when the handler asks, not this event.
            let rendered = |b: &Batch| caught::call(|| shared.render(b));
            let text = batch
                .filter(|_| shared.bus.wants_text())
                .map(|b| rendered(&b).unwrap_or_else(|_| merged(&b)));
            Event::RunStarted { run, key, lane, messages, attempt, summary_of, text }
        }
        Note::Said { run, batch, attempt, reply, last } => {
            let (messages, details) = (batch.ids(), batch.last().message.details.clone());
            Event::Reply(Spoken { run, key, messages, attempt, reply, last, details })
        }
        Note::Finished { run, outcome, cause, took } => {
            Event::RunFinished { run, key, outcome, cause, took }
        }
        Note::Retrying { run, attempt, delay } => Event::RunRetrying { run, key, attempt, delay },
        Note::Stuck { run, calls, age } => {
            let calls = calls.map_or_else(Vec::new, |calls| calls.open_calls());
            Event::RunStuck { run, key, calls, age }
        }
        Note::SummaryDiscarded { count } => Event::SummaryDiscarded { key, count },
        Note::Idle => Event::SessionIdle { key },
    }
}
