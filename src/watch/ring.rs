//! A bounded ring of events that a host polls, or waits at.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Observer, Record};
use crate::sync::oneshot::deadline;
use crate::sync::{Arc, Condvar, Mutex, Weak};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Going,
    Ended,
}

struct State {
    records: VecDeque<Record>,
    lost: u64,
    life: Life,
}

struct Inner {
    cap: usize,
    /// Written by the events thread and by readers; a leaf.
    state: Mutex<State>,
    changed: Condvar,
}

/// The newest events; what a slow reader has missed is counted. Cheap to clone; once the last
/// clone is gone, nothing is kept any more.
#[derive(Clone)]
pub struct Ring(Arc<Inner>);

/// Why there is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The time is over.
    TimedOut,
    /// The engine is closed: none will come.
    Ended,
}

/// The ring's end at the engine, which does not keep it.
struct Ear {
    ring: Weak<Inner>,
    texts: bool,
}

impl Ring {
    pub(crate) fn new(cap: usize) -> Self {
        let state = State { records: VecDeque::new(), lost: 0, life: Life::Going };
        Self(Arc::new(Inner { cap, state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// What puts the events into it.
    pub(crate) fn ear(&self, texts: bool) -> Arc<dyn Observer> {
        Arc::new(Ear { ring: Arc::downgrade(&self.0), texts })
    }

    /// The oldest event that is still there. Never blocks.
    #[must_use]
    pub fn poll(&self) -> Option<Record> {
        self.0.state.lock().records.pop_front()
    }

    /// The oldest event that is still there; blocks until there is one, at most for `timeout`.
    ///
    /// # Errors
    /// `TimedOut`; `Ended` once the engine is closed and every event has been read.
    pub fn next(&self, timeout: Duration) -> Result<Record, Silence> {
        let until = deadline(timeout);
        let mut state = self.0.state.lock();
        loop {
            if let Some(record) = state.records.pop_front() {
                return Ok(record);
            }
            if state.life == Life::Ended {
                return Err(Silence::Ended);
            }
            match until {
                None => self.0.changed.wait(&mut state),
                Some(at) if self.0.changed.wait_until(&mut state, at).timed_out() => {
                    return state.records.pop_front().ok_or(Silence::TimedOut);
                }
                Some(_) => {}
            }
        }
    }

    /// How many events were overwritten before anybody read them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.state.lock().lost
    }
}

impl Inner {
    fn keep(&self, record: &Record) {
        let evicted = {
            let mut state = self.state.lock();
            state.records.push_back(record.clone());
            if state.records.len() > self.cap {
                state.lost += 1;
                state.records.pop_front()
            } else {
                None
            }
        };
        self.changed.notify_one();
        drop(evicted);
    }
}

impl Observer for Ear {
    fn on_event(&self, record: &Record) {
        if let Some(ring) = self.ring.upgrade() {
            ring.keep(record);
        }
    }

    fn wants_text(&self) -> bool {
        self.texts
    }

    fn on_end(&self) {
        if let Some(ring) = self.ring.upgrade() {
            ring.state.lock().life = Life::Ended;
            ring.changed.notify_all();
        }
    }

    fn is_over(&self) -> bool {
        self.ring.strong_count() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::*;

    #[test]
    fn p9_the_ring_keeps_the_newest_and_counts_the_rest() {
        let ring = Ring::new(2);
        let ear = ring.ear(false);
        for seq in 1..=3 {
            ear.on_event(&Record { seq, at: Duration::ZERO, event: Event::EngineStarted });
        }
        assert_eq!(ring.lost(), 1);
        assert_eq!(ring.poll().map(|r| r.seq), Some(2));
    }

    #[test]
    fn a_ring_says_when_it_is_over_and_an_ear_when_nobody_listens() {
        let ring = Ring::new(2);
        let ear = ring.ear(false);
        assert!(ring.next(Duration::ZERO).is_err_and(|why| why == Silence::TimedOut));
        ear.on_event(&Record { seq: 1, at: Duration::ZERO, event: Event::EngineStarted });
        ear.on_end();
        assert!(ring.next(Duration::MAX).is_ok_and(|record| record.seq == 1));
        assert!(ring.next(Duration::MAX).is_err_and(|why| why == Silence::Ended));
        assert!(!ear.is_over());
        drop(ring);
        assert!(ear.is_over());
    }
}
