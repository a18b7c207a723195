//! What every test has: an engine of its own, gates, and two independent views of the truth: the
//! conservation ledger (fates as events tell them) and the per-key order check.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use laneq::{
    BoxError, Closed, Config, Engine, Event, Fate, HandlerOptions, ManualClock, Message, Notice,
    Observer, Placement, Port, Record, Reply, Run,
};

/// A broken engine fails a test after this long instead of hanging it.
pub const LONG: Duration = Duration::from_secs(60);

/// Who executes the runs: the lanes' workers, or threads of the test's that take them from a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    Push,
    Pull,
}

/// That of the promises in their own modules; `pull` has them once more.
pub const DRIVE: Drive = Drive::Push;

impl Drive {
    /// Threads that ask the port: closures are executed by them.
    const PUMPS: usize = 12;

    /// Every run of every lane that has nobody else goes to this handler.
    pub fn all<H>(self, engine: &Engine, options: HandlerOptions, handle: H)
    where
        H: Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    {
        match self {
            Self::Push => engine.on_run_any(options, handle).expect("set once"),
            Self::Pull => {
                let port = engine.port().expect("it is open");
                port.bind_any(options).expect("bound once");
                Self::pump(&port, handle);
            }
        }
    }

    /// Every run of this lane goes to this handler.
    pub fn lane<H>(self, engine: &Engine, lane: &str, handle: H)
    where
        H: Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    {
        match self {
            Self::Push => engine.on_run(lane, handle).expect("set once"),
            Self::Pull => {
                let port = engine.port().expect("it is open");
                port.bind(lane).expect("bound once");
                Self::pump(&port, handle);
            }
        }
    }

    /// Each run on a thread of its own, so that whoever is held up holds nobody up.
    fn pump<H>(port: &Port, handle: H)
    where
        H: Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    {
        let handle = Arc::new(handle);
        for _ in 0..Self::PUMPS {
            let (port, handle) = (port.clone(), Arc::clone(&handle));
            std::thread::spawn(move || {
                loop {
                    match port.next(None).expect("a host thread") {
                        Some(Notice::Ready(run)) => {
                            let handle = Arc::clone(&handle);
                            // Stale: the test has abandoned it.
                            std::thread::spawn(move || drop(run.execute(|run| handle(run))));
                        }
                        Some(Notice::Closed) => return,
                        _ => {}
                    }
                }
            });
        }
    }
}

/// A handler stops here until the test opens it; the test learns that it arrived.
pub struct Gate {
    arrived: Receiver<String>,
    open: Sender<Answer>,
}

/// How a gated handler goes on.
pub enum Answer {
    Done,
    Fail,
    Panic,
    /// Do this with the run, then go on to the next answer.
    With(Box<dyn FnOnce(&Run) + Send>),
}

pub struct Handler {
    arrived: Sender<String>,
    open: Mutex<Receiver<Answer>>,
}

impl Gate {
    pub fn new() -> (Self, Handler) {
        let (arrived_tx, arrived) = channel();
        let (open, open_rx) = channel();
        (Self { arrived, open }, Handler { arrived: arrived_tx, open: Mutex::new(open_rx) })
    }

    /// Blocks until a handler arrives; answers the text of its batch.
    pub fn arrived(&self) -> String {
        self.arrived.recv_timeout(LONG).expect("a run arrives at the gate")
    }

    /// Whether no handler has arrived. Sound only when nothing can be under way.
    pub fn nobody(&self) -> bool {
        self.arrived.try_recv().is_err()
    }

    pub fn answer(&self, answer: Answer) {
        self.open.send(answer).expect("a handler waits at the gate");
    }

    pub fn open(&self) {
        self.answer(Answer::Done);
    }

    pub fn with(&self, act: impl FnOnce(&Run) + Send + 'static) {
        self.answer(Answer::With(Box::new(act)));
    }

    /// The next run arrives, with this text, and is let through.
    pub fn pass(&self, text: &str) {
        assert_eq!(self.arrived(), text);
        self.open();
    }
}

