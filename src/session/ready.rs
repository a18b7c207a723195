//! The ready channels of a lane: which session goes next.

use std::time::Duration;

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
    background: (Sender<Ticket<C>>, Receiver<Ticket<C>>),
    /// The background ticket that is looked at to see its age. Touched only while there is one.
    head: Mutex<Option<Ticket<C>>>,
    /// Background tickets, the head included.
    in_background: AtomicU32,
}

impl<C> Ready<C> {
    pub(super) fn new() -> Self {
        Self {
            foreground: unbounded(),
            normal: unbounded(),
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
    fn try_take(&self, ageing: impl Fn() -> (Moment, Duration)) -> Option<(Priority, Ticket<C>)> {
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
        if let Ok(ticket) = self.normal.1.try_recv() {
            return Some((Priority::Normal, ticket));
        }
        let ticket = if background { self.take_background(None) } else { None };
        ticket.map(|ticket| (Priority::Background, ticket))
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

    /// How many tickets of this priority wait, as far as anybody can say.
    pub(super) fn len(&self, priority: Priority) -> usize {
        match priority {
            Priority::Foreground => self.foreground.1.len(),
            Priority::Normal => self.normal.1.len(),
            Priority::Background => self.in_background.load(Ordering::SeqCst) as usize,
        }
    }

    /// The oldest ticket of this priority.
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
    pub(crate) fn take(&self, ageing: impl Fn() -> (Moment, Duration)) -> (Priority, Ticket<C>) {
        loop {
            if let Some(taken) = self.try_take(&ageing) {
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
        let take = || ready.take(|| (Moment::from_nanos(now), Duration::from_nanos(30)));
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
