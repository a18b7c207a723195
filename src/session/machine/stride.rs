//! The short way: closures in a session that has nothing else.
//!
//! Most of what a transition settles, weighs and tells is not there: no extra state, and so no
//! window, `ttl`, deadline, retry or steer; nobody who listens; an open door. What is left of an
//! admission, and of an end with the next start, are these two steps. They do what `admit_closure`
//! and `finish` would do; where there is anything else to think of, they change nothing and say so.

use super::claim::{Started, Work};
use super::finish::Slice;
use super::{Cx, Door, Machine, Phase};
use crate::model::{LaneId, Priority, RunId};
use crate::session::backlog::{Code, Item};
use crate::session::cell::Place;
use crate::session::live::{Held, Live, SlotState};
use crate::session::next::Landed;
use crate::watch::Placement;

/// The short way is not open: nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TheLongWay;

impl<C: Code> Machine<C> {
    #[inline]
    fn is_short(&self, cx: &Cx<'_>) -> bool {
        self.extra.is_none() && cx.door == Door::Open && !cx.listening
    }

    /// A closure queues up behind what keeps the session busy anyway: neither the head nor the
    /// ticket changes.
    #[inline]
    pub(crate) fn queue_behind(
        &mut self,
        code: &mut Option<C>,
        lane: LaneId,
        priority: Priority,
        cx: &Cx<'_>,
    ) -> Result<Landed, TheLongWay> {
        let busy = match self.phase {
            Phase::Running => true,
            Phase::Ready => self.waiting[priority as usize] > 0,
            Phase::Idle | Phase::Collecting | Phase::Backoff => false,
        };
        if !busy || !self.is_short(cx) || self.closures >= cx.closure_cap || self.is_drawn() {
            return Err(TheLongWay);
        }
        let code = code.take().expect("the caller has a closure");
        let (position, placement) = (self.backlog.live(), Placement::Queued);
        self.push_closure(code, lane, priority, cx);
        Ok(Landed { placement, position, run: None, fallback: None })
    }

    /// A closure has run to its end, and the next closure of the session starts in the same slice.
    #[inline]
    pub(crate) fn stride(
        &mut self,
        run: RunId,
        slice: &mut Slice<'_, C>,
        cx: &Cx<'_>,
    ) -> Result<(), TheLongWay> {
        let tag = slice.ticket.tag;
        let short = self.is_short(cx) && slice.ticket.deadline.is_none();
        if !short || self.priority_waiting() < tag.priority {
            return Err(TheLongWay);
        }
        let Some(live) = self.live.as_mut().filter(|live| live.id == run && is_untouched(live))
        else {
            return Err(TheLongWay);
        };
        let (before, timed) = (self.started, self.sample.map(|sample| sample.number));
        let entry = self.backlog.pop_if(|entry| {
            // P2: what starts out of order is for the long way to count, and what is timed starts
            // with a reading of the clock.
            let in_order = entry.number.wrapping_sub(before) <= u32::MAX / 2;
            let plain = in_order && timed != Some(entry.number);
            plain && entry.lane == tag.lane && matches!(entry.item, Item::Closure(_))
        });
        let Some(entry) = entry else { return Err(TheLongWay) };
        let (number, priority) = (entry.number, entry.priority());
        let Item::Closure(code) = entry.item else { unreachable!("it is a closure") };
        if let Held::Closure(kept) = &live.held {
            kept.standing().put(Place::Settled);
        }
        if let Some(standing) = code.standing() {
            standing.put(Place::Started);
        }
        live.held = code.keep().map_or(Held::Nothing, Held::Closure);
        (live.id, live.number, live.started) = (slice.run, number, cx.now);
        self.settled += 1;
        self.started = number;
        self.closures -= 1;
        self.waiting[priority as usize] -= 1;
        let (run, work, lane) = (slice.run, Work::Closure(code), tag.lane);
        *slice.next = Some(Started { run, work, lane, attempt: 1, admitted: None });
        debug_assert!(self.balances(), "P4: accepted = settled + pending");
        Ok(())
    }
}

/// Whether nothing has happened to a closure while it ran.
#[inline]
fn is_untouched<C: Code>(live: &Live<C>) -> bool {
    !matches!(live.held, Held::Messages(_))
        && live.stop.is_none()
        && live.waits == 0
        && live.slot == SlotState::Held
}
