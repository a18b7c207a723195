//! One session: its machine behind the one lock that decides everything about its key.

use std::ops::{Deref, DerefMut};

use super::entry::{Code, Entry};
use super::hint::Hint;
use super::machine::{Books, Machine};
use crate::model::RunId;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, lock_hot};
use crate::time::Moment;

/// All state of one key, in the order of how often it is touched, but for the last.
#[repr(C)]
pub(crate) struct Session<C> {
    /// What the live run reads at its boundary. Written under the lock, read by the run.
    signal: AtomicU64,
    /// The run that executes, by a book of its own: the sentinel of P1. Written under the lock by
    /// whoever claims a run, and by whoever has executed or abandons one.
    executing: AtomicU64,
    /// Empty for a closure without one. Beside the lock: whoever takes a ticket out asks for both.
    pub(crate) key: Arc<str>,
    /// The linearization point of everything that concerns the key.
    body: Mutex<Body<C>>,
    /// The live timer entry, in nanoseconds plus one; 0 is none. Written under the lock, read by
    /// the timer's sweep.
    armed: AtomicU64,
    pub(crate) hash: u64,
    /// Beside the hash, by which a key is found. Written under the lock.
    pub(crate) hint: Hint,
    /// Never reused: the first half of made-up message ids.
    pub(crate) serial: u64,
    /// Where its machine lies, or lay. Written under the lock, read by whoever is about to lock.
    machine: Hint,
}

/// Whether a session has nothing but its books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    Deep,
    Not,
}

/// The machine from the first thing to do until the sweep finds nothing to do; and what is left of
/// it between. P10.
struct Body<C> {
    awake: Option<Box<Machine<C>>>,
    asleep: Books,
}

impl<C: Code> Session<C> {
    pub(crate) fn new(key: Arc<str>, hash: u64, serial: u64) -> Self {
        Self {
            key,
            hash,
            hint: Hint::default(),
            serial,
            body: Mutex::new(Body { awake: None, asleep: Books::default() }),
            signal: AtomicU64::new(0),
            armed: AtomicU64::new(0),
            executing: AtomicU64::new(0),
            machine: Hint::default(),
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_, C> {
        let mut body = lock_hot(&self.body);
        if body.awake.is_none() {
            self.wake(&mut body);
        }
        Locked { readers: Some(self), machine: Awake(body) }
    }

    /// The same for whoever only looks for work: a session that sleeps has none, and sleeps on. P10.
    pub(crate) fn lock_awake(&self) -> Option<Locked<'_, C>> {
        let body = self.body.lock();
        body.awake.is_some().then(|| Locked { readers: Some(self), machine: Awake(body) })
    }

    /// Gives the machine back if it has nothing to do; answers whether it still has one.
    pub(crate) fn fall_asleep(&self) -> Sleep {
        let mut body = self.body.lock();
        let Some(books) = body.awake.as_ref().map(|machine| machine.falls_asleep()) else {
            return Sleep::Deep;
        };
        let Some(books) = books else { return Sleep::Not };
        body.asleep = books;
        let machine = body.awake.take();
        // The memory goes after the lock.
        drop(body);
        drop(machine);
        Sleep::Deep
    }

    #[cold]
    fn wake(&self, body: &mut Body<C>) {
        // Serial numbers begin with 1.
        let machine = Box::new(Machine::wake(self.serial.wrapping_sub(1), body.asleep));
        self.machine.note(&raw const *machine);
        body.awake = Some(machine);
    }

    /// Asks for the machine, of which somebody is about to start a run.
    #[inline]
    pub(super) fn ask_machine(&self) {
        self.machine.ask::<C, Machine<C>>();
    }

    /// Whether this is the session of `key`, to which something is about to come: what that will
    /// write is on its way while the keys are compared.
    #[inline]
    pub(super) fn is_of(&self, key: &str) -> bool {
        self.ask(&self.hint);
        *self.key == *key
    }

    /// Asks for what the next admission writes, while whoever comes with it has other things to do.
    #[inline]
    pub(crate) fn ask(&self, hint: &Hint) {
        C::prefetch(&raw const self.body);
        hint.ask::<C, Entry<C>>();
    }

    /// The signal word: one load.
    #[inline]
    pub(crate) fn signal(&self) -> u64 {
        // Acquire: a run that sees a steer or a stop sees what was done before it was set.
        self.signal.load(Ordering::Acquire)
    }

    pub(crate) fn armed(&self) -> u64 {
        self.armed.load(Ordering::Relaxed)
    }

    /// A run begins; answers the run that had not ended, if any. P1.
    #[inline]
    pub(crate) fn begin(&self, run: u64) -> u64 {
        let before = self.executing.load(Ordering::Relaxed);
        self.executing.store(run, Ordering::Relaxed);
        before
    }

    /// This run ends and the next begins; answers as [`begin`](Self::begin) does.
    #[inline]
    pub(crate) fn goes_on(&self, run: u64, next: u64) -> u64 {
        let before = self.begin(next);
        if before == run { 0 } else { before }
    }

    /// This run ends or is fenced; said before its session lets the next begin. A fenced run that
    /// comes back later finds another in its place, and leaves it.
    #[inline]
    pub(crate) fn ended(&self, run: u64) {
        if self.executing.load(Ordering::Relaxed) == run {
            self.executing.store(0, Ordering::Relaxed);
        }
    }
}

/// The locked machine. On unlock it publishes what others read without the lock.
pub(crate) struct Locked<'a, C: Code> {
    /// Where to publish it; nowhere if nothing that others read can have changed.
    readers: Option<&'a Session<C>>,
    pub(crate) machine: Awake<'a, C>,
}

