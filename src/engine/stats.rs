//! Figures: one snapshot of the counters, and an audit that counts message by message.

use super::Engine;
use crate::model::{Fate, Outcome};
use crate::run::Closure;
use crate::session::Door;
use crate::sync::atomic::Ordering;
use crate::watch::{Audit, Count, LaneStats, Stats};

impl Engine {
    /// One snapshot of all figures. Takes no session's lock. Counters are exact whenever no call
    /// is in flight.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = self.shared();
        let sum = |what| shared.counters.sum(what);
        let outcomes = [Outcome::Done, Outcome::Failed, Outcome::Stopped, Outcome::Panicked];
        Stats {
            accepted: sum(Count::Accepted),
            refused: sum(Count::Refused),
            pending: shared.pending.taken(),
            pending_bytes: shared.bytes.taken(),
            fates: Fate::ALL.map(|fate| sum(Count::Fate(fate))),
            runs: outcomes.map(|outcome| sum(Count::Run(outcome))),
            sessions: shared.table.len() as u64,
            events_lost: shared.bus.lost(),
            order_violations: sum(Count::OrderViolation),
            double_runs: sum(Count::DoubleRun),
            lanes: shared.doors.all().map(|door| lane(door)).collect(),
            sampled: true,
        }
    }

    /// Whether something is pending, and all of it waits for paused lanes. Locks sessions only
    /// while a lane is paused, up to the first that can go on.
    #[must_use]
    pub fn is_stranded(&self) -> bool {
        let doors = &self.shared().doors;
        let is_paused = |door: &Door<Closure>| door.gate.word().cap == 0;
        if !doors.all().any(|door| is_paused(door)) {
            return false;
        }
        let mut busy = false;
        let moving = self.shared().table.find(|session| {
            let mut locked = session.lock_awake()?;
            if locked.machine.pending() == 0 {
                return None;
            }
            busy = true;
            let waits = locked.machine.waits_for();
            let stays = waits.is_some_and(|lane| is_paused(doors.get(lane)));
            (!stays).then_some(())
        });
        busy && moving.is_none()
    }

    /// Locks every session once and counts what is in it: the second view of P4.
    #[must_use]
    pub fn audit(&self) -> Audit {
        let doors = &self.shared().doors;
        let room = self.shared().table.room() as u64;
        let mut audit =
            Audit { room, timers: self.shared().timer.len() as u64, ..Audit::default() };
        self.shared().table.for_each(|session| {
            audit.sessions += 1;
            let Some(mut locked) = session.lock_awake() else { return };
            let pending = locked.machine.pending();
            audit.pending += pending;
            audit.unbalanced += u64::from(!locked.machine.balances());
            audit.busy += u64::from(pending > 0);
            let paused =
                locked.machine.waits_for().map(|lane| doors.get(lane).gate.word().cap == 0);
            audit.paused += u64::from(paused == Some(true));
        });
        audit
    }
}

fn lane(door: &Door<Closure>) -> LaneStats {
    let word = door.gate.word();
    LaneStats {
        name: door.name.to_string(),
        concurrency: word.cap,
        executing: word.executing,
        waiting: door.lent.load(Ordering::SeqCst),
        resuming: door.gate.resuming(),
        ready: word.tickets,
        workers: door.workers.load(Ordering::SeqCst),
        idle: word.idle,
        lane_wait: door.lane_wait.percentiles(),
        message_wait: door.message_wait.percentiles(),
        run: door.run.percentiles(),
    }
}
