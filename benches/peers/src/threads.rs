//! Threads without an async runtime: a rayon pool with a mutex a key, and a channel a worker to
//! which keys are hashed.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use ahash::RandomState;
use dashmap::DashMap;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{Queue, Task, WORKERS};

/// A spawn for each, which takes its key's lock first. No order is promised.
pub struct Rayon {
    pool: ThreadPool,
    keys: DashMap<Box<str>, Arc<Mutex<()>>, RandomState>,
}

impl Queue for Rayon {
    const ORDERED: bool = false;
    type Handle = Arc<Mutex<()>>;

    fn new() -> Self {
        let pool = ThreadPoolBuilder::new().num_threads(WORKERS).build();
        Self { pool: pool.expect("threads can be started"), keys: DashMap::default() }
    }

    fn handle(&self, _: &str) -> Self::Handle {
        Arc::default()
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, handle: &Self::Handle, task: F) {
        let lock = Arc::clone(handle);
        self.pool.spawn(move || {
            let _alone = lock.lock().unwrap_or_else(PoisonError::into_inner);
            task();
        });
    }

    fn submit_by_key<F: FnOnce() + Send + 'static>(&self, key: &str, task: F) {
        let known = self.keys.get(key).map(|lock| Arc::clone(&lock));
        let lock = known.unwrap_or_else(|| Arc::clone(&self.keys.entry(key.into()).or_default()));
        self.submit(&lock, task);
    }
}

/// Keys share a worker and its channel: ordered, and a slow key holds up its neighbours.
pub struct Hashed {
    workers: [Sender<Task>; WORKERS],
    hash: RandomState,
}

impl Queue for Hashed {
    const ORDERED: bool = true;
    type Handle = Sender<Task>;

    fn new() -> Self {
        let workers = [(); WORKERS].map(|()| {
            let (sender, receiver) = channel::<Task>();
            thread::spawn(move || receiver.into_iter().for_each(|task| task()));
            sender
        });
        Self { workers, hash: RandomState::new() }
    }

    fn handle(&self, key: &str) -> Self::Handle {
        self.worker(key).clone()
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, handle: &Self::Handle, task: F) {
        handle.send(Box::new(task)).expect("its worker receives");
    }

    fn submit_by_key<F: FnOnce() + Send + 'static>(&self, key: &str, task: F) {
        self.submit(self.worker(key), task);
    }
}

impl Hashed {
    #[allow(clippy::cast_possible_truncation)]
    fn worker(&self, key: &str) -> &Sender<Task> {
        &self.workers[self.hash.hash_one(key) as usize % WORKERS]
    }
}
