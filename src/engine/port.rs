//! Ports: for hosts with threads, or an event loop, of their own.

use std::time::Duration;

use super::Engine;
use super::admission::Admission;
use super::core::Core;
#[cfg(doc)]
use crate::lane::OwnedRun;
use crate::lane::{HandlerOptions, Notice, Port as Pulled};
use crate::model::{Error, LaneId};
use crate::run::Receipt;
use crate::session::{Open, Wake};
use crate::sync::on::{Thread, kind};
use crate::sync::{Arc, Weak};

/// Where the host's threads take runs, and hear all else that an event loop needs to hear: one
/// wait for everything. Slots, order, steers and fates are those of a handler.
///
/// Cheap to clone, and any number of threads may use it: each notice is heard once. Dropping the
/// last clone lets its lanes go: what is there, and comes, waits until another port binds them (or
/// a handler is set). Runs that were taken stay valid. A port does not keep the engine open.
///
/// A host with one thread must not block it for what only it can do: it waits with
/// [`wait_begin`](OwnedRun::wait_begin), and drains and closes from another thread.
#[derive(Clone)]
pub struct Port {
    hold: Arc<Hold>,
}

/// The drop of the last clone.
struct Hold {
    port: Arc<Pulled>,
    core: Weak<Core>,
}

impl Engine {
    /// A port without lanes.
    ///
    /// # Errors
    /// `Closed`.
    pub fn port(&self) -> Result<Port, Error> {
        let shared = self.shared();
        if shared.open() == Open::Closed {
            return Err(Error::Closed);
        }
        let port = Pulled::new(&self.core.staff, shared);
        let core = Arc::downgrade(&self.core);
        Ok(Port { hold: Arc::new(Hold { port, core }) })
    }
}

impl Port {
    /// Binds a lane: its runs are this port's to take, steerable. The lane has no workers any
    /// more. Never blocks.
    ///
    /// # Errors
    /// `UnknownLane`; `Invalid` if it has a handler or a port of its own; `Closed`, also if the port
    /// was [left](Self::leave).
    pub fn bind(&self, lane: &str) -> Result<(), Error> {
        self.bind_with(lane, HandlerOptions::default())
    }

