//! A message whose body is code: fired, or with a receipt.

use std::time::Instant;

use super::Run;
use super::receipt::Pending;
use super::slot::{self, Slot};
use crate::model::{Fate, MessageId, Settled};
use crate::session::{Code, Kept, Standing, Telling, Watch, Watched};
use crate::sync::{Arc, caught};

/// The work of a session's closures: code that was fired, and that nobody can ask for any more,
/// or a task, one allocation that the session and the receipt share.
pub(crate) struct Closure(Slot<Run, Arc<dyn Task>>);

impl Closure {
    #[inline]
    pub(crate) fn fired(code: impl FnOnce(&Run) + Send + 'static) -> Self {
        Self(Slot::code(code))
    }

    pub(crate) fn task(task: Arc<dyn Task>) -> Self {
        Self(Slot::shared(task))
    }

    /// The task, if it has a receipt.
    #[inline]
    pub(crate) fn as_task(&self) -> Option<&Arc<dyn Task>> {
        self.0.as_shared()
    }

    /// The task, if it has a receipt.
    #[inline]
    pub(crate) fn into_task(self) -> Option<Arc<dyn Task>> {
        self.0.into_shared().ok()
    }

    /// Calls code that was fired.
    #[inline]
    pub(crate) fn call(self, run: &Run) {
        self.0.call(run);
    }
}

/// A closure with a receipt, whatever its result.
pub(crate) trait Task: Kept<Closure> {
    /// Calls the host's code, once.
    fn call(&self, run: &Run);
    /// Its fate, with the value if it ran to its end. Drops the host's code if it did not.
    fn tell(&self, told: Settled<()>);
}

impl Code for Closure {
    #[inline]
    fn standing(&self) -> Option<&Standing> {
        self.as_task().map(|task| task.standing())
    }

    #[inline]
    fn keep(&self) -> Option<Arc<dyn Kept<Self>>> {
        self.as_task().map(|task| Arc::clone(task) as Arc<_>)
    }

    fn tell(self, told: Settled<()>) {
        if let Some(task) = self.as_task() {
            task.tell(told);
        }
        // P7: whichever part of the host is left goes here, with no lock held.
        caught::let_go(self);
    }

    #[inline]
    fn prefetch<T>(place: *const T) {
        slot::prefetch(place);
    }
}

/// Host code with a result, on its way: closure, value, fate and waiters in one allocation of at
/// most 120 bytes, as a message's, if the closure captures at most 32 and its value has at most 24.
pub(crate) struct Job<F, T> {
    standing: Standing,
    telling: Telling<T, F>,
    pub(crate) serial: u64,
}

impl<F, T> Job<F, T> {
    pub(crate) fn new(code: F, serial: u64) -> Self {
        Self { standing: Standing::default(), telling: Telling::of(code), serial }
    }
}

impl<F, T> Kept<Closure> for Job<F, T>
where
    F: FnOnce(&Run) -> T + Send + 'static,
    T: Clone + Send + 'static,
{
    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn back(self: Arc<Self>) -> Closure {
        Closure::task(self)
    }
}

impl<F, T> Task for Job<F, T>
where
    F: FnOnce(&Run) -> T + Send + 'static,
    T: Clone + Send + 'static,
{
    fn call(&self, run: &Run) {
        if let Some(code) = self.telling.take_code() {
            self.telling.put_value(code(run));
        }
    }

    fn tell(&self, mut told: Settled<()>) {
        // P7: the host's code goes with no lock held, and before anybody hears of its fate.
        while let Err((code, fate)) = self.telling.tell_value(told) {
            caught::let_go(code);
            told = fate;
        }
    }
}

impl<F, T> Pending<T> for Job<F, T>
where
    F: FnOnce(&Run) -> T + Send + 'static,
    T: Clone + Send + 'static,
{
    fn settled(&self) -> Option<Settled<T>> {
        self.telling.get()
    }

    fn wait(&self, until: Option<Instant>) -> Option<Settled<T>> {
        self.telling.wait(until)
    }

    fn id(&self) -> MessageId {
        MessageId::made(self.serial, self.standing.number())
    }

    fn serial(&self) -> u64 {
        self.serial
    }

    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn withdrawn(&self) {
        let fate = Fate::Withdrawn;
        let none =
            Settled { fate, run: None, outcome: None, reply: None, lead: false, error: None };
        self.tell(none);
    }
}

impl<F, T> Watched for Job<F, T>
where
    F: FnOnce(&Run) -> T + Send + 'static,
    T: Clone + Send + 'static,
{
    fn watch(&self, watcher: Arc<dyn Watch>) {
        self.telling.watch(watcher);
    }

    fn unwatch(&self, watcher: &dyn Watch) {
        self.telling.unwatch(watcher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F: FnOnce(&Run) -> T, T>(_: F) -> usize {
        size_of::<Job<F, T>>()
    }

    /// With the two counts of its `Arc`. What fits 120 bytes goes around the lock of glibc's arena.
    #[test]
    fn a_task_of_32_bytes_is_a_small_allocation() {
        let captures = [1_u64, 2, 3, 4];
        let number = size(move |_: &Run| captures[0]);
        let text = size(move |_: &Run| captures[0].to_string());
        assert!(number.max(text) + 2 * size_of::<usize>() <= 120, "{number} {text}");
    }
}