impl Handler {
    pub fn handle(&self, run: &Run) -> Result<Reply, BoxError> {
        let text = run.batch().text().to_string();
        self.arrived.send(text.clone()).map_err(|_| "the test is over")?;
        loop {
            let answer = self.open.lock().expect("no panic under it").recv();
            match answer {
                Ok(Answer::Done) => return Ok(Reply::from(format!("re: {text}"))),
                Ok(Answer::Fail) => return Err("planned failure".into()),
                Ok(Answer::Panic) => std::panic::resume_unwind(Box::new("planned panic")),
                Ok(Answer::With(act)) => act(run),
                Err(_) => return Err("the test is over".into()),
            }
        }
    }
}

/// A closure stops here until the test opens it: a gate of its own, so that nobody else can take
/// its answer.
pub struct Stop {
    arrived: (Sender<()>, Receiver<()>),
    open: (Sender<()>, Arc<Mutex<Receiver<()>>>),
}

impl Default for Stop {
    fn default() -> Self {
        let (open, open_rx) = channel();
        Self { arrived: channel(), open: (open, Arc::new(Mutex::new(open_rx))) }
    }
}

impl Stop {
    /// What the closure calls: tells that it is here, and blocks until it is opened.
    pub fn hold(&self) -> impl FnOnce() + Send + 'static {
        let (arrived, open) = (self.arrived.0.clone(), Arc::clone(&self.open.1));
        move || {
            let _ = arrived.send(());
            // An error: the test is over.
            let _ = open.lock().expect("no panic under it").recv_timeout(LONG);
        }
    }

    /// Queues a closure that stops here.
    pub fn enqueue(&self, bench: &Bench, lane: &str, key: &str) -> laneq::Receipt<()> {
        let hold = self.hold();
        bench.engine.enqueue(lane, key, move |_| hold()).expect("there is room")
    }

    pub fn arrived(&self) {
        self.arrived.1.recv_timeout(LONG).expect("a run arrives");
    }

    pub fn open(&self) {
        self.open.0.send(()).expect("the other half is here");
    }
}

/// The events of an engine: the first view of the truth.
#[derive(Default)]
pub struct Book {
    records: Mutex<Vec<Record>>,
}

impl Observer for Book {
    fn on_event(&self, record: &Record) {
        self.records.lock().expect("no panic under it").push(record.clone());
    }

    fn wants_text(&self) -> bool {
        true
    }
}

impl Book {
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().expect("no panic under it").clone()
    }

    /// The names of events, in order, of those that `about` picks.
    pub fn names(&self, about: impl Fn(&Event) -> bool) -> Vec<&'static str> {
        self.records().iter().filter(|r| about(&r.event)).map(|r| r.event.name()).collect()
    }

    pub fn find<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.records().iter().filter_map(|r| pick(&r.event)).collect()
    }

    /// The texts of the runs that started, in order.
    pub fn started(&self) -> Vec<String> {
        self.find(|event| match event {
            Event::RunStarted { text, .. } => text.as_ref().map(|t| t.to_string()),
            _ => None,
        })
    }

    /// Starts and ends of runs by key, in order: `+a` and `-a`; the host's notes by their names.
    pub fn runs(&self) -> Vec<String> {
        self.find(|event| match event {
            Event::RunStarted { key, .. } => Some(format!("+{key}")),
            Event::RunFinished { key, .. } => Some(format!("-{key}")),
            Event::Note { name, .. } => Some((*name).to_owned()),
            _ => None,
        })
    }

    /// P4 as events tell it: each accepted message has exactly one fate; and P1: the runs of a key
    /// do not overlap; and P2: first starts of followups are in order of admission.
    pub fn check(&self, stats: &laneq::Stats) {
        let mut fates: HashMap<String, Vec<Fate>> = HashMap::new();
        let mut live: HashMap<String, u64> = HashMap::new();
        for (next, record) in (1..).zip(self.records()) {
            assert_eq!(record.seq, next, "sequence numbers have no gaps");
            match record.event {
                Event::Accepted { id, .. } => {
                    let before = fates.insert(id.to_string(), Vec::new());
                    assert!(before.is_none_or(|f| f.len() == 1), "{id} is pending twice");
                }
                Event::Fate { id, fate, .. } => {
                    fates.get_mut(&id.to_string()).expect("accepted first").push(fate);
                }
                Event::RunStarted { run, key, .. } if !key.is_empty() => {
                    let other = live.insert(key.to_string(), run.get());
                    assert_eq!(other, None, "P1: two live runs of {key}");
                }
                Event::RunFinished { key, run, .. } if !key.is_empty() => {
                    assert_eq!(live.remove(&*key), Some(run.get()), "P1: {key}");
                }
                _ => {}
            }
        }
        let wrong: Vec<_> = fates.iter().filter(|(_, f)| f.len() != 1).collect();
        assert!(wrong.is_empty(), "P4: one fate each: {wrong:?}");
        assert_eq!((stats.order_violations, stats.double_runs), (0, 0));
        assert!(stats.balances(), "P4: {stats:?}");
    }
}

