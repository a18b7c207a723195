//! What most sessions never need.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::Knobs;
use crate::session::cell::Cell;
use crate::session::live::{Companions, Retry};
use crate::session::overflow::Overflow;
use crate::session::shelf::Shelf;
use crate::session::standing::Place;
use crate::session::window::Window;
use crate::sync::Arc;
use crate::time::Moment;

/// What most sessions never need; made on first use, gone at rest.
pub(super) struct Extra {
    /// Rank 0.
    pub(super) urgent: Shelf,
    /// Rank 1.
    pub(super) promoted: Shelf,
    pub(super) inbox: Shelf,
    pub(super) window: Option<Window>,
    pub(super) retry: Option<Retry>,
    pub(super) overflow: Overflow,
    /// What a journal knows of the lines: how many messages had given way, how many had lines.
    pub(super) lines_kept: (u64, u32),
    pub(super) run: Companions,
    /// Messages with a `ttl`, earliest first; those that have started stay until swept.
    pub(super) expiries: BinaryHeap<Reverse<Expiry>>,
    /// How many were left when they were last swept.
    pub(super) expiries_kept: usize,
    /// The session's own knobs (`/queue`).
    pub(super) own: Option<Box<Knobs>>,
    /// Messages with a smaller number were stopped: a restore withdraws them.
    pub(super) stopped_below: u64,
    /// Messages with a smaller number were the host's again at the end of the engine: a restore
    /// returns them.
    pub(super) returned_below: u64,
    pub(super) guards: u64,
}

impl Default for Extra {
    fn default() -> Self {
        Self {
            urgent: Shelf::new(Place::Urgent),
            promoted: Shelf::new(Place::Promoted),
            inbox: Shelf::new(Place::Inbox),
            window: None,
            retry: None,
            overflow: Overflow::default(),
            lines_kept: (0, 0),
            run: Companions::default(),
            expiries: BinaryHeap::new(),
            expiries_kept: 0,
            own: None,
            stopped_below: 0,
            returned_below: 0,
            guards: 0,
        }
    }
}

/// A message that may not wait for ever.
pub(super) struct Expiry(pub(super) Moment, pub(super) Arc<Cell>);

impl PartialEq for Expiry {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Expiry {}
impl PartialOrd for Expiry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Expiry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
