//! From the transition that draws a number to the observers that hear of it in that order.
//!
//! A transition draws `seq` under its session's lock; the record is published after unlock, so
//! records arrive out of order. The line puts them right, and one thread, which exists once there
//! is anybody to listen, delivers them. A publisher never blocks and never calls host code: a slow
//! observer costs events (counted in `lost`), not runs. P7, P9.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::line::{BySeq, Draw, Life, Line};
use super::{Event, Observer, Record};
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::on::{Thread, become_kind};
use crate::sync::oneshot::{Latch, Waited};
use crate::sync::{Arc, Condvar, Mutex, caught, thread};
use crate::time::Moment;

const EVENTS: u32 = 1;
const TEXTS: u32 = 2;
/// No number is drawn any more.
const ENDED: u32 = 4;
/// Records delivered before the observers' list is read again.
const ROUND: usize = 256;

fn wishes(observer: &Arc<dyn Observer>) -> u32 {
    if observer.wants_text() { EVENTS | TEXTS } else { EVENTS }
}

/// The one way of an event from the engine to whoever listens.
pub(crate) struct Bus {
    /// Written on subscribe; read before any event is made: the whole cost without a subscriber.
    mask: AtomicU32,
    /// The last number drawn. Written inside transitions.
    drawn: AtomicU64,
    /// How many were delivered. Written by the events thread.
    delivered: AtomicU64,
    /// Events that were never numbered, because `bound` of them were waiting already.
    lost: AtomicU64,
    /// Written by a reload.
    bound: AtomicU64,
    line: Mutex<Line>,
    changed: Condvar,
    delivered_more: Condvar,
    /// Each with what it wants, as bits of the mask.
    observers: Mutex<Vec<(Arc<dyn Observer>, u32)>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    ended: Arc<Latch>,
}

