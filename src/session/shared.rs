//! What every transition needs, and what becomes of its consequences. Nothing is held while
//! acting. P7.

use super::cell::Cell;
use super::door::{Door, Doors};
use super::due::What;
use super::entry::{Code, Item};
use super::hooks::Hooks;
use super::jots::{Ending, Jots};
use super::machine::Door as Open;
use super::next::{Alarm, Effects, Next, Settlement};
use super::node::Fired;
use super::notes;
use super::report::Reporting;
use super::session::Session;
use super::settings::Versions;
use super::table::Table;
use crate::config::Config;
use crate::model::{Fate, LaneId, Outcome, Settled};
use crate::store::Transcripts;
use crate::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::sync::channel::{Receiver, Sender, unbounded};
use crate::sync::on::{Thread, kind};
#[cfg(feature = "journal")]
use crate::sync::oneshot::Latch;
use crate::sync::swap::Current;
use crate::sync::{Arc, Padded, caught};
use crate::time::{Clock, Moment, Timer};
use crate::watch::{Bus, Count, Counters, Quota, Seat, Seats};

/// Who starts a worker when a ticket finds nobody. Implemented by `lane`.
pub(crate) trait Hire<C>: Send + Sync {
    fn hire(self: Arc<Self>, shared: &Arc<Shared<C>>, door: &Arc<Door<C>>);
}

/// Something of the host's that is to be called once.
type HostCode = Box<dyn FnOnce() + Send>;

/// The engine without its threads.
pub(crate) struct Shared<C> {
    pub(crate) clock: Clock,
    pub(crate) timer: Timer<What<C>>,
    pub(crate) bus: Arc<Bus>,
    pub(crate) counters: Counters,
    /// Who counts without sharing a stripe.
    pub(crate) seats: Seats,
    /// Messages and closures that were admitted and have no fate.
    pub(crate) pending: Quota,
    pub(crate) bytes: Quota,
    /// Replaced by `reload`; read at most once a transition.
    pub(super) config: Versions,
    /// `limits.closure_cap`, by itself: closures need no other setting. Written by `reload`.
    pub(super) closure_cap: AtomicU32,
    pub(crate) table: Table<C>,
    pub(crate) doors: Doors<C>,
    pub(crate) staff: Arc<dyn Hire<C>>,
    pub(super) hooks: Hooks,
    /// Set where accepted messages outlive the process.
    pub(crate) jots: Option<Jots>,
    /// None costs a branch.
    pub(crate) transcripts: Option<Transcripts>,
    /// 0 open, 1 draining, 2 closed. Written by drain and close; read inside every session lock.
    open: AtomicU8,
    /// Drawn by all workers: on lines of its own, for what is around it is read by everybody.
    run_ids: Padded<AtomicU64>,
    pub(super) reporting: Reporting,
    /// Callbacks that the timer thread must not call itself.
    aux: (Sender<Option<HostCode>>, Receiver<Option<HostCode>>),
}

