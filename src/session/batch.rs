//! The messages that one run consumes.

use super::cell::{Cell, Place};
use super::overflow::Lines;
use crate::model::MessageId;
use crate::sync::{Arc, OnceLock};

/// What a message run works on. Formed at claim, frozen until its last attempt has ended.
pub(crate) struct Batch {
    pub(crate) cells: Cells,
    /// Lines about messages that were dropped before it.
    pub(crate) summary: Option<Lines>,
    /// Made once, when anybody asks.
    ids: OnceLock<Arc<[MessageId]>>,
}

/// One message without a buffer of its own, or several.
pub(crate) enum Cells {
    One(Arc<Cell>),
    Many(Vec<Arc<Cell>>),
}

impl Cells {
    pub(crate) fn as_slice(&self) -> &[Arc<Cell>] {
        match self {
            Self::One(cell) => std::slice::from_ref(cell),
            Self::Many(cells) => cells,
        }
    }

    pub(crate) fn push(&mut self, cell: Arc<Cell>) {
        match self {
            Self::One(first) => *self = Self::Many(vec![Arc::clone(first), cell]),
            Self::Many(cells) => cells.push(cell),
        }
    }
}

impl Batch {
    pub(crate) fn new(cells: Cells, summary: Option<Lines>) -> Self {
        let batch = Self { cells, summary, ids: OnceLock::new() };
        batch.iter().for_each(|cell| cell.standing.put(Place::Started));
        batch
    }

    pub(crate) fn as_slice(&self) -> &[Arc<Cell>] {
        self.cells.as_slice()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Arc<Cell>> {
        self.as_slice().iter()
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.as_slice().len()).unwrap_or(u32::MAX)
    }

    /// The first message: lane, authority and route are those of all.
    pub(crate) fn first(&self) -> &Arc<Cell> {
        &self.as_slice()[0]
    }

    pub(crate) fn last(&self) -> &Arc<Cell> {
        &self.as_slice()[self.as_slice().len() - 1]
    }

    pub(crate) fn ids(&self) -> Arc<[MessageId]> {
        Arc::clone(self.ids.get_or_init(|| self.iter().map(|cell| cell.id()).collect()))
    }

    pub(crate) fn summary_of(&self) -> u32 {
        self.summary.as_ref().map_or(0, |lines| lines.count)
    }
}
