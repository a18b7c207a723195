//! The end: drain finishes what is admitted, close stops everything. Both say what became of it.

use std::time::{Duration, Instant};

use super::Engine;
use super::core::{Core, Session};
use crate::model::{Cause, Error, Fate, Message, MessageId, RunId};
use crate::session::{Found, Open, SlotState};
use crate::sync::on::{Thread, kind};
use crate::sync::oneshot::{Waited, deadline};
use crate::sync::{Arc, planted};
use crate::time::Moment;
use crate::watch::Event;

/// A run that still executes, or whose handler does after it was abandoned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StuckRun {
    /// The run.
    pub run: RunId,
    /// Its session.
    pub key: String,
    /// Its lane.
    pub lane: String,
    /// How long it has been executing.
    pub age: Duration,
}

/// What a drain came to: every message that was pending when it began, or was spawned meanwhile.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Whether everything reached its fate by itself before the deadline.
    pub complete: bool,
    /// Each message that was settled, in that order: id, key, fate. Closures are not listed.
    pub settled: Vec<(MessageId, Arc<str>, Fate)>,
    /// The bodies of those that were returned.
    pub returned: Vec<Message>,
    /// Runs that were told to stop at the deadline and had not ended when the drain returned.
    pub running: Vec<StuckRun>,
}

/// How a close ended.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// No thread of the engine is alive, and no callback will come.
    Closed,
    /// These runs' handlers still execute. They are fenced: their later calls answer `Stale`.
    Stuck(Vec<StuckRun>),
}

fn may_block(what: &str) -> Result<(), Error> {
    if kind() == Thread::Host {
        return Ok(());
    }
    let cycle = vec![format!("{what} on an engine thread"), "that thread's own end".to_owned()];
    Err(Error::WouldDeadlock(cycle))
}

impl Engine {
    /// Refuses messages from outside, closes every window, and waits until everything admitted
    /// has its fate: retries go on, runs may spawn. What is left at the deadline is returned, and
    /// what executes is told to stop, cause `drain`. Blocks. The engine does not open again.
    ///
    /// # Errors
    /// `WouldDeadlock` on an engine thread.
    pub fn drain(&self, within: Duration) -> Result<DrainReport, Error> {
        may_block("a drain")?;
        let shared = self.shared();
        let until = deadline(within);
        shared.begin_report();
        self.begin_drain();
        let complete = shared.wait_settled(until, || shared.pending.taken() == 0);
        if !complete {
            self.core.end_all(Cause::Drain);
            // The drain's own deadline is over; a stop needs a moment to be heard.
            let moment =
                deadline(shared.config().engine.stop_grace.min(Duration::from_millis(200)));
            shared.wait_settled(moment, || shared.pending.taken() == 0);
        }
        let report = shared.end_report();
        let running = self.core.running();
        let (settled, returned) = (report.settled, report.returned);
        Ok(DrainReport { complete, settled, returned, running })
    }

    /// The first half of a drain, which never blocks: simulations go on by themselves.
    #[doc(hidden)]
    pub fn begin_drain(&self) {
        let shared = self.shared();
        shared.shut(Open::Draining);
        shared.bus.say(shared.now(), || Event::EngineDraining);
        // Every session once: an admission that read `Open` is over, and windows close.
        shared.table.for_each(|session| {
            if !planted!(DrainsUnseen) {
                shared.transition(session, shared.now(), |m, cx| (m.notice_door(cx), ()));
            }
        });
    }

    /// Stops every run, cause `close`, returns what waits, and joins every thread. What has not
    /// come back at the deadline is fenced and listed. Blocks; may be called again.
    ///
    /// # Errors
    /// `WouldDeadlock` on an engine thread: drop the handle there instead.
    pub fn close(&self, within: Duration) -> Result<Closed, Error> {
        may_block("a close")?;
        Ok(self.core.close(deadline(within)))
    }
}

impl Core {
    /// Everything that waits is returned, and every run is told to stop.
    fn end_all(&self, cause: Cause) {
        let shared = &self.shared;
        shared.table.for_each(|session| {
            shared.transition(session, shared.now(), |m, cx| m.close(cause, cx));
        });
    }

    /// The first half of a close, which never blocks: refuse, return, stop, call the workers out.
    pub(super) fn begin_close(&self) {
        let shared = &self.shared;
        shared.shut(Open::Closed);
        self.end_all(Cause::Close);
        for door in shared.doors.all() {
            // Misfits only: every session has been cleared.
            while door.gate.take_ticket() == Found::Ticket {
                drop(door.ready.take(None, || (shared.now(), Duration::ZERO)));
            }
            door.gate.ring_all();
        }
        self.staff.takers.ports().iter().for_each(|port| port.rouse());
        shared.timer.close();
        shared.end_callbacks();
        self.end_recovery();
        // It stays open for the ends of the runs that were just told to stop.
        self.staff.end_line(shared);
    }

    fn close(&self, until: Option<Instant>) -> Closed {
        self.begin_close();
        let all_gone = self.staff.wait_gone(until);
        if !all_gone {
            self.fence();
        }
        // Whoever is at it finds the engine closed, and may have started the journal's thread.
        let mut joined = self.recovery_over(until);
        if let Some(jots) = &self.shared.jots {
            jots.end();
        }
        for helper in self.helpers.lock().iter_mut() {
            joined &= helper.join(until) == Waited::Set;
        }
        joined &= self.shared.bus.close(until) == Waited::Set;
        match self.orphans() {
            stuck if stuck.is_empty() && all_gone && joined => Closed::Closed,
            stuck => Closed::Stuck(stuck),
        }
    }

    /// P12: at the deadline, whoever still executes is fenced.
    fn fence(&self) {
        let mut live = Vec::new();
        self.shared.table.for_each(|session| {
            if let Some((run, ..)) = session.lock().machine.running() {
                live.push((Arc::clone(session), run));
            }
        });
        for (session, run) in live {
            // Stale: it has come back meanwhile.
            let _ = self.abandon(&session, run, Cause::Close);
        }
    }

    fn orphans(&self) -> Vec<StuckRun> {
        let orphan = |o: crate::lane::Orphan| StuckRun {
            run: o.run,
            key: o.key.to_string(),
            lane: o.lane.to_string(),
            age: o.since.elapsed(),
        };
        self.staff.orphans().into_iter().map(orphan).collect()
    }

    /// Runs that execute or wait now.
    fn running(&self) -> Vec<StuckRun> {
        let now = self.shared.now();
        let mut runs = Vec::new();
        self.shared.table.for_each(|session| runs.extend(self.running_in(session, now)));
        runs
    }

    fn running_in(&self, session: &Session, now: Moment) -> Option<StuckRun> {
        let (run, lane, started, _): (_, _, _, SlotState) = session.lock().machine.running()?;
        let (key, lane) = (session.key.to_string(), self.shared.lane_name(lane).to_string());
        Some(StuckRun { run, key, lane, age: now.since(started) })
    }
}
