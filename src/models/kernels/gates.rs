//! The gate, its bell and a ready channel, with workers of a few lines that call what the real ones
//! call.

use std::time::Duration;

use super::stage::EVER;
use crate::session::{Call, Found, Gate, Owed, Resume, Woken};
use crate::sync::atomic::AtomicU8;
use crate::sync::channel::{Receiver, Sender, unbounded};
use crate::sync::oneshot::{Latch, Waited};
use crate::sync::tally::{AtomicU64, Ordering};
use crate::sync::{Arc, thread};

/// Tickets from here on come back once.
const BACK: u64 = 100;

/// A lane without sessions: a ticket is a number.
struct Lane {
    gate: Gate,
    ready: (Sender<u64>, Receiver<u64>),
    /// What was taken out, added up; and how many execute.
    taken: AtomicU64,
    executing: AtomicU64,
    cap: u64,
    /// How much there is to take, and that it is taken.
    all: u64,
    served: Latch,
    /// 1 once there is nothing more to come.
    closed: AtomicU8,
}

fn lane(cap: u32, all: u64) -> Arc<Lane> {
    Arc::new(Lane {
        gate: Gate::new(cap),
        ready: unbounded(),
        taken: AtomicU64::new(0),
        executing: AtomicU64::new(0),
        cap: u64::from(cap),
        all,
        served: Latch::default(),
        closed: AtomicU8::new(0),
    })
}

impl Lane {
    /// As an issued ticket: into the channel, into the gate, and somebody is called.
    fn arrive(&self, ticket: u64) {
        let _ = self.ready.0.send(ticket);
        self.answer(self.gate.arrive());
    }

    /// All workers are there already: nobody needs to be hired.
    fn answer(&self, call: Call) {
        if call == Call::Ring {
            self.gate.ring();
        }
    }

    /// A run that is as short as can be. A ticket of more than a hundred goes to the back of the
    /// channel once, as that of a session whose slice is over: its worker calls somebody later.
    fn execute(&self) -> Owed {
        let before = self.executing.fetch_add(1, Ordering::SeqCst);
        assert!(before < self.cap, "P3: {} runs in {} slots", before + 1, self.cap);
        let ticket = loop {
            match self.ready.1.try_recv() {
                Ok(ticket) => break ticket,
                Err(_) => thread::spin(),
            }
        };
        if self.taken.fetch_add(ticket % BACK, Ordering::SeqCst) + ticket % BACK == self.all {
            self.served.set();
        }
        self.executing.fetch_sub(1, Ordering::SeqCst);
        if ticket < BACK {
            return Owed::No;
        }
        let _ = self.ready.0.send(ticket % BACK);
        assert_eq!(self.gate.arrive_uncalled(), Call::Nobody);
        Owed::Call
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst) == 1
    }

    /// As `lane::Worker::work`.
    fn work(&self, patience: Duration) {
        let mut found = self.gate.look();
        loop {
            found = match found {
                Found::Ticket => {
                    let owed = self.execute();
                    let (found, call) = self.gate.leave_and_look(owed);
                    self.answer(call);
                    found
                }
                Found::Sleep if self.is_closed() => return,
                Found::Sleep => match self.gate.sleep(patience) {
                    Woken::Rung => self.gate.look(),
                    Woken::Bored => return,
                },
            }
        }
    }

    fn close(&self) {
        self.closed.store(1, Ordering::SeqCst);
        self.gate.ring_all();
    }
}

fn go(lane: &Arc<Lane>, body: impl FnOnce(&Lane) + Send + 'static) -> thread::JoinHandle<()> {
    let lane = Arc::clone(lane);
    thread::spawn("worker".to_owned(), move || body(&lane)).expect("a thread")
}

/// Everything is served by itself; then the workers are called out.
fn end(lane: &Lane, workers: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    assert_eq!(lane.served.wait_until(None), Waited::Set);
    lane.close();
    workers.into_iter().for_each(super::stage::join);
    let word = lane.gate.word();
    assert_eq!((word.tickets, word.executing), (0, 0), "P4: a ticket was left behind");
}

/// Two producers, two workers, more tickets than slots.
pub(super) fn p4_every_ticket_is_served() {
    let lane = lane(2, 12);
    let workers = [go(&lane, |lane| lane.work(EVER)), go(&lane, |lane| lane.work(EVER))];
    let producer = go(&lane, |lane| lane.arrive(BACK + 1));
    lane.arrive(10);
    super::stage::join(producer);
    end(&lane, workers);
}

/// One worker stays, one has no patience: a ring is never lost with the one who leaves.
pub(super) fn p3_a_bored_worker_takes_no_ring_with_it() {
    let lane = lane(2, 11);
    let workers = [go(&lane, |lane| lane.work(EVER)), go(&lane, |lane| lane.work(Duration::ZERO))];
    let producer = go(&lane, |lane| lane.arrive(1));
    lane.arrive(10);
    super::stage::join(producer);
    end(&lane, workers);
}

/// The lane is paused and resumed while tickets come.
pub(super) fn p3_no_resize_lets_too_many_in() {
    let lane = lane(2, 11);
    let workers = [go(&lane, |lane| lane.work(EVER)), go(&lane, |lane| lane.work(EVER))];
    let resizes = go(&lane, |lane| {
        lane.gate.resize(0);
        lane.gate.resize(1);
        lane.gate.serve_resumers();
        lane.answer(lane.gate.call_if_needed());
    });
    lane.arrive(1);
    lane.arrive(10);
    super::stage::join(resizes);
    end(&lane, workers);
}

/// A run lends its slot and wants it back while another ticket comes: both get their turn.
pub(super) fn p3_a_resumer_goes_before_tickets_and_leaves_none_behind() {
    let lane = lane(1, 1);
    let worker = go(&lane, |lane| lane.work(EVER));
    let resumer = go(&lane, |lane| {
        // A run of its own, which has waited.
        lane.answer(lane.gate.resume());
        lane.answer(lane.gate.leave());
    });
    let other = Arc::new(Latch::default());
    lane.arrive(1);
    lane.gate.resume_by(Arc::clone(&other) as Arc<dyn Resume>);
    assert_eq!(other.wait_until(None), Waited::Set);
    lane.answer(lane.gate.leave());
    super::stage::join(resumer);
    end(&lane, [worker]);
}

/// Two host threads that pull; each ticket is one's.
pub(super) fn p4_pulls_take_each_ticket_once() {
    let lane = lane(2, 11);
    let pull = |lane: &Lane| {
        while lane.gate.pull() == Found::Ticket {
            let _ = lane.execute();
            lane.answer(lane.gate.leave());
        }
    };
    let pulls = [go(&lane, pull), go(&lane, pull)];
    lane.arrive(1);
    lane.arrive(10);
    pulls.into_iter().for_each(super::stage::join);
    // Who found nothing is told of what comes later: here it looks itself.
    pull(&lane);
    assert_eq!(lane.taken.load(Ordering::SeqCst), 11);
}
