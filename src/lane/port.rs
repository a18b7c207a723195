//! A port: the lanes whose runs the host's threads take, and all that they need to hear.
//!
//! There is no second queue: a ticket stays in its lane until somebody asks the port for it, under
//! the same gate as a worker. What the port adds is its *level*: raised exactly while there is
//! something to hear. It is decided under the port's lock, from the notices there and from the
//! lanes' gates. Whoever makes something new changes the gate first and calls the port then, so
//! that the decision sees the change, or the call comes after the decision.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::descriptor::Descriptor;
use super::notice::{About, Tagged, Unread};
use super::pull::Pulled;
use super::{Notice, Staff};
use crate::model::{Error, RunId};
use crate::run::{Closure, Shared};
use crate::session::{Door, Found, Open, Watch};
use crate::sync::oneshot::deadline;
use crate::sync::swap::Swap;
use crate::sync::{Arc, Condvar, Mutex, OnceLock, caught};

/// How long a call goes on with closures when its time is over.
const OVERTIME: Duration = Duration::from_millis(1);

/// Whether there is anything to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Quiet,
    Raised,
}

type OnWake = Arc<dyn Fn() + Send + Sync>;

/// Whether anybody has the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tenure {
    Held,
    /// Nothing is to come: whoever asks all the same hears the end.
    Left,
}

/// Whether the end of a run's waits is to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Owed {
    Yes,
    #[default]
    No,
}

/// The waits of a run in the host's hands.
#[derive(Default)]
struct Waits {
    /// The number of the last that it has begun.
    last: u32,
    owed: Owed,
}

struct State {
    unread: Unread,
    /// Runs in the host's hands; not those that were abandoned.
    live: HashMap<RunId, Waits>,
    level: Level,
    tenure: Tenure,
    /// Which lane is asked first: each in its turn.
    turn: usize,
    /// Watches whose notice has not been read, and may come.
    watches: u64,
    on_wake: Option<OnWake>,
}

/// The lanes of one port, and what is to be heard there.
pub(crate) struct Port {
    pub(super) staff: Arc<Staff>,
    pub(super) shared: Arc<Shared>,
    /// Replaced when a lane is bound, made, or taken by a handler.
    lanes: Swap<Vec<Arc<Door<Closure>>>>,
    /// A leaf lock.
    state: Mutex<State>,
    changed: Condvar,
    /// Made when it is first asked for; written to under the lock.
    descriptor: OnceLock<Descriptor>,
}

/// How a sleep ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slept {
    Look,
    TimeOver,
}

impl Port {
    pub(crate) fn new(staff: &Arc<Staff>, shared: &Arc<Shared>) -> Arc<Self> {
        let state = State {
            unread: Unread::default(),
            live: HashMap::new(),
            level: Level::Quiet,
            tenure: Tenure::Held,
            turn: 0,
            watches: 0,
            on_wake: None,
        };
        let port = Arc::new(Self {
            staff: Arc::clone(staff),
            shared: Arc::clone(shared),
            lanes: Swap::new(Vec::new()),
            state: Mutex::new(state),
            changed: Condvar::new(),
            descriptor: OnceLock::new(),
        });
        staff.takers.add(&port);
        port
    }

    /// These are its lanes now.
    pub(super) fn take_over(&self, lanes: Vec<Arc<Door<Closure>>>) {
        self.lanes.store(lanes);
    }

    /// It is let go: others may take its lanes, and whoever waits here comes home.
    pub(crate) fn leave(self: &Arc<Self>) {
        let heard = self.change(|state| {
            state.tenure = Tenure::Left;
            state.on_wake.take()
        });
        // P7: the host's, dropped with no lock held.
        caught::let_go(heard);
        self.staff.takers.unbind(self);
        self.staff.takers.survey(&self.shared);
    }

    /// The next notice; none if nothing comes in time. Closures are executed on the way.
    pub(crate) fn next(self: &Arc<Self>, timeout: Option<Duration>) -> Option<Notice> {
        let until = timeout.and_then(deadline);
        let overdue = |by: Duration| until.is_some_and(|at| at + by <= Instant::now());
        loop {
            if let Some(notice) = self.read() {
                return Some(notice);
            }
            match self.pull() {
                Pulled::Run(run) => return Some(Notice::Ready(run)),
                // P9: closures that queue closures do not hold an event loop for ever.
                Pulled::Executed if overdue(OVERTIME) => {
                    self.remind();
                    return None;
                }
                Pulled::Nothing if self.sleep(until) == Slept::TimeOver => return None,
                Pulled::Executed | Pulled::Misfit | Pulled::Nothing => {}
            }
        }
    }

