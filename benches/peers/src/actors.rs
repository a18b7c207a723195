//! ractor: an actor a key.

use ahash::RandomState;
use dashmap::DashMap;
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime};
use tokio::runtime::{Builder, Runtime};

use crate::{Queue, Task, WORKERS};

struct Key;

impl Actor for Key {
    type Msg = Task;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Task>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Task>,
        task: Task,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        task();
        Ok(())
    }
}

pub struct Actors {
    runtime: Runtime,
    keys: DashMap<Box<str>, ActorRef<Task>, RandomState>,
}

impl Queue for Actors {
    const ORDERED: bool = true;
    type Handle = ActorRef<Task>;

    fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_time().build();
        Self { runtime: runtime.expect("threads can be started"), keys: DashMap::default() }
    }

    fn handle(&self, _: &str) -> Self::Handle {
        let _inside = self.runtime.enter();
        ActorRuntime::spawn_instant(None, Key, ()).expect("it has no name that is taken").0
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, handle: &Self::Handle, task: F) {
        handle.send_message(Box::new(task)).expect("the actor lives");
    }

    fn submit_by_key<F: FnOnce() + Send + 'static>(&self, key: &str, task: F) {
        if let Some(handle) = self.keys.get(key) {
            return self.submit(&handle, task);
        }
        self.submit(&self.keys.entry(key.into()).or_insert_with(|| self.handle(key)), task);
    }
}