/// A locked body whose machine is there.
pub(crate) struct Awake<'a, C>(MutexGuard<'a, Body<C>>);

impl<C> Deref for Awake<'_, C> {
    type Target = Machine<C>;

    #[inline]
    fn deref(&self) -> &Machine<C> {
        self.0.awake.as_ref().expect("a locked machine is awake")
    }
}

impl<C> DerefMut for Awake<'_, C> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Machine<C> {
        self.0.awake.as_mut().expect("a locked machine is awake")
    }
}

impl<C: Code> Locked<'_, C> {
    /// What has been done changes neither the signal of a run nor the timer entry: the cache
    /// lines of both are left alone.
    #[inline]
    pub(crate) fn leaves_readers_alone(&mut self) {
        if let Some(session) = self.readers.take() {
            debug_assert_eq!(session.signal.load(Ordering::Relaxed), self.machine.signal());
            debug_assert_eq!(session.armed.load(Ordering::Relaxed), nanos(self.machine.armed()));
        }
    }
}

impl<C: Code> Locked<'_, C> {
    /// All that others read of what has been done is this run, to which nothing has happened yet.
    #[inline]
    pub(crate) fn tells_run(&mut self, run: RunId) {
        if let Some(session) = self.readers.take() {
            debug_assert_eq!(session.armed.load(Ordering::Relaxed), nanos(self.machine.armed()));
            debug_assert_eq!(self.machine.signal(), Machine::<C>::signal_of(run));
            session.signal.store(Machine::<C>::signal_of(run), Ordering::Release);
        }
    }
}

/// A timer entry as others read it; 0 is none.
fn nanos(armed: Option<Moment>) -> u64 {
    armed.map_or(0, |at| at.nanos() + 1)
}

impl<C: Code> Drop for Locked<'_, C> {
    #[inline]
    fn drop(&mut self) {
        if let Some(session) = self.readers {
            session.armed.store(nanos(self.machine.armed()), Ordering::Relaxed);
            session.signal.store(self.machine.signal(), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Session<u64> {
        fn is_awake(&self) -> bool {
            self.body.lock().awake.is_some()
        }
    }

    #[test]
    fn p10_a_session_has_a_machine_from_the_first_lock_to_the_sweep() {
        let session = Session::<u64>::new("k".into(), 0, 1);
        assert!(!session.is_awake());
        assert_eq!(session.lock().machine.pending(), 0);
        assert!(session.is_awake());
        session.lock().machine.set_own(Some(Box::default()));
        assert_eq!(session.fall_asleep(), Sleep::Not, "its knobs are more than books");
        session.lock().machine.set_own(None);
        assert_eq!(session.fall_asleep(), Sleep::Deep, "nothing is left of them");
        assert!(session.lock_awake().is_none() && !session.is_awake(), "who looks wakes nobody");
    }

    #[test]
    fn p10_an_idle_session_is_small() {
        assert!(size_of::<Session<Box<dyn FnOnce()>>>() <= 104);
    }
}