    /// Whoever hears `None` asks no more before it is woken: what is left wakes it once more. The
    /// descriptor stays readable.
    fn remind(&self) {
        let wake = {
            let state = self.state.lock();
            state.on_wake.clone().filter(|_| state.level == Level::Raised)
        };
        self.wake(wake);
    }

    /// What was told and not read; at the very end that it is the end.
    fn read(&self) -> Option<Notice> {
        let told = {
            let state = self.state.lock();
            !state.unread.is_empty() || self.is_over(&state)
        };
        // Only who takes something calls the next.
        told.then(|| self.read_one()).flatten()
    }

    fn read_one(&self) -> Option<Notice> {
        self.change(|state| {
            let tagged = |state: &mut State| {
                let notice = state.unread.tagged()?;
                state.watches -= 1;
                Some(notice)
            };
            let notice = state.unread.about_run().or_else(|| tagged(state));
            notice.or_else(|| self.is_over(state).then_some(Notice::Closed))
        })
    }

    fn is_closed(&self) -> bool {
        self.shared.open() == Open::Closed
    }

    pub(crate) fn is_left(&self) -> bool {
        self.state.lock().tenure == Tenure::Left
    }

    fn is_over(&self, state: &State) -> bool {
        state.tenure == Tenure::Left || self.is_closed() && state.live.is_empty()
    }

    /// Whether a look into the lanes would find anything. Nothing starts once a close has begun.
    pub(super) fn may_pull(&self) -> bool {
        !self.is_closed() && self.lanes.load().iter().any(|door| door.gate.may_pull())
    }

    /// A lane in which a slot and a ticket were found, each lane first in its turn.
    pub(super) fn promised(&self) -> Option<Arc<Door<Closure>>> {
        let turn = {
            let mut state = self.state.lock();
            state.turn = state.turn.wrapping_add(1);
            state.turn
        };
        let lanes = self.lanes.load();
        let (later, sooner) = lanes.split_at(turn % lanes.len().max(1));
        let mut all = sooner.iter().chain(later);
        all.find(|door| door.gate.pull() == Found::Ticket).cloned()
    }

    /// The one way to change what is told. The level follows under the same lock; whoever sleeps,
    /// and the host's `on_wake`, are called after it. P7.
    fn change<R>(&self, step: impl FnOnce(&mut State) -> R) -> R {
        let (answer, wake) = {
            let mut state = self.state.lock();
            let answer = step(&mut state);
            let wake = self.follow(&mut state);
            if state.level == Level::Raised {
                // One at a time: whoever takes something and leaves more calls the next.
                self.changed.notify_one();
            }
            (answer, wake)
        };
        self.wake(wake);
        answer
    }

    /// Brings the level in line with what there is; answers whom to wake for it.
    fn follow(&self, state: &mut State) -> Option<OnWake> {
        let something = !state.unread.is_empty() || self.is_over(state) || self.may_pull();
        let level = if something { Level::Raised } else { Level::Quiet };
        if std::mem::replace(&mut state.level, level) == level {
            return None;
        }
        if let Some(descriptor) = self.descriptor.get() {
            descriptor.set(level);
        }
        state.on_wake.clone().filter(|_| level == Level::Raised)
    }

    fn wake(&self, wake: Option<OnWake>) {
        if let Some(wake) = wake {
            self.shared.call_host(move || wake());
        }
    }

    /// Something may have become startable, or the engine is closed.
    pub(crate) fn rouse(&self) {
        self.change(|_| ());
    }

    /// Blocks until there is something to look for. The level falls here.
    fn sleep(&self, until: Option<Instant>) -> Slept {
        let mut state = self.state.lock();
        loop {
            let wake = self.follow(&mut state);
            if state.level == Level::Raised {
                drop(state);
                self.wake(wake);
                return Slept::Look;
            }
            match until {
                None => self.changed.wait(&mut state),
                Some(at) if at <= Instant::now() => return Slept::TimeOver,
                Some(at) => drop(self.changed.wait_until(&mut state, at)),
            }
        }
    }

