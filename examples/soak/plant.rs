//! Bugs of this program's own: a check that has never failed is none.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bug {
    /// A receipt that never learns its fate.
    LostReceipt,
    /// A message that starts before an older one of its key.
    Order,
    /// Memory that nobody gives back.
    Leak,
    /// Two runs of a key at once.
    Double,
    /// A message that the engine counts twice.
    Ledger,
    /// A sentinel of the engine that does not read 0.
    Sentinel,
    /// Runs of all keys write to one place, which nothing orders: for `ThreadSanitizer`.
    Race,
    /// Memory that is read when it has been given back: for `AddressSanitizer`.
    Freed,
}

pub struct Plant {
    bug: Option<Bug>,
    asked: AtomicU64,
}

impl Plant {
    pub fn new(bug: Option<Bug>) -> Self {
        Self { bug, asked: AtomicU64::new(0) }
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Reads what is gone, where that is the planted bug.
    pub fn read_freed(&self) {
        if self.due(Bug::Freed) {
            // Through the box, so that the compiler leaves it where it is.
            let own = std::hint::black_box(Box::new(7_u64));
            let gone: *const u64 = &raw const *own;
            drop(own);
            // SAFETY: none. It is the bug.
            std::hint::black_box(unsafe { gone.read_volatile() });
        }
    }

    /// Every 500th time.
    pub fn due(&self, bug: Bug) -> bool {
        self.has(bug) && self.asked.fetch_add(1, Relaxed) % 500 == 499
    }
}
