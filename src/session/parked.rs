//! Parked messages that a journal keeps, until one that is made from them takes their place.

use std::collections::HashMap;

use super::cell::Cell;
use crate::model::{Message, Source, same_route};
use crate::sync::{Arc, Mutex};

/// A parked message, as far as the one that takes its place must know it.
pub(super) struct Parked {
    key: Arc<str>,
    id: Box<str>,
    source: Option<Source>,
    pub(super) number: u64,
    /// Its bytes in the file.
    pub(super) weight: u64,
}

impl Parked {
    pub(super) fn of(cell: &Cell, weight: u64) -> Self {
        let (message, id) = (&cell.message, cell.id().to_string().into());
        let (key, source) = (Arc::clone(&message.key), message.source().cloned());
        Self { key, id, source, number: cell.journaled(), weight }
    }
}

/// All of them, by id; the same id may stand for others in other sessions and on other routes.
/// P9: no more than the file has room for.
#[derive(Default)]
pub(super) struct ParkedAll {
    /// A leaf lock.
    by_id: Mutex<HashMap<Box<str>, Vec<Parked>>>,
}

impl ParkedAll {
    pub(super) fn put(&self, parked: Parked) {
        self.by_id.lock().entry(parked.id.clone()).or_default().push(parked);
    }

    /// Takes the one out that this message was made from.
    pub(super) fn take(&self, message: &Message) -> Option<Parked> {
        let id = message.requeued_from()?;
        let like = |parked: &Parked| {
            parked.key == message.key && same_route(parked.source.as_ref(), message.source())
        };
        let mut by_id = self.by_id.lock();
        let all = by_id.get_mut(id)?;
        let at = all.iter().position(like)?;
        let parked = all.swap_remove(at);
        if all.is_empty() {
            by_id.remove(id);
        }
        Some(parked)
    }
}