    /// A run of this id is about to be the host's; before anybody can have something to say of it.
    pub(super) fn expect(self: &Arc<Self>, run: RunId) -> Arc<dyn Watch> {
        self.state.lock().live.insert(run, Waits::default());
        self.ear(run)
    }

    /// The run has ended, or never began: nobody needs to hear of it.
    pub(super) fn forget(&self, run: RunId) {
        self.change(|state| {
            state.live.remove(&run);
            state.unread.forget(run);
        });
    }

    /// The run was abandoned: it counts no longer, but its stop is heard.
    pub(crate) fn fence(&self, run: RunId) {
        self.change(|state| {
            state.live.remove(&run);
        });
    }

    pub(super) fn has(&self, run: RunId) -> bool {
        self.state.lock().live.contains_key(&run)
    }

    /// Counts one more watch. P9: as many as messages may be pending.
    pub(super) fn count_watch(&self) -> Result<(), Error> {
        let most = u64::from(self.shared.config().limits.max_pending);
        let mut state = self.state.lock();
        if state.watches >= most {
            return Err(Error::Full(format!("{most} watches of this port are not read: the most")));
        }
        state.watches += 1;
        Ok(())
    }

    /// P9: a watch that will never be told takes no place any more.
    pub(super) fn uncount_watch(&self) {
        self.state.lock().watches -= 1;
    }

    /// Tells something of a run, unless it has ended while this was on its way.
    pub(super) fn tell(&self, run: RunId, about: About) {
        self.change(|state| {
            if state.live.contains_key(&run) {
                state.unread.about(run, about);
            }
        });
    }

    /// The run has begun its wait of this number: that those before are over is no news any more.
    /// What nobody has read of them is owed again, also at the end of a wait that is not told.
    pub(super) fn waits(&self, run: RunId, number: u32, owed: Owed) {
        self.change(|state| {
            let Some(waits) = state.live.get_mut(&run) else { return };
            let before = waits.last;
            waits.last = before.max(number);
            let taken_back = before < number && state.unread.take_back(run, About::Waited);
            if owed == Owed::Yes || taken_back {
                waits.owed = Owed::Yes;
            }
        });
    }

    /// All waits of the run up to this number are over: told, unless it has begun another while
    /// this was on its way. P8: then that one's end is told, which covers these.
    pub(super) fn waited(&self, run: RunId, number: u32) {
        self.change(|state| {
            let Some(waits) = state.live.get_mut(&run).filter(|w| w.last == number) else { return };
            if std::mem::take(&mut waits.owed) == Owed::Yes {
                state.unread.about(run, About::Waited);
            }
        });
    }

    pub(super) fn tell_tag(&self, tagged: Tagged, tag: u64) {
        self.change(|state| state.unread.tag(tagged, tag));
    }

    /// Sets whom to call when the level rises; at once, if it is raised.
    pub(crate) fn on_wake(&self, wake: OnWake) {
        let (before, now) = {
            let mut state = self.state.lock();
            let now = (state.level == Level::Raised).then(|| Arc::clone(&wake));
            (state.on_wake.replace(wake), now)
        };
        // P7: the host's function that was set before is dropped with no lock held.
        caught::let_go(before);
        self.wake(now);
    }

    /// The descriptor, made on first use.
    #[cfg(unix)]
    pub(crate) fn descriptor(&self) -> Result<std::os::fd::BorrowedFd<'_>, Error> {
        if self.descriptor.get().is_none() {
            let fresh = Descriptor::new().map_err(|e| {
                Error::System(format!("the port's descriptor could not be made: {e}"))
            })?;
            let state = self.state.lock();
            if self.descriptor.set(fresh).is_ok()
                && state.level == Level::Raised
                && let Some(descriptor) = self.descriptor.get()
            {
                descriptor.set(Level::Raised);
            }
        }
        let descriptor =
            self.descriptor.get().expect("it was set above, by this thread or another");
        Ok(descriptor.as_fd())
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // P7: the host's function may panic when it is dropped.
        caught::let_go(self.state.get_mut().on_wake.take());
    }
}
