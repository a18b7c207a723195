//! A bounded ring of events that a host polls.

use std::collections::VecDeque;

use super::{Observer, Record};
use crate::sync::{Arc, Mutex};

struct State {
    records: VecDeque<Record>,
    lost: u64,
}

struct Inner {
    cap: usize,
    /// Written by the events thread and by readers; a leaf.
    state: Mutex<State>,
}

/// The newest events; what a slow reader has missed is counted. Cheap to clone.
#[derive(Clone)]
pub struct Ring(Arc<Inner>);

impl Ring {
    pub(crate) fn new(cap: usize) -> Self {
        let state = State { records: VecDeque::new(), lost: 0 };
        Self(Arc::new(Inner { cap, state: Mutex::new(state) }))
    }

    /// The oldest event that is still there. Never blocks.
    #[must_use]
    pub fn poll(&self) -> Option<Record> {
        self.0.state.lock().records.pop_front()
    }

    /// How many events were overwritten before anybody read them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.state.lock().lost
    }
}

impl Observer for Ring {
    fn on_event(&self, record: &Record) {
        let evicted = {
            let mut state = self.0.state.lock();
            state.records.push_back(record.clone());
            if state.records.len() > self.0.cap {
                state.lost += 1;
                state.records.pop_front()
            } else {
                None
            }
        };
        drop(evicted);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Event;
    use super::*;

    #[test]
    fn p9_the_ring_keeps_the_newest_and_counts_the_rest() {
        let ring = Ring::new(2);
        for seq in 1..=3 {
            ring.on_event(&Record { seq, at: Duration::ZERO, event: Event::EngineStarted });
        }
        assert_eq!(ring.lost(), 1);
        assert_eq!(ring.poll().map(|r| r.seq), Some(2));
    }
}
