//! Tickets whose session has gone to rest, taken out of a lane before they outnumber what waits.
//!
//! A worker discards a misfit when it comes to it. In a lane that is paused or far behind nobody
//! comes to it, and each holds its session: a host that submits under ever new keys and withdraws
//! again would fill the memory with nothing at all. P9, P10.

use super::door::Door;
use super::entry::Code;
use super::gate::Found;
use super::machine::{Cx, Machine};
use super::next::{Next, Tag};
use super::shared::Shared;
use crate::model::Priority;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// Every so many tickets it is asked how many of them are dead.
const EVERY: u32 = 4096;

impl<C: Code> Machine<C> {
    /// Whether this ticket of ours still fits. If not, it is no longer out.
    fn still_fits(&mut self, tag: Tag, cx: &Cx<'_>) -> (Next<C>, bool) {
        let mut next = Next::nothing();
        self.settle(cx, &mut next);
        let fits = self.fits(tag, cx);
        if !fits {
            self.recall_ticket(tag);
        }
        self.rest(cx, &mut next);
        (next, fits)
    }
}

impl<C: Code> Shared<C> {
    /// A ticket has just gone in. When more than half of a lane's tickets must be dead, since less
    /// than half as many messages wait in the whole engine, they go: a constant cost a ticket.
    #[inline]
    pub(super) fn mind_tickets(self: &Arc<Self>, door: &Arc<Door<C>>) {
        let tickets = door.gate.word().tickets;
        if tickets > 0 && tickets.is_multiple_of(EVERY) {
            self.scavenge(door, tickets);
        }
    }

    #[cold]
    fn scavenge(self: &Arc<Self>, door: &Arc<Door<C>>, tickets: u32) {
        if u64::from(tickets) <= 2 * self.pending.taken() {
            return;
        }
        if door.scavenged.swap(1, Ordering::SeqCst) == 1 {
            return;
        }
        for priority in [Priority::Foreground, Priority::Normal, Priority::Background] {
            let tag = Tag { lane: door.id, priority };
            for _ in 0..door.ready.len(priority) {
                if !self.turn_over(door, tag) {
                    break;
                }
            }
        }
        door.scavenged.store(0, Ordering::SeqCst);
    }

    /// Takes the oldest ticket out and puts it back, at the end, if it still fits: after a whole
    /// round the order is what it was. False when workers have taken the rest.
    fn turn_over(self: &Arc<Self>, door: &Arc<Door<C>>, tag: Tag) -> bool {
        // As a worker does: first the promise of a ticket, then the ticket.
        if door.gate.take_ticket() == Found::Sleep {
            return false;
        }
        let oldest = door.ready.take_oldest(tag.priority);
        let more = oldest.is_some();
        if let Some(ticket) = oldest {
            let now = self.now();
            if !self.transition(&ticket.session, now, |m, cx| m.still_fits(tag, cx)) {
                door.leaves(&ticket);
                return true;
            }
            door.put(tag, ticket);
        }
        let call = door.gate.arrive();
        self.answer_call(door, call);
        more
    }
}
