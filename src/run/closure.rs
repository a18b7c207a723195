//! A message whose body is code: fired, or with a receipt.

use super::Run;
use super::receipt::Pending;
use super::slot::Slot;
use crate::model::{Fate, MessageId, Settled};
use crate::session::{Code, Kept, Standing, Telling, Watch, Watched};
use crate::sync::{Arc, Mutex, caught};

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

    /// The task, if it has a receipt; else the closure, which was fired.
    #[inline]
    pub(crate) fn asked(self) -> Result<Arc<dyn Task>, Self> {
        self.0.into_shared().map_err(Self)
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
}

/// Host code with a result, on its way: closure, value and waiters in one allocation.
pub(crate) struct Job<F, T> {
    standing: Standing,
    /// The code until it is called, then its value until it is told. A leaf lock, never held
    /// while the code runs.
    state: Mutex<State<F, T>>,
    telling: Telling<T>,
    pub(crate) key: Arc<str>,
    pub(crate) serial: u64,
}

enum State<F, T> {
    Waits(F),
    Value(T),
    Empty,
}

impl<F, T> Job<F, T> {
    pub(crate) fn new(code: F, key: Arc<str>, serial: u64) -> Self {
        let state = Mutex::new(State::Waits(code));
        Self { standing: Standing::default(), state, telling: Telling::default(), key, serial }
    }

    fn take(&self) -> State<F, T> {
        std::mem::replace(&mut *self.state.lock(), State::Empty)
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
        if let State::Waits(code) = self.take() {
            let value = code(run);
            *self.state.lock() = State::Value(value);
        }
    }

    fn tell(&self, told: Settled<()>) {
        let Settled { fate, run, outcome, error, .. } = told;
        let reply = match self.take() {
            State::Value(value) => Some(value),
            State::Waits(code) => {
                caught::let_go(code);
                None
            }
            State::Empty => None,
        };
        let lead = reply.is_some();
        self.telling.tell(Settled { fate, run, outcome, reply, lead, error });
    }
}

impl<F, T> Pending<T> for Job<F, T>
where
    F: FnOnce(&Run) -> T + Send + 'static,
    T: Clone + Send + 'static,
{
    fn telling(&self) -> &Telling<T> {
        &self.telling
    }

    fn id(&self) -> MessageId {
        MessageId::Made(self.serial, self.standing.number())
    }

    fn key(&self) -> &Arc<str> {
        &self.key
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
