//! What the threads of one life share: all but the engine, whose handlers hold it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use laneq::RunId;

use crate::books::Books;
use crate::keys::Keys;
use crate::plant::Plant;

pub struct Floor {
    /// Numbers messages of this life above those of the lives before.
    pub life: u64,
    pub seed: u64,
    pub own_keys: usize,
    pub keys: Keys,
    pub books: Books,
    pub plant: Plant,
    pub patience: Duration,
    pub durable: bool,
    over: AtomicBool,
    closed: AtomicBool,
    stuck: Mutex<Vec<Stuck>>,
}

/// A handler that ignores its stop.
pub struct Stuck {
    pub run: RunId,
    pub key: String,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Stuck {
    pub fn let_go(&self) {
        *self.gate.0.lock().expect("no panic under it") = true;
        self.gate.1.notify_all();
    }
}

/// Keys of one thread that submits: their order of admission is the order of its calls.
pub const OWN: usize = 32;
/// Keys of children, which anybody's runs spawn.
pub const CHILDREN: usize = 16;
const STUCK_MAX: usize = 8;

impl Floor {
    pub fn new(life: u64, seed: u64, threads: usize, plant: Plant, patience: Duration) -> Self {
        let own_keys = threads * OWN;
        Self {
            life,
            seed,
            own_keys,
            keys: Keys::new(own_keys + CHILDREN),
            books: Books::default(),
            plant,
            patience,
            durable: false,
            over: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            stuck: Mutex::default(),
        }
    }

    /// Nothing new is submitted any more.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Blocks whoever calls until somebody lets it go; at once if many are stuck already.
    pub fn stick(&self, run: RunId, key: &str) {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        {
            let mut stuck = self.stuck.lock().expect("no panic under it");
            if stuck.len() >= STUCK_MAX {
                return;
            }
            stuck.push(Stuck { run, key: key.to_owned(), gate: Arc::clone(&gate) });
        }
        let open = gate.0.lock().expect("no panic under it");
        let shut = |open: &mut bool| !*open;
        let _ = gate.1.wait_timeout_while(open, self.patience, shut).expect("no panic under it");
    }

    pub fn take_stuck(&self) -> Vec<Stuck> {
        std::mem::take(&mut *self.stuck.lock().expect("no panic under it"))
    }
}