    /// As [`bind`](Self::bind), saying what the host can do.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_with(&self, lane: &str, options: HandlerOptions) -> Result<(), Error> {
        let core = self.core()?;
        let lane = core.shared.doors.named(lane)?.id;
        self.bind_to(&core, Some(lane), options)
    }

    /// Binds every lane that has no handler or port of its own, now or later: also those that
    /// [`set_lane`](Engine::set_lane) makes on the fly.
    ///
    /// # Errors
    /// `Invalid` if a handler or a port has them all; `Closed`.
    pub fn bind_any(&self, options: HandlerOptions) -> Result<(), Error> {
        let core = self.core()?;
        self.bind_to(&core, None, options)
    }

    fn bind_to(
        &self,
        core: &Core,
        lane: Option<LaneId>,
        options: HandlerOptions,
    ) -> Result<(), Error> {
        if self.hold.port.is_left() {
            return Err(Error::Closed);
        }
        core.staff.takers.bind(lane, &self.hold.port, options)?;
        core.taken();
        Ok(())
    }

    fn core(&self) -> Result<Arc<Core>, Error> {
        self.hold.core.upgrade().ok_or(Error::Closed)
    }

    /// Lets its lanes go now, although there are clones: whoever waits in [`next`](Self::next) hears
    /// [`Closed`](Notice::Closed), and so does whoever asks later. Runs that were taken stay valid.
    /// Never blocks.
    pub fn leave(&self) {
        self.hold.port.leave();
    }

    /// The next notice: what there is at once, else what comes within `timeout` (`ZERO` asks and
    /// does not block, `None` waits for ever). Notices of runs come first, then those of tags, then
    /// a run that is ready, of each lane in its turn; [`Closed`](Notice::Closed) at the end, again
    /// and again.
    ///
    /// Once a submit has returned and its lane has a free slot, the run is there: no other thread
    /// has to do anything first.
    ///
    /// Closures of the port's lanes are executed here, on the calling thread, and are not told:
    /// while they are, it counts as a thread of the engine. A call whose time is over goes on with
    /// them for 1 ms at most; then the [descriptor](Self::descriptor) stays readable.
    ///
    /// With several threads, one may hear of a run's steer or stop before another has put the run
    /// where all find it: the run's own boundary knows all the same.
    ///
    /// # Errors
    /// `WouldDeadlock` on a thread of the engine, and in a closure that is executed here.
    pub fn next(&self, timeout: Option<Duration>) -> Result<Option<Notice>, Error> {
        if kind() != Thread::Host {
            let cycle = ["asking a port on an engine thread", "that thread's own work"];
            return Err(Error::WouldDeadlock(cycle.map(str::to_owned).to_vec()));
        }
        Ok(self.hold.port.next(timeout))
    }

    /// Has [`Settled`](Notice::Settled) told under this tag, once, when the receipt has its fate;
    /// at once if it has. Never blocks.
    ///
    /// # Errors
    /// `Full` while `limits.max_pending` watches of this port have not been read.
    pub fn watch<T: Clone>(&self, receipt: &Receipt<T>, tag: u64) -> Result<(), Error> {
        self.hold.port.watch(receipt, tag)
    }

    /// Has [`Journaled`](Notice::Journaled) told under this tag, once, when it is decided whether
    /// the message is accepted; at once if it is. Replaces what
    /// [`on_decided`](Admission::on_decided) has set. Never blocks.
    ///
    /// # Errors
    /// `Full`, as [`watch`](Self::watch).
    pub fn watch_admission(&self, admission: &Admission, tag: u64) -> Result<(), Error> {
        let ear = self.hold.port.tag_ear(Notice::Journaled, tag)?;
        admission.on_decided(move || ear.wake(Wake::Settled));
        Ok(())
    }

    /// Calls `wake` whenever the port goes from nothing unread to something unread; at once if
    /// something is unread. From any thread but the timer's, with no lock held; it must not block,
    /// and so not reload: a reload may be what calls it, and the next waits for that one's end. Then
    /// ask with `ZERO` until there is nothing. Replaces the function that was set before. A clone of
    /// the port in it would keep the port, and its lanes bound, for ever.
    pub fn on_wake(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.hold.port.on_wake(Arc::new(wake));
    }

    /// A descriptor that is readable exactly while something is unread, for `poll`, `epoll`,
    /// `kqueue` and all that is built on them. It may be readable for something that has vanished
    /// meanwhile (a message was withdrawn, say): then asking with `ZERO` finds nothing, and it is
    /// not readable any more. Do not read from it, and do not close it: it is the port's.
    ///
    /// # Errors
    /// `System` if it cannot be made.
    #[cfg(unix)]
    pub fn descriptor(&self) -> Result<std::os::fd::BorrowedFd<'_>, Error> {
        self.hold.port.descriptor()
    }
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").finish_non_exhaustive()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.port.leave();
    }
}