/// An engine on a hand-cranked clock, its gate, and its book.
pub struct Bench {
    pub engine: Engine,
    pub gate: Gate,
    pub book: Arc<Book>,
}

pub fn bench() -> Bench {
    bench_with(Config::default())
}

pub fn bench_with(config: Config) -> Bench {
    bench_as(config, HandlerOptions::default())
}

pub fn bench_as(config: Config, options: HandlerOptions) -> Bench {
    bench_on(DRIVE, config, options)
}

pub fn bench_on(drive: Drive, config: Config, options: HandlerOptions) -> Bench {
    let engine =
        Engine::builder(config).clock(ManualClock::new()).start().expect("the settings are fine");
    let (gate, handler) = Gate::new();
    drive.all(&engine, options, move |run| handler.handle(run));
    let book = Arc::new(Book::default());
    engine.observe(Arc::clone(&book) as Arc<dyn Observer>).expect("a thread");
    Bench { engine, gate, book }
}

impl Bench {
    pub fn submit(&self, message: Message) -> laneq::Receipt {
        self.engine.submit(message).expect("there is room")
    }

    /// Submits a message whose fate only the books tell.
    pub fn send(&self, message: Message) {
        drop(self.submit(message));
    }

    /// Ends the engine and checks the books. What still waits is returned.
    pub fn finish(self) {
        let Self { engine, gate, book } = self;
        drop(gate);
        assert_eq!(engine.close(LONG), Ok(Closed::Closed));
        let stats = engine.stats();
        assert_eq!(stats.pending, 0, "P4: nothing is pending after a close: {stats:?}");
        assert_eq!(engine.audit().pending, 0);
        assert_eq!(engine.audit().unbalanced, 0);
        book.check(&stats);
    }

    /// Everything that was said so far is in the book.
    pub fn settled_book(&self) -> &Book {
        assert!(self.engine.settle_events(LONG));
        &self.book
    }
}

pub fn fates(receipts: &[laneq::Receipt]) -> Vec<Option<Fate>> {
    receipts.iter().map(|r| r.settled().map(|s| s.fate)).collect()
}

pub fn waits(receipt: &laneq::Receipt) -> laneq::Settled {
    receipt.wait_for(LONG).expect("it has a fate in time")
}

pub fn scheduled(receipt: &laneq::Receipt) {
    assert_eq!(receipt.placement(), Placement::Scheduled);
}

/// The figures of one lane.
pub fn lane(engine: &Engine, name: &str) -> laneq::LaneStats {
    let lanes = engine.stats().lanes;
    lanes.into_iter().find(|lane| lane.name == name).expect("a lane of this name")
}

/// As near as the upper edge of a histogram's bucket.
pub fn near(measured: Duration, truth: Duration) {
    let room = truth.mul_f64(0.13) + Duration::from_micros(1);
    assert!(measured >= truth && measured <= truth + room, "{measured:?} for {truth:?}");
}

/// Blocks until something that is under way has come to pass.
pub fn until(what: &str, come: impl Fn() -> bool) {
    let end = std::time::Instant::now() + LONG;
    while !come() {
        assert!(std::time::Instant::now() < end, "it never came to pass: {what}");
        std::thread::yield_now();
    }
}

/// Counts by fate, for comparisons.
pub fn tally(fates: impl IntoIterator<Item = Fate>) -> BTreeMap<&'static str, usize> {
    let mut tally = BTreeMap::new();
    for fate in fates {
        *tally.entry(fate.as_str()).or_default() += 1;
    }
    tally
}