impl Bus {
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            mask: AtomicU32::new(0),
            drawn: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            bound: AtomicU64::new(bound as u64),
            line: Mutex::new(Line { heap: BinaryHeap::new(), next: 1, life: Life::Going }),
            changed: Condvar::new(),
            delivered_more: Condvar::new(),
            observers: Mutex::new(Vec::new()),
            thread: Mutex::new(None),
            ended: Arc::new(Latch::default()),
        }
    }

    /// Changes how many events may wait.
    pub(crate) fn set_bound(&self, bound: usize) {
        self.bound.store(bound as u64, Ordering::Relaxed);
    }

    /// Whether anybody listens: one load.
    #[inline]
    pub(crate) fn on(&self) -> bool {
        self.mask.load(Ordering::Relaxed) != 0
    }

    /// Whether `run.started` should carry its text.
    pub(crate) fn wants_text(&self) -> bool {
        self.mask.load(Ordering::Relaxed) & TEXTS != 0
    }

    /// Draws the next number, inside a transition; nothing if nobody listens or too many wait.
    #[inline]
    pub(crate) fn draw(&self) -> Option<Draw> {
        if !self.on() {
            return None;
        }
        self.draw_slow()
    }

    #[cold]
    fn draw_slow(&self) -> Option<Draw> {
        if self.mask.load(Ordering::Relaxed) & ENDED != 0 {
            return None;
        }
        let behind = self
            .drawn
            .load(Ordering::Relaxed)
            .saturating_sub(self.delivered.load(Ordering::Relaxed));
        if behind >= self.bound.load(Ordering::Relaxed) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Draw(self.drawn.fetch_add(1, Ordering::SeqCst) + 1))
    }

    /// Puts records into the line, in any order.
    pub(crate) fn publish(&self, records: impl IntoIterator<Item = Record>) {
        let mut line = self.line.lock();
        line.heap.extend(records.into_iter().map(|record| Reverse(BySeq(record))));
        if line.head_is_next() {
            self.changed.notify_one();
        }
    }

    /// An event that is not part of a session's transition.
    pub(crate) fn say(&self, at: Moment, event: impl FnOnce() -> Event) {
        let _ = self.say_numbered(at, event);
    }

    /// The same; answers its number, if it was given one.
    pub(crate) fn say_numbered(&self, at: Moment, event: impl FnOnce() -> Event) -> Option<u64> {
        let draw = self.draw()?;
        let seq = draw.0;
        self.publish([draw.record(at, event())]);
        Some(seq)
    }

    /// Adds an observer, and the thread if it is the first.
    pub(crate) fn subscribe(self: &Arc<Self>, observer: Arc<dyn Observer>) -> std::io::Result<()> {
        {
            let mut slot = self.thread.lock();
            if self.line.lock().life != Life::Going {
                drop(slot);
                // Too late: it hears that at once. P7: a panic of its own stays here.
                let _ = caught::call(|| observer.on_end());
                return Ok(());
            }
            if slot.is_none() {
                let bus = Arc::clone(self);
                *slot = Some(thread::spawn("laneq-events".to_owned(), move || bus.deliver())?);
            }
        }
        let bits = wishes(&observer);
        {
            let mut observers = self.observers.lock();
            observers.push((observer, bits));
            self.mask.fetch_or(bits, Ordering::Relaxed);
        }
        if self.line.lock().life == Life::Ended {
            self.dismiss();
        }
        Ok(())
    }

    /// Tells everybody that it is over. Whoever subscribes meanwhile is told here or there.
    fn dismiss(&self) {
        let observers = std::mem::take(&mut *self.observers.lock());
        for (observer, _) in observers {
            let _ = caught::call(|| observer.on_end());
            caught::let_go(observer);
        }
    }

    /// Who listens now; those who do not any more are let go.
    fn listeners(&self) -> Vec<Arc<dyn Observer>> {
        let all: Vec<_> = self.observers.lock().iter().map(|(o, _)| Arc::clone(o)).collect();
        let is_over = |o: &Arc<dyn Observer>| caught::call(|| o.is_over()).unwrap_or(false);
        let (gone, here): (Vec<_>, Vec<_>) = all.into_iter().partition(is_over);
        if !gone.is_empty() {
            let mut observers = self.observers.lock();
            observers.retain(|(o, _)| !gone.iter().any(|other| Arc::ptr_eq(o, other)));
            let bits = observers.iter().fold(0, |bits, (_, wishes)| bits | wishes);
            self.mask.fetch_and(ENDED | bits, Ordering::Relaxed);
            drop(observers);
            // P7: dropped with no lock held.
            gone.into_iter().for_each(caught::let_go);
        }
        here
    }

    fn deliver(&self) {
        become_kind(Thread::Events);
        let mut round: Vec<Record> = Vec::new();
        while self.fill(&mut round) {
            let observers = self.listeners();
            for record in &round {
                for observer in &observers {
                    // P7: a panicking observer stops neither the others nor the engine.
                    let _ = caught::call(|| observer.on_event(record));
                }
            }
            drop(observers);
            let _line = self.line.lock();
            self.delivered.fetch_add(round.len() as u64, Ordering::Relaxed);
            self.delivered_more.notify_all();
            round.clear();
        }
        self.dismiss();
        self.ended.set();
    }

    /// Blocks for the records that are next; false once none will come.
    fn fill(&self, round: &mut Vec<Record>) -> bool {
        let mut line = self.line.lock();
        while !line.head_is_next() {
            // Whoever has drawn a number is about to publish it.
            if line.life == Life::Closing && line.next > self.drawn.load(Ordering::SeqCst) {
                line.life = Life::Ended;
                return false;
            }
            self.changed.wait(&mut line);
        }
        while line.head_is_next() && round.len() < ROUND {
            line.next += 1;
            round.extend(line.heap.pop().map(|Reverse(head)| head.0));
        }
        true
    }

    /// How many events wait for delivery.
    pub(crate) fn behind(&self) -> u64 {
        self.drawn.load(Ordering::Relaxed).saturating_sub(self.delivered.load(Ordering::Relaxed))
    }

    /// How many events were given up because too many waited.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Blocks until at most `most` events wait, or `until`. Not on the events thread.
    pub(crate) fn settle(&self, most: u64, until: Option<Instant>) -> Waited {
        let mut line = self.line.lock();
        while self.on() && self.behind() > most {
            match until {
                None => self.delivered_more.wait(&mut line),
                Some(at) if self.delivered_more.wait_until(&mut line, at).timed_out() => {
                    return Waited::TimedOut;
                }
                Some(_) => {}
            }
        }
        Waited::Set
    }

    /// The line ends with what is in it or has its number; the thread ends by itself.
    pub(crate) fn end(&self) {
        self.mask.fetch_or(ENDED, Ordering::SeqCst);
        let mut line = self.line.lock();
        if line.life == Life::Going {
            line.life = Life::Closing;
        }
        self.changed.notify_all();
    }

    /// Delivers what is in the line and ends the thread; `TimedOut` if an observer is stuck.
    pub(crate) fn close(&self, until: Option<Instant>) -> Waited {
        self.end();
        if self.thread.lock().is_none() {
            return Waited::Set;
        }
        // P12: a close that comes again waits for the same thread.
        let waited = self.ended.wait_until(until);
        if waited == Waited::Set
            && let Some(handle) = self.thread.lock().take()
        {
            // The body caught every panic of an observer; there is nothing to report.
            let _ = handle.join();
        }
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_delivered_in_the_order_of_their_numbers() {
        let bus = Arc::new(Bus::new(16));
        let (tx, rx) = std::sync::mpsc::channel();
        bus.subscribe(Arc::new(move |r: &Record| tx.send(r.seq).expect("the test lives")))
            .expect("a thread");
        let first = bus.draw().expect("somebody listens");
        let second = bus.draw().expect("somebody listens");
        bus.publish([second.record(Moment::START, Event::EngineDraining)]);
        bus.publish([first.record(Moment::START, Event::EngineStarted)]);
        assert_eq!([rx.recv(), rx.recv()], [Ok(1), Ok(2)]);
        assert_eq!(bus.close(None), Waited::Set);
    }

    #[test]
    fn p12_a_second_close_waits_for_what_the_first_did_not() {
        let bus = Arc::new(Bus::new(16));
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let stays = move |_: &Record| {
            let _ = gate.lock().expect("no panic under it").recv();
        };
        bus.subscribe(Arc::new(stays)).expect("a thread");
        let told = bus.draw().expect("somebody listens");
        bus.publish([told.record(Moment::START, Event::EngineStarted)]);
        for _ in 0..2 {
            assert_eq!(bus.close(Some(Instant::now())), Waited::TimedOut);
        }
        drop(open);
        assert_eq!(bus.close(None), Waited::Set);
    }

    #[test]
    fn p9_a_line_that_is_full_counts_what_it_loses() {
        let bus = Arc::new(Bus::new(2));
        bus.subscribe(Arc::new(|_: &Record| {})).expect("a thread");
        let kept: Vec<_> = (0..2).map(|_| bus.draw().expect("room")).collect();
        assert!(bus.draw().is_none());
        assert_eq!(bus.lost(), 1);
        bus.publish(kept.into_iter().map(|d| d.record(Moment::START, Event::EngineStarted)));
        assert_eq!(bus.settle(0, None), Waited::Set);
        assert_eq!(bus.close(None), Waited::Set);
    }

    #[test]
    fn who_stops_listening_is_let_go_and_who_stays_hears_the_end() {
        struct Ear(Arc<AtomicU32>, bool);
        impl Observer for Ear {
            fn on_event(&self, _: &Record) {}
            fn on_end(&self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
            fn is_over(&self) -> bool {
                self.1
            }
        }
        let bus = Arc::new(Bus::new(16));
        let ends = Arc::new(AtomicU32::new(0));
        for over in [true, false] {
            bus.subscribe(Arc::new(Ear(Arc::clone(&ends), over))).expect("a thread");
        }
        bus.say(Moment::START, || Event::EngineStarted);
        assert_eq!(bus.settle(0, None), Waited::Set);
        assert_eq!(bus.observers.lock().len(), 1);
        assert_eq!(bus.close(None), Waited::Set);
        assert_eq!(ends.load(Ordering::Relaxed), 1);
        bus.subscribe(Arc::new(Ear(Arc::clone(&ends), false))).expect("no thread any more");
        assert_eq!(ends.load(Ordering::Relaxed), 2, "whoever comes too late hears it at once");
    }

    #[test]
    fn p7_an_observer_that_panics_hears_the_next_event() {
        let bus = Arc::new(Bus::new(16));
        let heard = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&heard);
        bus.subscribe(Arc::new(move |_: &Record| {
            count.fetch_add(1, Ordering::Relaxed);
            std::panic::resume_unwind(Box::new("planned"));
        }))
        .expect("a thread");
        bus.say(Moment::START, || Event::EngineStarted);
        bus.say(Moment::START, || Event::EngineDraining);
        assert_eq!(bus.close(None), Waited::Set);
        assert_eq!(heard.load(Ordering::Relaxed), 2);
    }
}
