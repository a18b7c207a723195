//! The short way: closures in a session that has nothing else.
//!
//! Most of what a transition settles, weighs and tells is not there: no extra state, and so no
//! window, `ttl`, deadline, retry or steer; nobody who listens; an open door. What is left of an
//! admission, and of an end with the next start or with rest, are these two steps. They do what
//! `admit_closure` and `finish` would do; where there is anything else to think of, they change
//! nothing and say so.

use super::finish::Slice;
use super::{Machine, Phase};
use crate::model::{LaneId, Priority, RunId};
use crate::session::entry::{Code, Entry, Item};
use crate::session::live::{Held, Live, SlotState};
use crate::session::standing::Place;
use crate::time::Moment;

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
        now: impl FnOnce() -> Moment,
    ) -> Result<Behind<C>, TheLongWay> {
        let same = self.waiting[priority as usize];
        let busy = self.phase == Phase::Running || (self.phase == Phase::Ready && same > 0);
        // All that waits is in the backlog, and some of it may be messages: the long way counts.
        let position = self.waiting.iter().sum::<u32>();
        if !busy || self.extra.is_some() || position >= cap {
            return Err(TheLongWay);
        }
        if self.is_drawn() {
            self.time_next(now());
        }
        let next = self.append_closure(code, lane, priority, Moment::START);
        Ok(Behind { position, next })
    }

    /// A closure has run to its end: the next closure of the session starts in the same slice, or
    /// the session comes to rest. The door is open, and nobody listens.
    #[inline]
    pub(crate) fn stride(
        &mut self,
        run: RunId,
        slice: &mut Slice<'_, C>,
        now: Moment,
        code: &mut Option<C>,
    ) -> Result<Strode, TheLongWay> {
        let tag = slice.ticket.tag;
        let Some(live) = self.live.as_mut().filter(|live| live.id == run && is_untouched(live))
        else {
            return Err(TheLongWay);
        };
        if self.extra.is_some() || slice.ticket.deadline.is_some() {
            return Err(TheLongWay);
        }
        // P2: what starts out of order is for the long way to count.
        let before = self.started;
        let suits = |entry: &Entry<C>| {
            let in_order = entry.number.wrapping_sub(before) <= u32::MAX / 2;
            in_order && entry.lane == tag.lane && matches!(entry.item, Item::Closure(_))
        };
        let later = self.waiting[tag.priority as usize..].iter().all(|n| *n == 0);
        if later {
            return if self.backlog.front().is_none() {
                self.come_to_rest()
            } else {
                Err(TheLongWay)
            };
        }
        let Some((number, priority)) = self.backlog.pop_closure(code, suits) else {
            return Err(TheLongWay);
        };
        if let Held::Closure(kept) = &live.held {
            kept.standing().put(Place::Settled);
            live.held = Held::Nothing;
        }
        if let Some(next) = code
            && let Some(standing) = next.standing()
        {
            standing.put(Place::Started);
            live.held = Held::of(next);
            self.backlog.ask_second();
        }
        (live.id, live.number, live.started) = (slice.run, number, now);
        self.settled += 1;
        self.started = number;
        self.waiting[priority as usize] -= 1;
        slice.admitted = self.admission_of(number);
        debug_assert!(self.balances(), "P4: accepted = settled + pending");
        Ok(Strode::On)
    }

    /// The end of the last closure, to which nothing has happened.
    #[inline]
    fn come_to_rest(&mut self) -> Result<Strode, TheLongWay> {
        if self.armed.is_some() {
            return Err(TheLongWay);
        }
        if let Some(Live { held: Held::Closure(kept), .. }) = self.live.as_deref() {
            kept.standing().put(Place::Settled);
        }
        self.live = None;
        self.settled += 1;
        self.phase = Phase::Idle;
        self.backlog.free();
        debug_assert!(self.balances(), "P4: accepted = settled + pending");
        Ok(Strode::Over)
    }
}

/// A closure waits behind others.
pub(crate) struct Behind<C> {
    /// So many.
    pub(crate) position: u32,
    /// Where the next one will lie: to ask for it.
    pub(crate) next: *const Entry<C>,
}

/// What comes after a closure that has run to its end.
pub(crate) enum Strode {
    /// The next closure has started.
    On,
    /// Nothing waits: the session is at rest.
    Over,
}

/// Whether nothing has happened to a closure while it ran.
#[inline]
fn is_untouched<C: Code>(live: &Live<C>) -> bool {
    !matches!(live.held, Held::Messages(_))
        && live.stop.is_none()
        && live.waits == 0
        && live.slot == SlotState::Held
}
