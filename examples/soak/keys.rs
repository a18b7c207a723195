//! P1 and P2 as the runs of each key see them, without asking the engine.
//!
//! Nothing here orders two runs of a key: no lock, and atomics are `Relaxed`. So `plain`, which
//! every run of a key writes without any care, is a data race unless the *engine* orders them, and
//! `ThreadSanitizer` would say so.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::plant::{Bug, Plant};

/// What is not in here waits its turn (rank 1: steers left over).
#[derive(Clone, Copy)]
pub enum Rank {
    Interrupt = 0,
    Turn = 1,
}

/// A number that the runs of one key write, one after the other.
#[derive(Default)]
struct Plain(UnsafeCell<u64>);

// SAFETY: at most one run of a key is live (P1), and each sees what the one before has written:
// just that is on trial here.
unsafe impl Sync for Plain {}

impl Plain {
    fn count(&self) {
        // SAFETY: as above.
        unsafe { *self.0.get() += 1 }
    }

    /// Once no run is live any more.
    fn read(&self) -> u64 {
        // SAFETY: the engine is closed.
        unsafe { *self.0.get() }
    }
}

#[derive(Default)]
struct Key {
    /// The run that is in its handler, or 0.
    live: AtomicU64,
    /// The newest message of each rank that has started.
    started: [AtomicU64; 2],
    /// Runs that came, counted with care and without.
    entered: AtomicU64,
    plain: Plain,
}

pub struct Keys {
    keys: Vec<Key>,
    /// P2, P1 and P6, broken so often: all must be 0.
    pub order: AtomicU64,
    pub double: AtomicU64,
    pub calls: AtomicU64,
}

/// A run in its handler; dropped when it leaves.
pub struct Stay<'a> {
    key: Option<&'a Key>,
    run: u64,
}

impl Keys {
    pub fn new(count: usize) -> Self {
        let keys = (0..count).map(|_| Key::default()).collect();
        let none = AtomicU64::default;
        Self { keys, order: none(), double: none(), calls: none() }
    }

    pub fn name(index: usize) -> String {
        format!("k{index}")
    }

    fn find(&self, name: &str) -> Option<&Key> {
        self.keys.get(name.strip_prefix('k')?.parse::<usize>().ok()?)
    }

    /// A run of this key begins, with messages that start for the first time.
    pub fn enter(
        &self,
        name: &str,
        run: u64,
        first: impl Iterator<Item = (Rank, u64)>,
        plant: &Plant,
    ) -> Stay<'_> {
        let Some(key) = self.find(name) else { return Stay { key: None, run } };
        plant.read_freed();
        if plant.due(Bug::Double) {
            key.live.store(u64::MAX, Relaxed);
        }
        if key.live.swap(run, Relaxed) != 0 {
            self.double.fetch_add(1, Relaxed);
        }
        key.entered.fetch_add(1, Relaxed);
        if plant.has(Bug::Race) { &self.keys[0] } else { key }.plain.count();
        for (rank, seq) in first {
            let newest = &key.started[rank as usize];
            if plant.due(Bug::Order) {
                newest.store(seq, Relaxed);
            }
            if newest.load(Relaxed) >= seq {
                self.order.fetch_add(1, Relaxed);
            }
            newest.store(seq, Relaxed);
        }
        Stay { key: Some(key), run }
    }

    /// This run is about to be abandoned: the next one of its key may come while it is here.
    pub fn forget(&self, name: &str, run: u64) {
        if let Some(key) = self.find(name) {
            let _ = key.live.compare_exchange(run, 0, Relaxed, Relaxed);
        }
    }

    /// Keys whose runs overwrote each other's counts. The engine is closed.
    pub fn torn(&self) -> usize {
        self.keys.iter().filter(|key| key.plain.read() != key.entered.load(Relaxed)).count()
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            // Another one's: this one was abandoned.
            let _ = key.live.compare_exchange(self.run, 0, Relaxed, Relaxed);
        }
    }
}
