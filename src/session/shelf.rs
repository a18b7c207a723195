//! Messages of one place other than the backlog, in order of admission.

use std::collections::VecDeque;

use super::cell::Cell;
use super::standing::Place;
use crate::sync::Arc;

/// Messages of one place other than the backlog: interrupts, promoted steers, the inbox.
pub(crate) struct Shelf {
    cells: VecDeque<Arc<Cell>>,
    live: u32,
    place: Place,
}

impl Shelf {
    pub(crate) fn new(place: Place) -> Self {
        Self { cells: VecDeque::new(), live: 0, place }
    }

    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// Puts a message at its place in the order of admission: nearly always the end.
    pub(crate) fn insert(&mut self, cell: Arc<Cell>) {
        cell.standing.put(self.place);
        self.live += 1;
        let number = cell.standing.number();
        let later = self.cells.iter().rev().take_while(|c| c.standing.number() > number).count();
        self.cells.insert(self.cells.len() - later, cell);
    }

    /// One message has been given up; its place says so already.
    pub(crate) fn forget(&mut self) {
        self.live -= 1;
        if self.cells.len() > 16 && (self.live as usize) * 2 < self.cells.len() {
            let place = self.place;
            self.cells.retain(|cell| cell.standing.place() == place);
        }
    }

    pub(crate) fn front(&mut self) -> Option<&Arc<Cell>> {
        while self.cells.front().is_some_and(|c| c.standing.place() != self.place) {
            self.cells.pop_front();
        }
        self.cells.front()
    }

    pub(crate) fn pop(&mut self) -> Option<Arc<Cell>> {
        self.front()?;
        self.live -= 1;
        self.cells.pop_front()
    }

    /// Takes everything out, oldest first.
    pub(crate) fn take_all(&mut self) -> Vec<Arc<Cell>> {
        let place = self.place;
        self.live = 0;
        let all = std::mem::take(&mut self.cells);
        all.into_iter().filter(|cell| cell.standing.place() == place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LaneId, Message};
    use crate::time::Moment;

    fn message(number: u64) -> Arc<Cell> {
        let cell = Arc::new(Cell::new(Message::new("k", "x"), 1, LaneId(0)));
        cell.standing.admit(number, Moment::START);
        cell
    }

    #[test]
    fn a_shelf_keeps_the_order_of_admission_whatever_the_order_of_insertion() {
        let mut shelf = Shelf::new(Place::Promoted);
        [3, 1, 2].into_iter().for_each(|n| shelf.insert(message(n)));
        let order: Vec<_> = shelf.take_all().iter().map(|c| c.standing.number()).collect();
        assert_eq!(order, [1, 2, 3]);
    }
}
