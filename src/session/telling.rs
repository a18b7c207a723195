//! A fate that is told once, to whoever waits for it.

use std::convert::Infallible;
use std::time::Instant;

use crate::model::{Cause, Settled};
use crate::sync::oneshot::{Latch, Waited};
use crate::sync::{Arc, Mutex, planted};

/// Somebody who wants to know that something is no longer as it was. Never blocks.
pub(crate) trait Watch: Send + Sync {
    fn wake(&self, why: Wake);
}

/// Something with a fate, whose watchers come and go.
pub(crate) trait Watched: Send + Sync {
    /// Wakes `watcher` when the fate is told, at once if it already is.
    fn watch(&self, watcher: Arc<dyn Watch>);
    /// Takes it out, if it is there.
    fn unwatch(&self, watcher: &dyn Watch);
}

/// Why a watcher is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A message that is waited for has its fate.
    Settled,
    /// A steer waits for this run's boundary.
    Steer,
    /// This run is stopped, or fenced.
    Stop(Cause),
    /// This run begins its wait of this number, without a thread.
    Waits(u32),
    /// This run begins its wait of this number, with a thread that knows the end of it by itself.
    Blocks(u32),
    /// All its waits up to this number are over, and it has its slot again.
    Waited(u32),
}

/// A thread that blocks.
impl Watch for Latch {
    fn wake(&self, _: Wake) {
        self.set();
    }
}

/// Nearly always nobody. Threads that block come first: the others may call the host's code.
#[allow(clippy::box_collection, reason = "8 bytes in every message instead of 24")]
type Watchers = Option<Box<Vec<Arc<dyn Watch>>>>;

/// What there is of it so far. One part after the other takes the same place.
enum Told<T, F> {
    /// Code of the host's that was not called yet.
    Code(F, Watchers),
    /// Its value, not told yet.
    Value(T, Watchers),
    /// Neither: a message, or code that is being called.
    Nothing(Watchers),
    Fate(Settled<T>),
}

impl<T, F> Told<T, F> {
    /// What is there goes out, and nothing takes its place.
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Nothing(None))
    }

    /// Takes the place of nothing, where there is nothing to drop.
    fn follow(&mut self, next: Self) {
        let nothing = std::mem::replace(self, next);
        debug_assert!(matches!(nothing, Self::Nothing(None)), "it was taken");
        std::mem::forget(nothing);
    }

    fn watchers(&mut self) -> Option<&mut Watchers> {
        match self {
            Self::Code(_, all) | Self::Value(_, all) | Self::Nothing(all) => Some(all),
            Self::Fate(_) => None,
        }
    }
}

fn wake(watchers: Watchers) {
    if !planted!(TellsInSilence) {
        watchers.into_iter().flat_map(|all| *all).for_each(|w| w.wake(Wake::Settled));
    }
}

/// The fate of one message or closure, and before it the closure's code and its value. A leaf lock,
/// never held while the host's code runs or is dropped; of the host's, only a closure's value is
/// cloned under it, which nobody but its own receipts waits for.
pub(crate) struct Telling<T, F = Infallible>(Mutex<Told<T, F>>);

impl<T> Default for Telling<T> {
    fn default() -> Self {
        Self(Mutex::new(Told::Nothing(None)))
    }
}

impl<T> Telling<T> {
    /// P4: told once; a second fate is a bug of ours.
    pub(crate) fn tell(&self, settled: Settled<T>) {
        let watchers = {
            let mut told = self.0.lock();
            let watchers = told.watchers().map(std::mem::take).expect("P4: a message has one fate");
            *told = Told::Fate(settled);
            watchers
        };
        wake(watchers);
    }
}

impl<T, F> Telling<T, F> {
    pub(crate) fn of(code: F) -> Self {
        Self(Mutex::new(Told::Code(code, None)))
    }

    /// Lets go of what there is of it, of which nobody will hear any more.
    pub(crate) fn empty(&mut self) {
        drop(self.0.get_mut().take());
    }

    /// Begins anew with other code, once it was emptied.
    pub(crate) fn begin(&mut self, code: F) {
        self.0.get_mut().follow(Told::Code(code, None));
    }

    /// The code, the first time.
    pub(crate) fn take_code(&self) -> Option<F> {
        let mut told = self.0.lock();
        match told.take() {
            Told::Code(code, watchers) => {
                told.follow(Told::Nothing(watchers));
                Some(code)
            }
            other => {
                told.follow(other);
                None
            }
        }
    }

    /// What its code came back with.
    pub(crate) fn put_value(&self, value: T) {
        let mut told = self.0.lock();
        if let Told::Nothing(watchers) = &mut *told {
            let watchers = watchers.take();
            told.follow(Told::Value(value, watchers));
        }
    }

    /// Tells the fate of code, with its value if there is one. Code that was never called comes
    /// back instead, with the fate: it is to be let go first, and then the fate told.
    pub(crate) fn tell_value(&self, told: Settled<()>) -> Result<(), (F, Settled<()>)> {
        let mut state = self.0.lock();
        let watchers = state.watchers().map(std::mem::take).expect("P4: a message has one fate");
        let reply = match state.take() {
            Told::Code(code, _) => {
                state.follow(Told::Nothing(watchers));
                return Err((code, told));
            }
            Told::Value(value, _) => Some(value),
            Told::Nothing(_) | Told::Fate(_) => None,
        };
        let (Settled { fate, run, outcome, error, .. }, lead) = (told, reply.is_some());
        state.follow(Told::Fate(Settled { fate, run, outcome, reply, lead, error }));
        drop(state);
        wake(watchers);
        Ok(())
    }

