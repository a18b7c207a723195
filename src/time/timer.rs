//! The one timer: a heap of what is due, and a thread (or a hand) that calls it out.
//!
//! Firing is a hint. Whoever is called checks again under its own lock whether anything is due,
//! so an entry that comes too early or too late for its owner does no harm. Entries that nobody
//! waits for any more are counted, and swept out when they are more than half.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::{Clock, Moment};
use crate::sync::{Condvar, Mutex};

/// What a timer holds: it knows whether it is still waited for at `at`.
pub(crate) trait Due: Send + 'static {
    /// False once the owner has gone to rest or armed another entry. Called under the timer's
    /// lock, so it only reads atomics.
    fn wanted(&self, at: Moment) -> bool;
}

struct Entry<T> {
    at: Moment,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl<T> Eq for Entry<T> {}
impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Entry<T> {
    /// Reversed: the heap's greatest is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

struct State<T> {
    heap: BinaryHeap<Entry<T>>,
    /// Entries that were given up, roughly: the sweep counts anew.
    stale: usize,
    life: Life,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Going,
    Closed,
}

/// Things of type `T`, each due at a moment.
pub(crate) struct Timer<T> {
    clock: Clock,
    /// Locked by whoever arms and by the timer thread; a leaf.
    state: Mutex<State<T>>,
    /// Tells the thread that something earlier is due, or that it is over.
    changed: Condvar,
}

impl<T: Due> Timer<T> {
    pub(crate) fn new(clock: Clock) -> Self {
        let state = State { heap: BinaryHeap::new(), stale: 0, life: Life::Going };
        Self { clock, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Calls `what` out at `at` or soon after.
    pub(crate) fn arm(&self, at: Moment, what: T) {
        let mut state = self.state.lock();
        if state.life == Life::Closed {
            return;
        }
        let first = state.heap.peek().is_none_or(|entry| at < entry.at);
        state.heap.push(Entry { at, what });
        if first {
            self.changed.notify_one();
        }
    }

    /// One entry is no longer waited for. When such entries are the majority, they go, so that
    /// what they hold is free long before a far-away moment. P9, P10.
    pub(crate) fn give_up(&self) {
        let swept = {
            let mut state = self.state.lock();
            state.stale += 1;
            if state.stale < 64 || state.stale * 2 < state.heap.len() {
                return;
            }
            state.stale = 0;
            let all = std::mem::take(&mut state.heap).into_vec();
            let (kept, swept): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|entry| entry.what.wanted(entry.at));
            state.heap = kept.into();
            swept
        };
        // P7: what they held is dropped outside the lock.
        drop(swept);
    }

    /// Everything due now, earliest first. One at a time, so that the caller acts unlocked.
    pub(crate) fn pop_due(&self) -> Option<(Moment, T)> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if state.heap.peek().is_none_or(|entry| entry.at > now) {
            return None;
        }
        state.heap.pop().map(|entry| (entry.at, entry.what))
    }

    /// Blocks until something is due; `None` once the timer is closed. Real clocks only.
    pub(crate) fn next(&self) -> Option<(Moment, T)> {
        loop {
            if let Some(due) = self.pop_due() {
                return Some(due);
            }
            let mut state = self.state.lock();
            if state.life == Life::Closed {
                return None;
            }
            let now = self.clock.now();
            match state.heap.peek().map(|entry| entry.at) {
                Some(at) if at <= now => {}
                Some(at) => {
                    let pause = at.since(now).min(Duration::from_secs(3600));
                    let _ = self.changed.wait_for(&mut state, pause);
                }
                None => self.changed.wait(&mut state),
            }
        }
    }

    /// The earliest moment at which anything is due; for clocks that are turned by hand.
    pub(crate) fn earliest(&self) -> Option<Moment> {
        self.state.lock().heap.peek().map(|entry| entry.at)
    }

    /// Ends the thread and lets everything go.
    pub(crate) fn close(&self) {
        let heap = {
            let mut state = self.state.lock();
            state.life = Life::Closed;
            std::mem::take(&mut state.heap)
        };
        self.changed.notify_all();
        drop(heap);
    }

    /// Number of entries, given-up ones included.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ManualClock;
    use super::*;

    impl Due for u32 {
        fn wanted(&self, _at: Moment) -> bool {
            self.is_multiple_of(2)
        }
    }

    #[test]
    fn the_earliest_comes_first_and_nothing_comes_early() {
        let hand = ManualClock::new();
        let timer = Timer::new(Clock::Manual(hand.clone()));
        let at = |s| Moment::START.plus(Duration::from_secs(s));
        timer.arm(at(3), 3);
        timer.arm(at(1), 1);
        assert_eq!(timer.pop_due(), None);
        hand.turn(Duration::from_secs(3));
        assert_eq!(timer.pop_due(), Some((at(1), 1)));
        assert_eq!(timer.pop_due(), Some((at(3), 3)));
    }

    #[test]
    fn entries_that_nobody_waits_for_are_swept_out() {
        let timer = Timer::new(Clock::Manual(ManualClock::new()));
        for n in 0..100 {
            timer.arm(Moment::START.plus(Duration::from_secs(1)), n);
        }
        (0..64).for_each(|_| timer.give_up());
        assert_eq!(timer.len(), 50, "the odd ones are gone");
    }
}
