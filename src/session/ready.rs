//! The ready channels of a lane: which session goes next.

use std::time::Duration;

use super::entry::Code;
use super::hands::{Grasp, Hands};
use super::session::Session;
use crate::model::Priority;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::channel::{Receiver, Sender, unbounded};
use crate::sync::{Arc, Mutex, thread};
use crate::time::Moment;

/// A session's place in a lane's ready channel.
pub(crate) struct Ticket<C> {
    pub(crate) session: Arc<Session<C>>,
    /// When it was put into the lane. Of closures only one in sixteen reads the clock.
    pub(crate) issued: Option<Moment>,
}

/// The three ready channels of a lane.
///
/// Whoever takes one out holds a slot and was promised a ticket by the gate, so that one is there.
pub(crate) struct Ready<C> {
    foreground: (Sender<Ticket<C>>, Receiver<Ticket<C>>),
    normal: (Sender<Ticket<C>>, Receiver<Ticket<C>>),
    /// Normal tickets that workers have taken together.
    hands: Hands<C>,
    background: (Sender<Ticket<C>>, Receiver<Ticket<C>>),
    /// The background ticket that is looked at to see its age. Touched only while there is one.
    head: Mutex<Option<Ticket<C>>>,
    /// Background tickets, the head included.
    in_background: AtomicU32,
}

impl<C: Code> Ready<C> {
    pub(super) fn new() -> Self {
        Self {
            foreground: unbounded(),
            normal: unbounded(),
            hands: Hands::new(),
            background: unbounded(),
            head: Mutex::new(None),
            in_background: AtomicU32::new(0),
        }
    }

    pub(crate) fn put(&self, priority: Priority, ticket: Ticket<C>) {
        let channel = match priority {
            Priority::Foreground => &self.foreground,
            Priority::Normal => &self.normal,
            Priority::Background => {
                self.in_background.fetch_add(1, Ordering::SeqCst);
                &self.background
            }
        };
        // Both halves are here: the channel cannot be disconnected.
        let _ = channel.0.send(ticket);
    }

    /// The ticket that goes next: foreground, aged background, normal, background.
    fn try_take(
        &self,
        grasp: Option<Grasp>,
        ageing: impl Fn() -> (Moment, Duration),
    ) -> Option<(Priority, Ticket<C>)> {
        // Nearly always nothing is there, and looking costs a tenth of trying.
        if !self.foreground.1.is_empty()
            && let Ok(ticket) = self.foreground.1.try_recv()
        {
            return Some((Priority::Foreground, ticket));
        }
        let background = self.in_background.load(Ordering::SeqCst) > 0;
        if background && let Some(ticket) = self.take_background(Some(ageing())) {
            return Some((Priority::Background, ticket));
        }
        if let Some(ticket) = self.take_normal(grasp) {
            return Some((Priority::Normal, ticket));
        }
        let ticket = if background { self.take_background(None) } else { None };
        ticket.map(|ticket| (Priority::Background, ticket))
    }

    /// The oldest normal ticket, but for handfuls that are in others' hands: only who takes no handful
    /// looks there first. P8: what is in the hand of a worker that is kept goes before what is in the
    /// channel, at the latest when two handfuls for each hand have been taken since.
    fn take_normal(&self, grasp: Option<Grasp>) -> Option<Ticket<C>> {
        let one = || self.normal.1.try_recv().ok();
        let Some(Grasp { hand, most }) = grasp else {
            return self.hands.any().or_else(one);
        };
        if let Some(ticket) = self.hands.next(hand).or_else(|| self.hands.overdue()) {
            return Some(ticket);
        }
        let Some(ticket) = one() else { return self.hands.any() };
        self.hands.fill(hand, (1..most).map_while(|_| one()));
        Some(ticket)
    }

    /// The oldest background ticket; with an age, only if it has waited that long.
    fn take_background(&self, aged: Option<(Moment, Duration)>) -> Option<Ticket<C>> {
        let mut head = self.head.lock();
        if head.is_none() {
            *head = self.background.1.try_recv().ok();
        }
        let young = |ticket: &Ticket<C>| {
            aged.zip(ticket.issued).is_some_and(|((now, ageing), at)| now.since(at) < ageing)
        };
        if head.as_ref().is_none_or(young) {
            return None;
        }
        self.in_background.fetch_sub(1, Ordering::SeqCst);
        head.take()
    }

