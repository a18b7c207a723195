//! All that waits in a session, taken out at once.

use std::collections::VecDeque;

use super::entry::{Code, Entry, Item};

/// In order of admission, in the buffer in which it waited: as much memory once more, for a hundred
/// thousand of them, would have to be touched for the first time.
pub(crate) struct Waiting<C> {
    first: Option<Entry<C>>,
    rest: VecDeque<Entry<C>>,
}

impl<C: Code> Waiting<C> {
    /// One is asked for while so many before it are dealt with.
    const AHEAD: usize = 8;

    pub(super) fn new(first: Option<Entry<C>>, rest: VecDeque<Entry<C>>) -> Self {
        Self { first, rest }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }

    pub(super) fn retain(&mut self, stays: impl Fn(&Entry<C>) -> bool) {
        self.first.take_if(|first| !stays(first));
        self.rest.retain(stays);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<C>> {
        let mut soon = self.rest.iter().skip(Self::AHEAD);
        let ask = move |_: &&Entry<C>| soon.next().map_or((), |entry| entry.item.ask());
        self.first.iter().chain(&self.rest).inspect(ask)
    }

    pub(crate) fn into_items(self) -> impl Iterator<Item = Item<C>> {
        let Self { first, mut rest } = self;
        let next = move || {
            if let Some(soon) = rest.get(Self::AHEAD) {
                soon.item.ask();
            }
            rest.pop_front()
        };
        first.into_iter().chain(std::iter::from_fn(next)).map(|entry| entry.item)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Joins;
    use super::*;
    use crate::model::{LaneId, Priority};

    fn waiting(numbers: std::ops::Range<u64>) -> Waiting<u64> {
        let entry = |n: u64| {
            let item = Item::Closure(n);
            Entry::new(item, 0, LaneId(0), Priority::Normal, Joins::Nobody)
        };
        let mut all = numbers.map(entry);
        Waiting::new(all.next(), all.collect())
    }

    #[test]
    fn it_comes_out_in_order_and_whole() {
        let number = |item: &Item<u64>| match item {
            Item::Closure(n) => *n,
            Item::Message(_) => unreachable!("these are closures"),
        };
        for n in [0, 1, 2, 8, 9, 100] {
            let mut all = waiting(0..n);
            assert_eq!(all.is_empty(), n == 0);
            assert!(all.iter().map(|entry| number(&entry.item)).eq(0..n));
            all.retain(|entry| number(&entry.item) % 3 > 0);
            let stay = (0..n).filter(|n| n % 3 > 0);
            assert!(all.into_items().map(|item| number(&item)).eq(stay));
        }
    }
}
