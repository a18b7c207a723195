//! Handfuls: tickets that a worker has taken out of its lane's channel together.
//!
//! Sessions that become ready one after the other mostly lie next to each other. Two workers that
//! take every other ticket get half of their cache lines from each other, and more: the processor
//! brings a neighbour's, too. So where many tickets wait and runs are quick, a worker takes some in a
//! row. They stay the lane's: the gate counts them as before, and whoever was promised a ticket finds
//! these as well, so that none waits for a worker that is kept.

use std::collections::VecDeque;

use super::entry::{Code, ask_for_shared};
use super::ready::Ticket;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, OnceLock, Padded, planted, thread};

/// Most tickets of a handful. A model has two at a time.
pub(crate) const HANDFUL: u32 = if cfg!(any(loom, shuttle)) { 2 } else { 16 };
/// A worker takes one in so many of those that wait: others come for them, too.
pub(super) const SHARE: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 16 };

/// How a worker takes tickets: with this hand of its lane, so many at once at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grasp {
    pub(crate) hand: usize,
    pub(crate) most: u32,
}

/// The hands of a lane, made with the first handful.
pub(super) struct Hands<C> {
    all: OnceLock<Box<[Padded<Hand<C>>]>>,
    /// Handfuls so far.
    taken: AtomicU64,
}

struct Hand<C> {
    /// The number of its handful, from 1 on; 0 if nothing is in it. Written under the lock, read by
    /// whoever looks for a ticket.
    number: AtomicU64,
    /// Nearly always its worker's own. Only the lane's channel is touched under it.
    tickets: Mutex<VecDeque<Ticket<C>>>,
}

impl<C: Code> Hands<C> {
    pub(super) fn new() -> Self {
        Self { all: OnceLock::new(), taken: AtomicU64::new(0) }
    }

    /// Twice as many as workers that can be quick at once, so that few share one.
    fn made() -> Box<[Padded<Hand<C>>]> {
        let all = (2 * thread::cores()).next_power_of_two().min(64);
        (0..all).map(|_| Padded(Hand::empty())).collect()
    }

    /// The oldest ticket in this hand.
    #[inline]
    pub(super) fn next(&self, hand: usize) -> Option<Ticket<C>> {
        let all = self.all.get()?;
        all[hand % all.len()].0.take()
    }

    /// A ticket of a hand whose worker is kept: twice as many handfuls as there are hands have been
    /// taken since.
    pub(super) fn overdue(&self) -> Option<Ticket<C>> {
        let all = self.all.get()?;
        let turns = 2 * all.len() as u64;
        self.oldest(self.taken.load(Ordering::Acquire).saturating_sub(turns))
    }

    /// A ticket of any hand, of the oldest handful.
    pub(super) fn any(&self) -> Option<Ticket<C>> {
        if planted!(KeptHands) { None } else { self.oldest(u64::MAX) }
    }

    /// A ticket of the oldest handful, if its number is no higher.
    fn oldest(&self, number: u64) -> Option<Ticket<C>> {
        let all = self.all.get()?.iter().map(|hand| (hand.0.number.load(Ordering::Acquire), hand));
        let (_, hand) = all.filter(|(n, _)| (1..=number).contains(n)).min_by_key(|(n, _)| *n)?;
        hand.0.take()
    }

    /// Puts a handful into this hand.
    pub(super) fn fill(&self, hand: usize, handful: impl Iterator<Item = Ticket<C>>) {
        let all = self.all.get_or_init(Self::made);
        let Hand { number, tickets } = &all[hand % all.len()].0;
        let mut tickets = tickets.lock();
        // Another worker of this hand may have been quicker: then it is as old as its oldest.
        if tickets.is_empty() {
            number.store(self.taken.fetch_add(1, Ordering::AcqRel) + 1, Ordering::Release);
        }
        tickets.extend(handful.inspect(|ticket| ask_for_shared::<C, _>(&ticket.session)));
        if tickets.is_empty() {
            number.store(0, Ordering::Release);
        }
    }
}

impl<C: Code> Hand<C> {
    fn empty() -> Self {
        Self { number: AtomicU64::new(0), tickets: Mutex::new(VecDeque::new()) }
    }

    #[inline]
    fn take(&self) -> Option<Ticket<C>> {
        if self.number.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut tickets = self.tickets.lock();
        let ticket = tickets.pop_front();
        if let Some(soon) = tickets.get(1) {
            soon.session.ask_machine();
        }
        if tickets.is_empty() {
            self.number.store(0, Ordering::Release);
        }
        ticket
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::super::session::Session;
    use super::*;
    use crate::sync::Arc;
    use crate::time::Moment;

    fn tickets(numbers: std::ops::Range<u64>) -> impl Iterator<Item = Ticket<u64>> {
        numbers.map(|n| {
            let session = Arc::new(Session::new("k".into(), 0, n));
            Ticket { session, issued: Some(Moment::START) }
        })
    }

    fn number(ticket: Option<Ticket<u64>>) -> Option<u64> {
        ticket.map(|ticket| ticket.session.serial)
    }

    #[test]
    fn a_handful_comes_out_in_order_by_its_own_hand_and_by_others() {
        let hands = Hands::new();
        assert_eq!((number(hands.next(0)), number(hands.any())), (None, None), "none is made yet");
        hands.fill(0, tickets(0..4));
        assert_eq!((number(hands.next(1)), number(hands.next(0))), (None, Some(0)));
        assert_eq!((number(hands.any()), number(hands.any())), (Some(1), Some(2)));
        assert_eq!((number(hands.next(0)), number(hands.next(0))), (Some(3), None));
        assert_eq!(number(hands.any()), None);
    }

    #[test]
    fn workers_that_share_a_hand_put_their_tickets_behind_each_others() {
        let hands = Hands::new();
        hands.fill(0, tickets(0..2));
        hands.fill(0, tickets(2..4));
        let all: Vec<_> = std::iter::from_fn(|| number(hands.next(0))).collect();
        assert_eq!(all, [0, 1, 2, 3]);
        assert_eq!(hands.taken.load(Ordering::Relaxed), 1, "as old as the oldest in it");
    }

    #[test]
    fn p8_what_a_kept_worker_has_is_due_once_all_others_have_had_two_handfuls() {
        let hands = Hands::new();
        hands.fill(0, tickets(0..3));
        let turns = 2 * hands.all.get().map_or(0, |all| all.len() as u64);
        for turn in 0..turns {
            assert_eq!(number(hands.overdue()), None, "after {turn} others");
            hands.fill(1, tickets(10..11));
            let _ = hands.next(1);
        }
        let due: Vec<_> = std::iter::from_fn(|| number(hands.overdue())).collect();
        assert_eq!(due, [0, 1, 2]);
    }

    #[test]
    fn a_handful_of_nothing_leaves_the_hand_empty() {
        let hands = Hands::new();
        hands.fill(0, tickets(0..0));
        assert_eq!(hands.all.get().map(|all| all[0].0.number.load(Ordering::Relaxed)), Some(0));
        assert_eq!(number(hands.any()), None);
    }
}
