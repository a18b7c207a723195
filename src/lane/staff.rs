//! Who works: threads started when a ticket finds nobody, and counted until they have left.

use std::time::Instant;

use super::Takers;
use super::worker::{Leaves, Worker};
use crate::model::RunId;
use crate::run::{Closure, Crew, Shared};
use crate::session::{Door, Hire, Open, Side};
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, Condvar, Mutex, thread};
use crate::watch::Event;

/// Whether an idle worker may leave.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Retired {
    Yes,
    No,
}

/// Who executes a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hands {
    /// A thread of its lane.
    Worker,
    /// The host, who has pulled it.
    Host,
}

/// An abandoned run whose handler still executes, or that the host has not let go.
#[derive(Clone, Debug)]
pub(crate) struct Orphan {
    pub(crate) run: RunId,
    pub(crate) hands: Hands,
    pub(crate) key: Arc<str>,
    pub(crate) lane: Arc<str>,
    pub(crate) since: Instant,
}

#[derive(Default)]
struct Roll {
    handles: Vec<thread::JoinHandle<()>>,
    /// Threads that have not left, and runs in the host's hands.
    alive: usize,
    orphans: Vec<Orphan>,
    ending: Ending,
}

/// Whether the last worker that leaves ends the line of events.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Ending {
    #[default]
    No,
    /// A close has said all that it has to say itself.
    Yes,
}

/// The workers of all lanes, and what they call.
pub(crate) struct Staff {
    pub(crate) takers: Takers,
    pub(crate) crew: Arc<Crew>,
    /// Locked when a thread starts or leaves. A leaf.
    roll: Mutex<Roll>,
    left: Condvar,
}

impl Staff {
    pub(crate) fn new(lanes: usize, crew: Crew) -> Self {
        Self {
            takers: Takers::new(lanes),
            crew: Arc::new(crew),
            roll: Mutex::new(Roll::default()),
            left: Condvar::new(),
        }
    }

    /// Starts workers ahead of the first message, for small lanes.
    pub(crate) fn prime(self: &Arc<Self>, shared: &Arc<Shared>, door: &Arc<Door<Closure>>) {
        const SMALL: u32 = 8;
        let cap = door.gate.word().cap;
        if cap <= SMALL {
            (0..cap).for_each(|_| Arc::clone(self).hire(shared, door));
        }
    }

