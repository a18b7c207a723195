//! The short way: closures in a session that has nothing else.
//!
//! Most of what a transition settles, weighs and tells is not there: no extra state, and so no
//! window, `ttl`, deadline, retry or steer; nobody who listens; an open door. What is left of an
//! admission, and of an end with the next start, are these two steps. They do what `admit_closure`
//! and `finish` would do; where there is anything else to think of, they change nothing and say so.

use super::finish::Slice;
use super::{Machine, Phase};
use crate::model::{LaneId, Priority, RunId};
use crate::session::backlog::{Code, Item};
use crate::session::cell::Place;
use crate::session::live::{Held, Live, SlotState};
use crate::session::next::Landed;
use crate::time::Moment;
use crate::watch::Placement;

/// The short way is not open: nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TheLongWay;

impl<C: Code> Machine<C> {
    /// A closure queues up behind what keeps the session busy anyway: neither the head nor the
    /// ticket changes. The door is open, and nobody listens.
    #[inline]
    pub(crate) fn queue_behind(
        &mut self,
        code: &mut Option<C>,
        (lane, priority): (LaneId, Priority),
        cap: u32,
    ) -> Result<Landed, TheLongWay> {
        let same = self.waiting[priority as usize];
        let busy = self.phase == Phase::Running || (self.phase == Phase::Ready && same > 0);
        // All that waits is in the backlog, and some of it may be messages: the long way counts.
        let position = self.waiting.iter().sum::<u32>();
        if !busy || self.extra.is_some() || position >= cap || self.is_drawn() {
            return Err(TheLongWay);
        }
        let code = code.take().expect("the caller has a closure");
        self.append_closure(code, lane, priority, Moment::START);
        Ok(Landed { placement: Placement::Queued, position, run: None, fallback: None })
    }

    /// A closure has run to its end, and the next closure of the session starts in the same slice.
    /// The door is open, and nobody listens.
    #[inline]
    pub(crate) fn stride(
        &mut self,
        run: RunId,
        slice: &Slice<'_, C>,
        now: Moment,
    ) -> Result<C, TheLongWay> {
        let tag = slice.ticket.tag;
        let short = self.extra.is_none() && slice.ticket.deadline.is_none();
        if !short || self.priority_waiting() < tag.priority {
            return Err(TheLongWay);
        }
        let Some(live) = self.live.as_mut().filter(|live| live.id == run && is_untouched(live))
        else {
            return Err(TheLongWay);
        };
        let Some(entry) = self.backlog.front() else { return Err(TheLongWay) };
        let (number, priority) = (entry.number, entry.priority());
        // P2: what starts out of order is for the long way to count, and what is timed starts with a
        // reading of the clock.
        let in_order = number.wrapping_sub(self.started) <= u32::MAX / 2;
        let timed = self.sample.is_some_and(|sample| sample.number == number);
        let Item::Closure(code) = &entry.item else { return Err(TheLongWay) };
        if !in_order || timed || entry.lane != tag.lane {
            return Err(TheLongWay);
        }
        if let Held::Closure(kept) = &live.held {
            kept.standing().put(Place::Settled);
            live.held = Held::Nothing;
        }
        if let Some(standing) = code.standing() {
            standing.put(Place::Started);
            live.held = Held::of(code);
        }
        (live.id, live.number, live.started) = (slice.run, number, now);
        self.settled += 1;
        self.started = number;
        self.waiting[priority as usize] -= 1;
        Ok(self.backlog.pop_closure())
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
