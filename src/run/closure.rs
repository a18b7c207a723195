//! A message whose body is code: fired, or with a receipt.

use std::any::Any;
use std::time::Instant;

use super::Run;
use super::pending::Pending;
use super::slot::{self, Slot};
use crate::model::{Fate, MessageId, Settled};
use crate::session::{Code, Kept, Standing, Telling, Watch, Watched, ask_for_shared};
use crate::sync::magazines::{SMALL, magazines};
use crate::sync::{Arc, caught};

magazines! {
    /// Where closures with receipts were, whatever the type.
    static TASKS: Arc<dyn Any + Send + Sync>;
}

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
    /// The engine's part in it is over.
    fn leave(self: Arc<Self>);
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
        let _ = caught::call(|| self.into_task().map(Task::leave));
    }

    #[inline]
    fn prefetch<T>(place: *const T) {
        slot::prefetch(place);
    }

    #[inline]
    fn ask(&self) {
        if let Some(task) = self.as_task() {
            ask_for_shared::<Self, _>(task);
        }
    }
}

/// Host code with a result, on its way: closure, value, fate and waiters in one allocation of at
/// most 120 bytes, if the closure captures at most 32 and its value has at most 24.
pub(crate) struct Job<F, T> {
    standing: Standing,
    telling: Telling<T, F>,
    pub(crate) serial: u64,
}

impl<F, T> Job<F, T> {
    fn new(code: F, serial: u64) -> Self {
        Self { standing: Standing::default(), telling: Telling::of(code), serial }
    }
}

impl<F, T> Job<F, T>
where
    F: FnOnce(&Run) -> T + Send + 'static,
    T: Send + 'static,
{
    /// In the memory of one that is gone, if there is one of its type.
    pub(crate) fn made(code: F, serial: u64) -> Arc<Self> {
        let ahead = ask_for_shared::<Closure, _>;
        let emptied = Self::REUSED.then(|| TASKS.take(Arc::downcast::<Self>, ahead)).flatten();
        let Some(mut job) = emptied else {
            return Arc::new(Self::new(code, serial));
        };
        let emptied = Arc::get_mut(&mut job).expect("nobody has what is in a magazine");
        (emptied.standing, emptied.serial) = (Standing::default(), serial);
        emptied.telling.begin(code);
        job
    }

    /// Whether its memory is used again.
    const REUSED: bool = size_of::<Self>() + 2 * size_of::<usize>() <= SMALL;

    /// Leaves its memory to another, if nobody else has a part in it. P7: what is left of the
    /// host's is dropped here.
    fn recycle(mut self: Arc<Self>) {
        if let Some(job) = Arc::get_mut(&mut self).filter(|_| Self::REUSED) {
            job.telling.empty();
            TASKS.give(self);
        }
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

    fn leave(self: Arc<Self>) {
        if Arc::strong_count(&self) == 1 {
            self.recycle();
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

    fn leave(self: Arc<Self>) {
        self.recycle();
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
    use super::super::pending::Share;
    use super::*;
    use crate::sync::atomic::{AtomicU32, Ordering};

    fn size<F: FnOnce(&Run) -> T, T>(_: F) -> usize {
        size_of::<Job<F, T>>()
    }

    /// Counts its drops.
    #[derive(Clone)]
    struct Dropped(Arc<AtomicU32>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn done() -> Settled<()> {
        let (fate, run, outcome, error) = (Fate::Ran, None, None, None);
        Settled { fate, run, outcome, reply: None, lead: false, error }
    }

    /// A task with a share in it, and what its code has captured and will give.
    fn shared<T: Clone + Send + 'static>(
        code: impl FnOnce(&Run) -> T + Send + 'static,
    ) -> (Arc<dyn Task>, Share<T>) {
        let job = Job::made(code, 1);
        (Arc::clone(&job) as Arc<_>, Share::of(job))
    }

    fn place(task: &Arc<dyn Task>) -> *const () {
        Arc::as_ptr(task).cast()
    }

    #[test]
    fn p9_the_memory_of_a_task_is_used_again_once_nobody_has_a_part_in_it() {
        fn next(number: u64) -> (Arc<dyn Task>, Share<u64>) {
            shared(move |_: &Run| number)
        }
        let (task, share) = next(1);
        let other = share.clone();
        let was = place(&task);
        task.tell(done());
        task.leave();
        drop(share);
        let (between, _) = next(2);
        assert_ne!(place(&between), was, "a receipt has a part in it");
        drop(other);
        let (task, share) = next(3);
        assert_eq!(place(&task), was, "the last of its receipts has left");
        assert!(share.settled().is_none(), "it begins anew");
        drop(share);
        task.leave();
        let (task, _share) = next(4);
        assert_eq!(place(&task), was, "the engine was the last to leave");
    }

    #[test]
    fn p7_an_emptied_task_keeps_nothing_of_the_hosts() {
        let drops = Arc::default();
        let (code, value) = (Dropped(Arc::clone(&drops)), Dropped(Arc::clone(&drops)));
        let job = Job::made(move |_: &Run| drop(code), 1);
        job.telling.put_value(());
        drop(Share::of(job));
        assert_eq!(drops.load(Ordering::Relaxed), 1, "code that was not called");
        let job = Job::made(move |_: &Run| value.clone(), 1);
        let code = job.telling.take_code();
        job.telling.put_value(Dropped(Arc::clone(&drops)));
        assert!(job.telling.tell_value(done()).is_ok());
        drop((code, Share::of(job)));
        assert_eq!(drops.load(Ordering::Relaxed), 3, "its value, and the code that was called");
    }

    #[test]
    fn p9_a_large_task_is_not_kept() {
        fn small<F, T>(_: F) -> bool
        where
            F: FnOnce(&Run) -> T + Send + 'static,
            T: Send + 'static,
        {
            Job::<F, T>::REUSED
        }
        let large = [1_u8; 200];
        assert!(small(|_: &Run| 1) && !small(move |_: &Run| large[0]));
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