impl<C: Code> Shared<C> {
    pub(crate) fn new(
        config: Config,
        clock: Clock,
        staff: Arc<dyn Hire<C>>,
        hooks: Hooks,
        transcripts: Option<Transcripts>,
    ) -> Self {
        Self {
            timer: Timer::new(clock.clone()),
            table: Table::new(&clock),
            clock,
            bus: Arc::new(Bus::new(config.limits.ring_events)),
            counters: Counters::new(),
            seats: Seats::new(),
            pending: Quota::new(u64::from(config.limits.max_pending)),
            bytes: Quota::new(config.limits.max_bytes),
            closure_cap: AtomicU32::new(config.limits.closure_cap),
            config: Versions::new(config),
            doors: Doors::new(),
            staff,
            hooks,
            jots: None,
            transcripts,
            open: AtomicU8::new(0),
            run_ids: Padded(AtomicU64::new(1)),
            reporting: Reporting::default(),
            aux: unbounded(),
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    #[inline]
    pub(crate) fn open(&self) -> Open {
        // SeqCst: after a drain has stored it and locked every session once, no admission can
        // have read the old value.
        match self.open.load(Ordering::SeqCst) {
            0 => Open::Open,
            1 => Open::Draining,
            _ => Open::Closed,
        }
    }

    /// The settings in force.
    #[inline]
    pub(crate) fn config(&self) -> Current<Config> {
        self.config.current()
    }

    /// Replaces the settings whole, bounds included.
    pub(crate) fn set_config(&self, config: Config) {
        self.pending.set_max(u64::from(config.limits.max_pending));
        self.bytes.set_max(config.limits.max_bytes);
        self.bus.set_bound(config.limits.ring_events);
        self.closure_cap.store(config.limits.closure_cap, Ordering::Relaxed);
        // A drain may have added up in between.
        self.nudge_drain();
        self.config.replace(config);
    }

    /// Shuts the door further; it never opens again.
    pub(crate) fn shut(&self, to: Open) {
        self.open.fetch_max(to as u8, Ordering::SeqCst);
    }

    /// Runs of a former process keep their numbers.
    #[cfg(feature = "journal")]
    pub(crate) fn skip_run_ids(&self, used: u64) {
        self.run_ids.0.fetch_max(used + 1, Ordering::Relaxed);
    }

    /// A block of run ids: one shared write for all of them.
    pub(crate) fn draw_run_ids(&self, n: u64) -> std::ops::Range<u64> {
        let first = self.run_ids.0.fetch_add(n, Ordering::Relaxed);
        first..first + n
    }

    /// Carries out what a transition asked for: nearly always nothing.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "on every path, and nearly always two comparisons")]
    pub(crate) fn act(self: &Arc<Self>, session: &Arc<Session<C>>, now: Moment, next: Next<C>) {
        if !next.is_nothing() {
            self.act_now(session, now, next);
        }
        self.nudge_drain();
    }

    fn act_now(self: &Arc<Self>, session: &Arc<Session<C>>, now: Moment, next: Next<C>) {
        if let Some(effects) = next.list {
            self.act_on(session, now, *effects);
        }
        match next.alarm {
            Alarm::Leave => {}
            Alarm::Arm(at) => self.timer.arm(at, What::Session(Arc::clone(session))),
            Alarm::Rearm(at) => {
                self.timer.arm(at, What::Session(Arc::clone(session)));
                self.timer.give_up();
            }
            Alarm::GiveUp => self.timer.give_up(),
        }
        if let Some(tag) = next.ticket {
            self.issue(session, tag, Some(now));
        }
    }

    fn act_on(self: &Arc<Self>, session: &Arc<Session<C>>, now: Moment, effects: Effects<C>) {
        let Effects {
            settled,
            waited,
            notes,
            draws,
            cancel,
            wakes,
            remains,
            lost_closures,
            order_violations,
            lines,
        } = effects;
        if let (Some(jots), Some(lines)) = (&self.jots, lines) {
            jots.lines(&session.key, &lines);
        }
        if order_violations > 0 {
            self.counters.add(Count::OrderViolation, u64::from(order_violations));
        }
        if !notes.is_empty() {
            let numbered = notes.into_iter().zip(draws);
            let records: Vec<_> = numbered
                .filter_map(|(note, draw)| {
                    draw.map(|draw| draw.record(now, notes::event(self, session, note)))
                })
                .collect();
            self.bus.publish(records);
        }
        let waited = waited.into_iter().flat_map(|(all, fate)| {
            all.into_items().map(move |item| Settlement::of_waiting(item, fate))
        });
        self.settle(session, settled.into_iter().chain(waited), lost_closures);
        if let Some((token, cause)) = cancel
            && let Some(fired) = token.signal(cause)
        {
            self.call(fired);
        }
        for (watch, why) in wakes {
            watch.wake(why);
            caught::let_go(watch);
        }
        caught::let_go(remains);
    }

    /// Calls what a cancel must call; the threads of timer and journal leave it to another.
    pub(super) fn call(&self, fired: Fired) {
        if !fired.is_empty() {
            self.call_host(move || fired.call());
        }
    }

    /// Calls the host's code, with no lock held. P7: a panic stays here, and the timer's and
    /// the journal's threads leave it to another.
    pub(crate) fn call_host(&self, code: impl FnOnce() + Send + 'static) {
        if matches!(kind(), Thread::Timer | Thread::Journal) {
            let _ = self.aux.0.send(Some(Box::new(code)));
        } else {
            let _ = caught::call(code);
        }
    }

    /// The work of the `laneq-callbacks` thread: one callback after the other until the end.
    pub(crate) fn call_back(&self) {
        while let Ok(Some(code)) = self.aux.1.recv() {
            let _ = caught::call(code);
        }
    }

    /// Blocks until what was left to the `laneq-callbacks` thread so far has been called.
    #[cfg(feature = "journal")]
    pub(crate) fn settle_callbacks(&self) {
        let done = Arc::new(Latch::default());
        let told = Arc::clone(&done);
        if self.open() != Open::Closed
            && self.aux.0.send(Some(Box::new(move || told.set()))).is_ok()
        {
            let _ = done.wait_until(None);
        }
    }

    /// Behind the last worker: the lines to the observers and to the journal end.
    pub(crate) fn end_lines(&self) {
        self.bus.end();
        if let Some(jots) = &self.jots {
            jots.end();
        }
    }

    pub(crate) fn end_callbacks(&self) {
        let _ = self.aux.0.send(None);
    }

    /// Counts: without a locked instruction where the thread counts alone.
    #[inline]
    pub(crate) fn count(&self, seat: Option<&Seat>, what: Count, n: u64) {
        match seat {
            Some(seat) => self.counters.own(seat).add(what, n),
            None => self.counters.add(what, n),
        }
    }

    /// The books of one fate. P4.
    #[inline]
    pub(crate) fn book(&self, seat: Option<&Seat>, fate: Fate, n: u64, bytes: u64) {
        self.count(seat, Count::Fate(fate), n);
        self.pending.give(n);
        if bytes > 0 {
            self.bytes.give(bytes);
        }
    }

    /// The books of a closure that ran to its end, and that another follows. P4.
    #[inline]
    pub(crate) fn book_closure(&self, seat: Option<&Seat>) {
        self.count_closure(seat);
        match seat {
            Some(seat) => self.pending.give_own(seat, 1),
            None => self.pending.give(1),
        }
    }

    /// Room for one more, once the last closure of a session has been counted and told: a drain may
    /// wait for it.
    #[inline]
    pub(crate) fn give_last(&self) {
        self.pending.give(1);
        self.nudge_drain();
    }

    /// A closure ran to its end.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "two additions of each closure")]
    pub(crate) fn count_closure(&self, seat: Option<&Seat>) {
        let (done, ran) = (Count::Run(Outcome::Done), Count::Fate(Fate::Ran));
        match seat {
            Some(seat) => {
                let own = self.counters.own(seat);
                own.add(done, 1);
                own.add(ran, 1);
            }
            None => {
                self.counters.add(done, 1);
                self.counters.add(ran, 1);
            }
        }
    }

    /// P11: what has its fate does not come back. Nobody waits for the commit: who hears of a fate
    /// twice, before and after a crash, has lost nothing.
    pub(crate) fn keep_fate(&self, cell: &Cell, ending: Ending) {
        if let Some(jots) = &self.jots {
            jots.settled(cell, ending, &self.config().inbound);
        }
    }

    /// Tells messages and closures of their fates, outside every lock, and books them, with those
    /// of closures that nobody can be told of. P9: whoever has been told soon finds the room.
    fn settle(
        &self,
        session: &Session<C>,
        settled: impl Iterator<Item = Settlement<C>>,
        untold: Vec<Fate>,
    ) {
        /// Of one fate, so many are booked at once.
        const TOGETHER: u64 = 64;
        let (mut last, mut n, mut bytes) = (Fate::Ran, 0, 0);
        for settlement in settled {
            if settlement.fate != last || n == TOGETHER {
                self.book_some(last, n, bytes);
                (last, n, bytes) = (settlement.fate, 0, 0);
            }
            n += 1;
            bytes += self.tell(session, settlement);
        }
        self.book_some(last, n, bytes);
        for fate in untold {
            self.book(None, fate, 1, 0);
        }
    }

    fn book_some(&self, fate: Fate, n: u64, bytes: u64) {
        if n > 0 {
            self.book(None, fate, n, bytes);
        }
    }

    /// Tells one message or closure of its fate; answers how many bytes it has.
    fn tell(&self, session: &Session<C>, settlement: Settlement<C>) -> u64 {
        let Settlement { item, fate, run, outcome, error } = settlement;
        match item {
            Item::Message(cell) => {
                self.report(&cell, &session.key, fate);
                cell.telling.tell(Settled { fate, run, outcome, reply: None, lead: false, error });
                self.keep_fate(&cell, Ending { fate, run, outcome, attempt: 0 });
                let bytes = cell.bytes();
                cell.leave();
                bytes
            }
            Item::Closure(code) => {
                code.tell(Settled { fate, run, outcome, reply: None, lead: false, error });
                0
            }
        }
    }

    /// The name of a lane.
    pub(crate) fn lane_name(&self, lane: LaneId) -> Arc<str> {
        Arc::clone(&self.doors.get(lane).name)
    }
}
