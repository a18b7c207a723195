//! The body of every task, the same as of `laneq bench`: the order of its key, and a count.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

#[derive(Default)]
#[repr(align(64))]
struct Place {
    next: AtomicU32,
    count: AtomicU32,
}

pub struct Meter {
    places: Vec<Place>,
    each: u32,
    left: AtomicU32,
    violations: AtomicU64,
    done: Mutex<bool>,
    changed: Condvar,
}

impl Meter {
    pub fn new(keys: u32, each: u32) -> &'static Self {
        Box::leak(Box::new(Self {
            places: (0..keys).map(|_| Place::default()).collect(),
            each,
            left: AtomicU32::new(keys),
            violations: AtomicU64::new(0),
            done: Mutex::new(false),
            changed: Condvar::new(),
        }))
    }

    #[inline]
    pub fn ran(&self, key: u32, number: u32) {
        let place = &self.places[key as usize];
        if place.next.load(Ordering::Relaxed) != number {
            self.violations.fetch_add(1, Ordering::Relaxed);
        }
        place.next.store(number + 1, Ordering::Relaxed);
        let count = place.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count == self.each && self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.done.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.changed.notify_all();
        }
    }

    /// Blocks until all have run; answers how many ran out of order.
    pub fn wait(&self) -> u64 {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        while !*done {
            done = self.changed.wait(done).unwrap_or_else(PoisonError::into_inner);
        }
        self.violations.load(Ordering::Relaxed)
    }
}
