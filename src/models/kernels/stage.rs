//! One lane with its real workers, and what its runs were seen to do.

use std::time::Duration;

use crate::lane::{Handler, Staff};
use crate::run::{Closure, Crew, Run, Shared, WaitGraph};
use crate::session::{Cell, Door, Hire, Hooks, LANES_MAX, Open, Origin, Session, Terms};
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::unseen::Mutex;
use crate::sync::{Arc, par, thread};
use crate::time::{Clock, ManualClock};
use crate::watch::Count;
use crate::{BoxError, Config, HandlerOptions, Lane, Message, Mode, Reply};

/// Without end: a wait that nobody ends is a deadlock, which loom reports.
pub(super) const EVER: Duration = Duration::MAX;

/// Keys of the runs that execute, and the texts of all that have started.
#[derive(Default)]
pub(super) struct Seen {
    live: Vec<String>,
    most: usize,
    texts: Vec<String>,
    /// Whether two runs of a key may overlap.
    lax: bool,
}

#[derive(Clone)]
pub(super) struct Stage {
    pub(super) shared: Arc<Shared>,
    pub(super) door: Arc<Door<Closure>>,
    pub(super) clock: ManualClock,
    pub(super) staff: Arc<Staff>,
    seen: Arc<Mutex<Seen>>,
}

fn config(slots: u32, idle: Duration) -> Config {
    let lanes = [("main".to_owned(), Lane::new(slots))].into_iter().collect();
    let mut config = Config { lanes, ..Config::default() };
    config.engine.worker_idle = idle;
    config.with_queue(|queue| queue.mode = Mode::Followup)
}

impl Stage {
    /// As many workers as slots, which stay for ever, and call this handler.
    pub(super) fn new(
        slots: u32,
        handle: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    ) -> Self {
        let stage = Self::without_workers(slots, EVER, handle);
        stage.staff.prime(&stage.shared, &stage.door);
        stage
    }

    /// The same where runs are abandoned: their handlers may still execute beside the next.
    pub(super) fn lax(
        slots: u32,
        handle: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    ) -> Self {
        let stage = Self::without_workers(slots, EVER, handle);
        stage.seen.lock().expect("no panic under it").lax = true;
        stage.staff.prime(&stage.shared, &stage.door);
        stage
    }

    /// Workers come with the tickets, and leave after `idle`.
    pub(super) fn without_workers(
        slots: u32,
        idle: Duration,
        handle: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    ) -> Self {
        let crew = Crew {
            waits: WaitGraph::default(),
            tools: par::Pool::new(1),
            submit: Box::new(|_, _, _, _| unreachable!("no run of a kernel submits")),
        };
        let staff = Arc::new(Staff::new(LANES_MAX, crew));
        let hire = Arc::clone(&staff) as Arc<dyn Hire<Closure>>;
        let (config, clock) = (config(slots, idle), ManualClock::new());
        let lane = config.lanes["main"].clone();
        let real = Clock::Manual(clock.clone());
        let shared = Arc::new(Shared::new(config, real, hire, Hooks::default(), None));
        let door = shared.doors.open("main", lane).expect("a fine name");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (sees, busy) = (Arc::clone(&seen), AtomicU32::new(0));
        let handle = Box::new(move |run: &Run| {
            enter(&sees, run.key(), run.batch().text());
            // Two runs that could overlap do: loom tries both orders of these.
            busy.fetch_add(1, Ordering::SeqCst);
            let came = handle(run);
            busy.fetch_sub(1, Ordering::SeqCst);
            leave(&sees, run.key());
            came
        });
        let handler = Handler { options: HandlerOptions::default(), handle };
        staff.takers.set(None, handler).expect("it is the first");
        staff.takers.survey(&shared);
        Self { shared, door, clock, staff, seen }
    }

    pub(super) fn session(&self, key: &str) -> Arc<Session<Closure>> {
        self.shared.table.session(key)
    }

    /// A message of this mode, admitted.
    pub(super) fn send(&self, key: &str, text: &str, mode: Mode) -> Arc<Cell> {
        let message = Message::new(key, text).with_mode(mode);
        self.admit(message).expect("there is room")
    }

    pub(super) fn submit(&self, key: &str, text: &str) -> Arc<Cell> {
        self.send(key, text, Mode::Followup)
    }

    /// What a submit does once everything is checked. None if it is refused.
    pub(super) fn admit(&self, message: Message) -> Option<Arc<Cell>> {
        let shared = &self.shared;
        let bytes = message.bytes() as u64;
        let session = shared.table.session(message.key());
        let expires = message.ttl().map(|ttl| shared.now().plus(ttl));
        let terms = Terms { expires, ..Terms::default() };
        let cell = Arc::new(Cell::on(terms, message, session.serial, self.door.id));
        let _ = (shared.pending.take(1), shared.bytes.take(bytes));
        let admitted =
            shared.transition(&session, shared.now(), |m, cx| m.admit(&cell, Origin::Outside, cx));
        if admitted.is_err() {
            shared.pending.give(1);
            shared.bytes.give(bytes);
            shared.nudge_drain();
            return None;
        }
        shared.counters.add(Count::Accepted, 1);
        Some(cell)
    }

    /// A host thread.
    pub(super) fn go(&self, body: impl FnOnce(Self) + Send + 'static) -> thread::JoinHandle<()> {
        let stage = self.clone();
        thread::spawn("host".to_owned(), move || body(stage)).expect("a thread")
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.seen.lock().expect("no panic under it").texts.clone()
    }

    /// Most runs that executed at once.
    pub(super) fn most(&self) -> usize {
        self.seen.lock().expect("no panic under it").most
    }

    /// Calls the workers out, and compares the books. P1, P4.
    pub(super) fn finish(self) {
        self.shared.shut(Open::Closed);
        self.door.gate.ring_all();
        assert!(self.staff.wait_gone(None));
        assert_eq!(self.door.gate.word().executing, 0, "P3: no slot is kept or given back twice");
        assert_eq!(self.shared.pending.taken(), 0, "P4: nothing is pending");
        self.shared.table.for_each(|session| {
            let locked = session.lock();
            assert!(locked.machine.balances() && locked.machine.pending() == 0, "P4");
        });
        assert_eq!(self.shared.counters.sum(Count::DoubleRun), 0, "P1");
        assert_eq!(self.shared.counters.sum(Count::OrderViolation), 0, "P2");
    }
}

fn enter(seen: &Mutex<Seen>, key: &str, text: &str) {
    let mut seen = seen.lock().expect("no panic under it");
    let double = !seen.lax && seen.live.iter().any(|live| live == key);
    seen.live.push(key.to_owned());
    seen.texts.push(text.to_owned());
    seen.most = seen.most.max(seen.live.len());
    drop(seen);
    assert!(!double, "P1: two live runs of {key}");
}

fn leave(seen: &Mutex<Seen>, key: &str) {
    let mut seen = seen.lock().expect("no panic under it");
    if let Some(at) = seen.live.iter().position(|live| live == key) {
        seen.live.swap_remove(at);
    }
}

/// Waits for a host thread; what it threw is thrown here.
pub(super) fn join(thread: thread::JoinHandle<()>) {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// Waits for the fate of a message.
pub(super) fn fate(cell: &Cell) -> crate::Fate {
    cell.telling.wait(None).expect("a wait without a limit ends with a fate").fate
}
