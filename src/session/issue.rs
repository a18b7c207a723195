//! A ticket goes into its lane, and a worker is called for it.

use super::door::{Door, Side};
use super::entry::Code;
use super::gate::{Call, Gate};
use super::next::Tag;
use super::ready::Ticket;
use super::session::Session;
use super::shared::Shared;
use crate::sync::Arc;
use crate::time::Moment;
use crate::watch::{Draw, Event};

impl<C: Code> Shared<C> {
    /// Puts the session's ticket into its lane, and calls a worker if one is needed.
    #[inline]
    pub(crate) fn issue(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        tag: Tag,
        now: Option<Moment>,
    ) {
        let door = self.doors.get(tag.lane);
        let call = self.put(door, session, tag, now, Gate::arrive);
        self.answer_call(door, call);
        self.mind_tickets(door);
    }

    /// The same by a worker that looks for work next, with nothing of the host's in between: it
    /// owes the call.
    pub(crate) fn issue_uncalled(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        tag: Tag,
        now: Option<Moment>,
    ) {
        let door = self.doors.get(tag.lane);
        let _ = self.put(door, session, tag, now, Gate::arrive_uncalled);
        self.mind_tickets(door);
    }

    /// Puts the ticket into its lane; answers whom its arrival calls.
    #[inline]
    fn put(
        &self,
        door: &Door<C>,
        session: &Arc<Session<C>>,
        tag: Tag,
        now: Option<Moment>,
        arrive: impl FnOnce(&Gate) -> Call,
    ) -> Call {
        // Drawn before anybody can take the ticket out: it goes in first, also in the events.
        let draw = self.bus.draw();
        door.put(tag, Ticket { session: Arc::clone(session), issued: now });
        let call = arrive(&door.gate);
        if let Some(draw) = draw {
            self.say_issued(draw, door, session, call, now);
        }
        call
    }

    /// The events of a ticket: into the lane, and whether an unlimited one is at its ceiling.
    fn say_issued(
        &self,
        draw: Draw,
        door: &Door<C>,
        session: &Session<C>,
        call: Call,
        now: Option<Moment>,
    ) {
        let now = now.unwrap_or_else(|| self.now());
        let word = door.gate.word();
        let (lane, key, depth) = (Arc::clone(&door.name), Arc::clone(&session.key), word.tickets);
        self.bus.publish([draw.record(now, Event::LaneEnqueue { lane, key, depth })]);
        let full = call == Call::Nobody && word.executing >= word.cap && door.is_unlimited();
        if full && door.may_say_saturated(now) {
            let (lane, ceiling) = (Arc::clone(&door.name), word.cap);
            self.bus.say(now, || Event::LaneSaturated { lane, ceiling });
        }
    }

    pub(crate) fn answer_call(self: &Arc<Self>, door: &Arc<Door<C>>, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Ring => {
                door.gate.ring();
                if door.side() == Side::Port {
                    // A worker that is about to make way: the port is told at once all the same.
                    Arc::clone(&self.staff).hire(self, door);
                }
            }
            Call::Hire => Arc::clone(&self.staff).hire(self, door),
        }
    }

    /// Calls workers for everything that a lane could start now: after a resize, say.
    pub(crate) fn call_all(self: &Arc<Self>, door: &Arc<Door<C>>) {
        let word = door.gate.word();
        let startable = word.tickets.min(word.cap.saturating_sub(word.executing));
        for _ in 0..startable {
            let call = door.gate.call_if_needed();
            self.answer_call(door, call);
        }
    }
}