#[cfg(all(test, feature = "capi"))]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::lane::OwnedRun;
    use crate::model::Message;

    fn bound() -> (Engine, Port) {
        let engine = Engine::new(Config::default()).expect("the settings are fine");
        let port = engine.port().expect("it is open");
        port.bind_any(HandlerOptions::default()).expect("nobody has them");
        // One that leaves may have a ticket in its hands for a moment.
        while engine.stats().lanes.iter().any(|lane| lane.workers > 0) {
            crate::sync::thread::yield_now();
        }
        (engine, port)
    }

    fn taken(engine: &Engine, port: &Port, key: &str) -> (OwnedRun, Receipt) {
        let receipt = engine.submit(Message::new(key, "x")).expect("there is room");
        match port.next(Some(Duration::ZERO)) {
            Ok(Some(Notice::Ready(run))) => (run, receipt),
            other => panic!("it is there, not {other:?}"),
        }
    }

    /// Whoever waits for its fate.
    fn watchers(receipt: &Receipt) -> usize {
        receipt.cell().expect("a message has one").telling.watchers()
    }

    #[test]
    fn p9_a_wait_that_is_over_leaves_nothing_with_what_was_waited_for() {
        let (engine, port) = bound();
        let (run, _) = taken(&engine, &port, "parent");
        let (child, receipt) = taken(&engine, &port, "child");
        let watchers = || watchers(&receipt);
        for _ in 0..3 {
            let timed_out = run.wait(&receipt, Some(Duration::ZERO));
            assert_eq!(timed_out.map(drop), Err(crate::model::WaitError::TimedOut));
        }
        assert_eq!(watchers(), 0);
        let [one, two] = [(); 2].map(|()| crate::run::Run::wait_begin(&run, &receipt));
        assert_eq!(watchers(), 2);
        drop(one);
        assert_eq!(watchers(), 1, "the other goes on");
        drop(two);
        child.complete("done").expect("it lives");
        run.complete("done").expect("it lives");
    }

    #[test]
    fn p9_a_wait_without_a_thread_that_a_stop_has_ended_leaves_nothing_either() {
        let (engine, port) = bound();
        let (run, _) = taken(&engine, &port, "parent");
        let (child, receipt) = taken(&engine, &port, "child");
        let watchers = || watchers(&receipt);
        run.wait_begin(&receipt).expect("no cycle");
        assert_eq!(watchers(), 1);
        assert_eq!(engine.interrupt("parent"), Some(run.id()));
        assert_eq!(watchers(), 0, "it was in the way");
        run.wait_begin(&receipt).expect("no cycle");
        assert_eq!(watchers(), 0, "it was over before it was there");
        child.complete("done").expect("it lives");
        run.fail("stopped").expect("it lives");
    }

    #[test]
    fn p9_a_run_that_is_completed_while_it_waits_leaves_nothing_either() {
        let (engine, port) = bound();
        let (run, _) = taken(&engine, &port, "parent");
        let (child, receipt) = taken(&engine, &port, "child");
        run.wait_begin(&receipt).expect("no cycle");
        run.complete("done").expect("it lives");
        assert_eq!(watchers(&receipt), 0);
        child.complete("done").expect("it lives");
    }

    #[test]
    fn p9_a_wait_without_a_thread_that_was_due_leaves_nothing_with_its_run() {
        let (engine, port) = bound();
        let (run, _) = taken(&engine, &port, "parent");
        let held = |run: &OwnedRun| Arc::strong_count(run.session());
        let mut before = None;
        for n in 0..3 {
            let (child, receipt) = taken(&engine, &port, &format!("child {n}"));
            run.wait_begin(&receipt).expect("no cycle");
            child.complete("done").expect("it lives");
            let told = port.next(Some(Duration::ZERO));
            assert!(matches!(told, Ok(Some(Notice::Waited(id))) if id == run.id()), "{told:?}");
            let now = held(&run);
            assert_eq!(*before.get_or_insert(now), now);
        }
        run.complete("done").expect("it lives");
    }

    /// Another thread has taken the slot for the run, and tells so when the run waits again.
    #[test]
    fn p8_what_is_told_late_of_a_wait_does_not_pass_for_the_end_of_the_next() {
        let (engine, port) = bound();
        drop(engine.submit(Message::new("k", "x")).expect("there is room"));
        let now = || port.next(Some(Duration::ZERO)).expect("a host thread");
        let Some(Notice::Ready(run)) = now() else { panic!("it is there") };
        let ear = run.ear();
        ear.wake(Wake::Waits(1));
        ear.wake(Wake::Waits(2));
        ear.wake(Wake::Waited(1));
        assert!(now().is_none(), "it waits for the second");
        ear.wake(Wake::Waited(2));
        assert!(matches!(now(), Some(Notice::Waited(id)) if id == run.id()));
        assert!(now().is_none(), "once");
        run.complete("done").expect("it lives");
    }
}