    /// Counts one more worker of the lane, if it may have one: its concurrency, plus spares for
    /// slots that are lent.
    fn count_in(shared: &Shared, door: &Door<Closure>) -> bool {
        let spares = shared.config().engine.spare_workers;
        let (cap, lent) = (door.gate.word().cap, door.lent.load(Ordering::SeqCst));
        // However far the lane was lowered meanwhile: one that does not wait.
        let allowed = (cap + lent.min(spares)).max(lent + 1);
        let count = |n: u32| (n < allowed).then_some(n + 1);
        door.workers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count).is_ok()
    }

    pub(crate) fn count_out(door: &Door<Closure>) {
        door.workers.fetch_sub(1, Ordering::SeqCst);
    }

    /// An idle worker leaves, unless it is the lane's last that does not wait, or a ticket came
    /// meanwhile whose sender still counted on it.
    pub(super) fn retire(door: &Door<Closure>) -> Retired {
        let lent = door.lent.load(Ordering::SeqCst);
        let fewer = |n: u32| (n > lent + 1).then(|| n - 1);
        if door.workers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_err() {
            return Retired::No;
        }
        let word = door.gate.word();
        if word.tickets > 0 && word.executing < word.cap {
            door.workers.fetch_add(1, Ordering::SeqCst);
            return Retired::No;
        }
        Retired::Yes
    }

    /// Before a run is fenced: whoever executes it may come back at once, and strikes it off.
    pub(crate) fn enter_orphan(&self, orphan: Orphan) {
        self.roll.lock().orphans.push(orphan);
    }

    /// It was not to be fenced.
    pub(crate) fn strike_orphan(&self, run: RunId) {
        let mut roll = self.roll.lock();
        if let Some(at) = roll.orphans.iter().position(|orphan| orphan.run == run) {
            roll.orphans.swap_remove(at);
        }
    }

    /// Abandoned runs whose handlers still execute.
    pub(crate) fn orphans(&self) -> Vec<Orphan> {
        self.roll.lock().orphans.clone()
    }

    /// Counts a thread that is about to start; false once the engine is closed. P12: the door was
    /// shut before a close looks at the roll, so it sees this thread, or this sees the door.
    fn enroll(&self, shared: &Shared) -> bool {
        let mut roll = self.roll.lock();
        if shared.open() == Open::Closed {
            return false;
        }
        roll.alive += 1;
        true
    }

    fn start(self: &Arc<Self>, shared: &Arc<Shared>, door: &Arc<Door<Closure>>, n: u32) {
        let name = format!("laneq-{}-{n}", door.name);
        let mut worker = Worker::new(Arc::clone(self), Arc::clone(shared), Arc::clone(door));
        let staff = Arc::clone(self);
        if !self.enroll(shared) {
            Self::count_out(door);
            return;
        }
        let body = move || {
            let leaves = worker.work();
            let orphan = worker.last_run().filter(|_| leaves == Leaves::Replaced);
            staff.leave(&worker.shared, orphan);
        };
        match thread::spawn(name, body) {
            Ok(handle) => {
                let mut roll = self.roll.lock();
                let (gone, here): (Vec<_>, Vec<_>) = std::mem::take(&mut roll.handles)
                    .into_iter()
                    .partition(thread::JoinHandle::is_finished);
                roll.handles = here;
                roll.handles.push(handle);
                drop(roll);
                // They have left: joining does not block. A worker catches what it calls.
                gone.into_iter().for_each(|h| drop(h.join()));
            }
            Err(error) => self.not_started(shared, door, &error),
        }
    }

    /// The ticket stays, and the next one tries again.
    fn not_started(&self, shared: &Shared, door: &Door<Closure>, error: &std::io::Error) {
        Self::count_out(door);
        self.roll.lock().alive -= 1;
        self.left.notify_all();
        let (lane, error) = (Arc::clone(&door.name), error.to_string());
        shared.bus.say(shared.now(), || Event::WorkerFailed { lane, error });
    }

    fn leave(&self, shared: &Shared, orphan: Option<RunId>) {
        let mut roll = self.roll.lock();
        roll.alive -= 1;
        if let Some(run) = orphan {
            roll.orphans.retain(|orphan| orphan.run != run);
        }
        let last = roll.alive == 0 && roll.ending == Ending::Yes;
        drop(roll);
        self.left.notify_all();
        if last {
            shared.end_lines();
        }
    }

    /// From now on the last worker that leaves ends the line of events; nobody needs to if none
    /// is left. Only after everything that a close itself has to say.
    pub(crate) fn end_line(&self, shared: &Shared) {
        let nobody = {
            let mut roll = self.roll.lock();
            roll.ending = Ending::Yes;
            roll.alive == 0
        };
        if nobody {
            shared.end_lines();
        }
    }

    /// Blocks until every thread has left, at most until `until`; answers whether they have.
    pub(crate) fn wait_gone(&self, until: Option<Instant>) -> bool {
        let mut roll = self.roll.lock();
        while roll.alive > 0 {
            match until {
                None => self.left.wait(&mut roll),
                Some(at) if self.left.wait_until(&mut roll, at).timed_out() => break,
                Some(_) => {}
            }
        }
        if roll.alive > 0 {
            return false;
        }
        let handles = std::mem::take(&mut roll.handles);
        drop(roll);
        handles.into_iter().for_each(|h| drop(h.join()));
        true
    }
}

/// A place on the roll for a run in the host's hands: a close waits until it is given back, and
/// the line of events ends behind it.
pub(super) struct Seat {
    staff: Arc<Staff>,
    shared: Arc<Shared>,
    run: Option<RunId>,
}

impl Seat {
    /// None once the engine is closed: nothing starts any more.
    pub(super) fn take(staff: &Arc<Staff>, shared: &Arc<Shared>) -> Option<Self> {
        let seat = || Self { staff: Arc::clone(staff), shared: Arc::clone(shared), run: None };
        staff.enroll(shared).then(seat)
    }

    pub(super) fn is_of(&mut self, run: RunId) {
        self.run = Some(run);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.staff.leave(&self.shared, self.run);
    }
}

impl Hire<Closure> for Staff {
    fn hire(self: Arc<Self>, shared: &Arc<Shared>, door: &Arc<Door<Closure>>) {
        match door.side() {
            Side::Workers if Self::count_in(shared, door) => {
                let n = door.workers.load(Ordering::SeqCst);
                self.start(shared, door, n);
            }
            Side::Port => self.takers.port_of(door.id).iter().for_each(|port| port.rouse()),
            Side::Workers | Side::New => {}
        }
    }
}
