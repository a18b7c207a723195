//! The quiet window of mode collect: it holds back the newest messages of a busy session, so that
//! a burst becomes one run.

use std::time::Duration;

use crate::config::Queue;
use crate::time::Moment;

/// An open window. It holds its own messages only: those from `first` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Low half of the admission number of its first message.
    pub(crate) first: u32,
    kind: Kind,
    /// Its own quiet time, if it is not the general one.
    own: Option<Duration>,
    opened: Moment,
    latest: Moment,
    messages: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Beside a run, for messages of mode collect.
    Collect,
    /// Before the first run, for one person's plain text.
    Leading,
}

/// The longest a window lasts in quiet times, unless `max_wait` says otherwise.
const QUIET_MAX: u32 = 5;

/// What a message did to the window.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    Open,
    /// It is full: `max_batch` messages.
    Full,
}

impl Window {
    /// Opened by its first message; nothing to open if there is no time to be quiet in.
    pub(crate) fn open(
        first: u32,
        now: Moment,
        own: Option<Duration>,
        queue: &Queue,
    ) -> Option<Self> {
        let window = Self::new(first, now, Kind::Collect, own);
        (window.closes(queue) > now && queue.max_batch > 1).then_some(window)
    }

    /// The leading one, opened from Idle.
    pub(crate) fn leading(
        first: u32,
        now: Moment,
        debounce: Duration,
        queue: &Queue,
    ) -> Option<Self> {
        let window = Self::new(first, now, Kind::Leading, Some(debounce));
        (debounce > Duration::ZERO && queue.max_batch > 1).then_some(window)
    }

    fn new(first: u32, now: Moment, kind: Kind, own: Option<Duration>) -> Self {
        Self { first, kind, own, opened: now, latest: now, messages: 1 }
    }

    pub(crate) fn is_leading(&self) -> bool {
        self.kind == Kind::Leading
    }

    /// One more message that merges with the others.
    pub(crate) fn join(&mut self, now: Moment, queue: &Queue) -> Joined {
        self.messages += 1;
        if queue.reset_on_new_message || self.is_leading() {
            self.latest = now;
        }
        if self.messages >= queue.max_batch { Joined::Full } else { Joined::Open }
    }

    /// When it closes by itself: after a quiet `debounce`, at the latest after `max_wait`.
    pub(crate) fn closes(&self, queue: &Queue) -> Moment {
        let quiet = self.own.unwrap_or(queue.debounce);
        let most = match (self.kind, queue.max_wait) {
            (Kind::Collect, Some(most)) => most,
            _ => quiet.saturating_mul(QUIET_MAX),
        };
        self.latest.plus(quiet).min(self.opened.plus(most))
    }

    /// Whether it holds the message with this number back.
    pub(crate) fn holds(&self, number: u32) -> bool {
        // Numbers wrap; the backlog is far shorter than half their range.
        number.wrapping_sub(self.first) < u32::MAX / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::START.plus(Duration::from_millis(ms))
    }

    #[test]
    fn each_message_restarts_the_window_up_to_max_wait() {
        let queue = Queue::default();
        let mut window = Window::open(1, at(0), None, &queue).expect("a second of quiet");
        assert_eq!(window.closes(&queue), at(1000));
        for ms in [900, 1800, 2700, 3600, 4500] {
            assert_eq!(window.join(at(ms), &queue), Joined::Open);
        }
        assert_eq!(window.closes(&queue), at(5000), "five times the debounce, not more");
    }

    #[test]
    fn without_reset_the_window_lasts_from_its_first_message() {
        let queue = Queue { reset_on_new_message: false, ..Queue::default() };
        let mut window = Window::open(1, at(0), None, &queue).expect("a second of quiet");
        assert_eq!(window.join(at(900), &queue), Joined::Open);
        assert_eq!(window.closes(&queue), at(1000));
    }

    #[test]
    fn max_batch_messages_fill_it_and_no_debounce_opens_none() {
        let queue = Queue { max_batch: 2, ..Queue::default() };
        let mut window = Window::open(1, at(0), None, &queue).expect("a second of quiet");
        assert_eq!(window.join(at(1), &queue), Joined::Full);
        let none = Queue { debounce: Duration::ZERO, ..Queue::default() };
        assert_eq!(Window::open(1, at(0), None, &none), None);
    }

    #[test]
    fn numbers_that_wrap_are_still_held() {
        let window = Window {
            first: u32::MAX,
            ..Window::open(1, at(0), None, &Queue::default()).expect("opens")
        };
        assert!(window.holds(u32::MAX) && window.holds(0) && !window.holds(u32::MAX - 1));
    }
}
