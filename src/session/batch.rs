//! The messages that one run consumes.

use super::cell::Cell;
use super::overflow::Lines;
use super::standing::Place;
use crate::model::MessageId;
use crate::sync::{Arc, OnceLock};

/// What a message run works on. Formed at claim, frozen until its last attempt has ended. Shared:
/// a clone is the same batch.
#[derive(Clone)]
pub(crate) enum Batch {
    /// One message, and nothing was dropped before it: nearly always, and nothing to allocate.
    One(Arc<Cell>),
    Whole(Arc<Whole>),
}

/// Several messages, or one with lines.
pub(crate) struct Whole {
    cells: Vec<Arc<Cell>>,
    /// Lines about messages that were dropped before it.
    summary: Option<Lines>,
    /// Made once, when anybody asks.
    ids: OnceLock<Arc<[MessageId]>>,
}

/// The messages of a batch to be: at least one.
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
        cells.as_slice().iter().for_each(|cell| cell.standing.put(Place::Started));
        let cells = match (cells, &summary) {
            (Cells::One(cell), None) => return Self::One(cell),
            (Cells::One(cell), Some(_)) => vec![cell],
            (Cells::Many(cells), _) => cells,
        };
        Self::Whole(Arc::new(Whole { cells, summary, ids: OnceLock::new() }))
    }

    /// Leaves its messages' memory to others, as far as nobody else has it.
    pub(crate) fn leave(self) {
        match self {
            Self::One(cell) => cell.leave(),
            Self::Whole(whole) => {
                let cells = Arc::into_inner(whole).map(|whole| whole.cells);
                cells.into_iter().flatten().for_each(Cell::leave);
            }
        }
    }

    pub(crate) fn as_slice(&self) -> &[Arc<Cell>] {
        match self {
            Self::One(cell) => std::slice::from_ref(cell),
            Self::Whole(whole) => &whole.cells,
        }
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
        let ids = || self.iter().map(|cell| cell.id()).collect();
        match self {
            Self::One(_) => ids(),
            Self::Whole(whole) => Arc::clone(whole.ids.get_or_init(ids)),
        }
    }

    /// Lines about messages that were dropped before it.
    pub(crate) fn summary(&self) -> Option<&Lines> {
        match self {
            Self::One(_) => None,
            Self::Whole(whole) => whole.summary.as_ref(),
        }
    }

    pub(crate) fn summary_of(&self) -> u32 {
        self.summary().map_or(0, |lines| lines.count)
    }
}