    /// Takes a watcher out that has no use for the fate any more. P9: a message that waits for long
    /// does not collect them.
    pub(crate) fn unwatch(&self, watcher: &dyn Watch) {
        let is_it = |w: &Arc<dyn Watch>| std::ptr::addr_eq(Arc::as_ptr(w), watcher);
        let taken = {
            let mut told = self.0.lock();
            let all = told.watchers().and_then(Option::as_mut);
            all.and_then(|all| Some(all.remove(all.iter().position(is_it)?)))
        };
        // P7: with no lock held.
        drop(taken);
    }

    #[cfg(test)]
    pub(crate) fn watchers(&self) -> usize {
        self.0.lock().watchers().map_or(0, |all| all.as_ref().map_or(0, |all| all.len()))
    }

    /// Wakes `watcher` when the fate is told, at once if it already is.
    pub(crate) fn watch(&self, watcher: Arc<dyn Watch>) {
        self.watch_at(usize::MAX, watcher);
    }

    fn watch_at(&self, place: usize, watcher: Arc<dyn Watch>) {
        let mut told = self.0.lock();
        if let Some(watchers) = told.watchers() {
            let all = watchers.get_or_insert_default();
            all.insert(place.min(all.len()), watcher);
            return;
        }
        drop(told);
        watcher.wake(Wake::Settled);
    }
}

impl<T: Clone, F> Telling<T, F> {
    pub(crate) fn get(&self) -> Option<Settled<T>> {
        match &*self.0.lock() {
            Told::Fate(settled) => Some(settled.clone()),
            _ => None,
        }
    }

    /// Blocks until the fate is told, at most until `until`.
    pub(crate) fn wait(&self, until: Option<Instant>) -> Option<Settled<T>> {
        self.get().or_else(|| {
            let bell = Arc::new(Latch::default());
            // P7: it does not wait for what other watchers do.
            self.watch_at(0, Arc::clone(&bell) as Arc<_>);
            if bell.wait_until(until) == Waited::TimedOut {
                self.unwatch(&*bell);
            }
            self.get()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fate;

    fn ran<T>(reply: Option<T>) -> Settled<T> {
        let (fate, run, outcome, error) = (Fate::Ran, None, None, None);
        Settled { fate, run, outcome, reply, lead: true, error }
    }

    #[test]
    fn p4_code_its_value_and_its_fate_follow_each_other_and_who_watches_stays() {
        let telling = Telling::<u64, &str>::of("code");
        let bell = Arc::new(Latch::default());
        telling.watch(Arc::clone(&bell) as Arc<_>);
        assert_eq!((telling.take_code(), telling.take_code()), (Some("code"), None));
        telling.put_value(7);
        assert_eq!(telling.take_code(), None, "a value is no code");
        assert_eq!((telling.get(), telling.watchers()), (None, 1));
        assert_eq!(telling.tell_value(ran(None)), Ok(()));
        assert_eq!(bell.wait_until(Some(Instant::now())), Waited::Set);
        assert_eq!(telling.wait(None).and_then(|told| told.reply), Some(7));
    }

    #[test]
    fn p4_code_that_is_never_called_comes_back_before_the_fate() {
        let telling = Telling::<u64, &str>::of("code");
        telling.watch(Arc::new(Latch::default()));
        let Err((code, told)) = telling.tell_value(ran(None)) else { panic!("it was not called") };
        assert_eq!((code, telling.get(), telling.watchers()), ("code", None, 1));
        assert_eq!(telling.tell_value(told), Ok(()));
        assert_eq!(telling.get().map(|told| (told.fate, told.lead)), Some((Fate::Ran, false)));
    }

    /// A closure that was given up comes back: its value goes, with no lock held.
    #[test]
    fn p7_a_value_that_comes_behind_the_fate_is_dropped_with_no_lock_held() {
        struct Looks(Arc<Telling<Looks, ()>>, Arc<Latch>);
        impl Drop for Looks {
            fn drop(&mut self) {
                self.0.watch(Arc::clone(&self.1) as Arc<_>);
            }
        }
        let (telling, bell) = (Arc::new(Telling::<Looks, ()>::of(())), Arc::new(Latch::default()));
        assert_eq!(telling.take_code(), Some(()));
        assert!(telling.tell_value(ran(None)).is_ok(), "it was given up");
        telling.put_value(Looks(Arc::clone(&telling), Arc::clone(&bell)));
        assert_eq!(bell.wait_until(Some(Instant::now())), Waited::Set);
    }

    /// P7: a watcher may call the host's code, which takes its time.
    #[test]
    fn p7_a_thread_that_waits_is_woken_before_a_watcher_is_called() {
        struct Slow(Latch);
        impl Watch for Slow {
            fn wake(&self, _: Wake) {
                assert_eq!(self.0.wait_until(None), Waited::Set);
            }
        }
        let (telling, slow) = (Telling::<u64>::default(), Arc::new(Slow(Latch::default())));
        telling.watch(Arc::clone(&slow) as Arc<_>);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let told = telling.wait(None);
                slow.0.set();
                told
            });
            while telling.watchers() < 2 {
                std::thread::yield_now();
            }
            telling.tell(ran(Some(7)));
            assert!(waiter.join().expect("no panic").is_some());
        });
    }

    #[test]
    #[should_panic(expected = "P4: a message has one fate")]
    fn p4_a_second_fate_is_a_bug_of_ours() {
        let telling = Telling::<u64>::default();
        telling.tell(ran(None));
        telling.tell(ran(None));
    }

    #[test]
    fn p9_a_wait_that_timed_out_leaves_nothing() {
        let telling = Telling::<u64>::default();
        assert_eq!(telling.wait(Some(Instant::now())), None);
        assert_eq!(telling.watchers(), 0);
    }
}
