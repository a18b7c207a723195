//! Tokio: a channel and a task a key, and a mutex a key.

use std::sync::Arc;

use ahash::RandomState;
use dashmap::DashMap;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{Queue, Task, WORKERS};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(WORKERS).build().expect("threads can be started")
}

pub struct Channels {
    runtime: Runtime,
    keys: DashMap<Box<str>, UnboundedSender<Task>, RandomState>,
}

impl Queue for Channels {
    const ORDERED: bool = true;
    type Handle = UnboundedSender<Task>;

    fn new() -> Self {
        Self { runtime: runtime(), keys: DashMap::default() }
    }

    fn handle(&self, _: &str) -> Self::Handle {
        let (sender, mut receiver) = unbounded_channel::<Task>();
        self.runtime.spawn(async move {
            while let Some(task) = receiver.recv().await {
                task();
            }
        });
        sender
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, handle: &Self::Handle, task: F) {
        handle.send(Box::new(task)).expect("its task receives");
    }

    fn submit_by_key<F: FnOnce() + Send + 'static>(&self, key: &str, task: F) {
        if let Some(handle) = self.keys.get(key) {
            return self.submit(&handle, task);
        }
        self.submit(&self.keys.entry(key.into()).or_insert_with(|| self.handle(key)), task);
    }
}

/// A spawned task for each, which takes its key's lock first. No order is promised.
pub struct Mutexes {
    runtime: Runtime,
    keys: DashMap<Box<str>, Arc<Mutex<()>>, RandomState>,
}

impl Queue for Mutexes {
    const ORDERED: bool = false;
    type Handle = Arc<Mutex<()>>;

    fn new() -> Self {
        Self { runtime: runtime(), keys: DashMap::default() }
    }

    fn handle(&self, _: &str) -> Self::Handle {
        Arc::default()
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, handle: &Self::Handle, task: F) {
        let lock = Arc::clone(handle);
        self.runtime.spawn(async move {
            let _alone = lock.lock().await;
            task();
        });
    }

    fn submit_by_key<F: FnOnce() + Send + 'static>(&self, key: &str, task: F) {
        let known = self.keys.get(key).map(|lock| Arc::clone(&lock));
        let lock = known.unwrap_or_else(|| Arc::clone(&self.keys.entry(key.into()).or_default()));
        self.submit(&lock, task);
    }
}