    /// How many tickets of this priority are in their channel, as far as anybody can say.
    pub(super) fn len(&self, priority: Priority) -> usize {
        match priority {
            Priority::Foreground => self.foreground.1.len(),
            Priority::Normal => self.normal.1.len(),
            Priority::Background => self.in_background.load(Ordering::SeqCst) as usize,
        }
    }

    /// The oldest ticket of this priority that is in its channel.
    pub(super) fn take_oldest(&self, priority: Priority) -> Option<Ticket<C>> {
        match priority {
            Priority::Foreground => self.foreground.1.try_recv().ok(),
            Priority::Normal => self.normal.1.try_recv().ok(),
            Priority::Background => self.take_background(None),
        }
    }

    /// Takes the ticket that the gate has promised. Another worker may be between its promise
    /// and its take, so that a scan can miss; there are never more promises than tickets.
    /// `ageing` says what time it is and how long a background ticket waits: it is asked only
    /// while there is one.
    pub(crate) fn take(
        &self,
        grasp: Option<Grasp>,
        ageing: impl Fn() -> (Moment, Duration),
    ) -> (Priority, Ticket<C>) {
        loop {
            if let Some(taken) = self.try_take(grasp, &ageing) {
                return taken;
            }
            thread::spin();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(at: u64) -> Ticket<u64> {
        let session = Arc::new(Session::new("k".into(), 0, 1));
        Ticket { session, issued: Some(Moment::from_nanos(at)) }
    }

    fn order(ready: &Ready<u64>, n: usize, now: u64) -> Vec<(Priority, u64)> {
        let take = || ready.take(None, || (Moment::from_nanos(now), Duration::from_nanos(30)));
        (0..n).map(|_| take()).map(|(p, t)| (p, t.issued.map_or(0, Moment::nanos))).collect()
    }

    #[test]
    fn foreground_goes_first_and_background_last() {
        let ready = Ready::new();
        ready.put(Priority::Background, ticket(1));
        ready.put(Priority::Normal, ticket(2));
        ready.put(Priority::Foreground, ticket(3));
        let got: Vec<_> = order(&ready, 3, 10).into_iter().map(|(_, at)| at).collect();
        assert_eq!(got, [3, 2, 1]);
    }

    #[test]
    fn p8_who_takes_handfuls_and_who_does_not_both_find_what_others_have_in_hand() {
        let ready = Ready::new();
        (0..8).for_each(|at| ready.put(Priority::Normal, ticket(at)));
        let take = |grasp: Option<Grasp>| {
            let (_, ticket) = ready.take(grasp, || (Moment::START, Duration::ZERO));
            ticket.issued.map(Moment::nanos)
        };
        let hand = |hand| Some(Grasp { hand, most: 4 });
        assert_eq!([hand(0), hand(1), hand(0)].map(take), [0, 4, 1].map(Some));
        assert_eq!([None; 2].map(take), [2, 3].map(Some), "the oldest first");
        assert_eq!([hand(0); 3].map(take), [5, 6, 7].map(Some), "another's: there is nothing else");
        ready.put(Priority::Normal, ticket(8));
        ready.put(Priority::Foreground, ticket(9));
        assert_eq!([hand(0); 2].map(take), [9, 8].map(Some));
    }

    #[test]
    fn p8_a_hand_that_is_kept_is_emptied_by_others_although_the_channel_never_is() {
        let (ready, new) = (Ready::new(), 4..);
        (0..4).for_each(|at| ready.put(Priority::Normal, ticket(at)));
        let take = |hand| {
            let grasp = Some(Grasp { hand, most: 4 });
            let (_, ticket) = ready.take(grasp, || (Moment::START, Duration::ZERO));
            ticket.issued.map_or(0, Moment::nanos)
        };
        assert_eq!(take(0), 0, "the others are in its hand");
        let taken = new.map(|at| {
            ready.put(Priority::Normal, ticket(at));
            take(1)
        });
        // Of 64 hands at most: two handfuls for each.
        let old: Vec<_> = taken.take(2 * 64 * 4 + 4).filter(|at| *at < 4).collect();
        assert_eq!(old, [1, 2, 3]);
    }

    #[test]
    fn a_background_ticket_that_has_waited_goes_before_normal_but_not_before_foreground() {
        let ready = Ready::new();
        ready.put(Priority::Background, ticket(1));
        ready.put(Priority::Background, ticket(20));
        ready.put(Priority::Normal, ticket(2));
        ready.put(Priority::Foreground, ticket(3));
        let got: Vec<_> = order(&ready, 4, 31).into_iter().map(|(_, at)| at).collect();
        assert_eq!(got, [3, 1, 2, 20]);
    }
}
