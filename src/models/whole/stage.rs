//! An engine with few workers, a book of what its runs do, and the checks at its end.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::sync::unseen::Mutex;
use crate::sync::{Arc, thread};
use crate::{
    BoxError, Closed, Config, Engine, Fate, Lane, ManualClock, Message, Mode, Receipt, Reply, Run,
    RunId, Steers,
};

/// Without end: then a wait that nobody ends is a deadlock, which the checker reports.
pub(super) const EVER: Duration = Duration::MAX;

#[derive(Default)]
struct Pages {
    live: HashMap<String, Vec<RunId>>,
    executing: HashSet<RunId>,
    abandoned: HashSet<RunId>,
    /// Texts of batches, by key, in the order of their first starts.
    started: Vec<(String, String)>,
    steered: Vec<String>,
    receipts: Vec<Receipt>,
    fired: u64,
}

/// A second view of the truth: what handlers saw. Unseen by the checker, so it changes no schedule.
pub(super) struct Book {
    pages: Mutex<Pages>,
    slots: usize,
}

/// A run that executes now, as far as its handler can tell.
pub(super) struct Inside<'a> {
    book: &'a Book,
    key: String,
    run: RunId,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut pages = self.book.pages();
        pages.executing.remove(&self.run);
        pages.live.entry(std::mem::take(&mut self.key)).or_default().retain(|r| *r != self.run);
    }
}

impl Book {
    fn pages(&self) -> impl std::ops::DerefMut<Target = Pages> + '_ {
        self.pages.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// P1 and P3, by a book of their own.
    pub(super) fn enter(&self, run: &Run) -> Inside<'_> {
        let (key, id) = (run.key().to_owned(), run.id());
        let mut pages = self.pages();
        let Pages { live, abandoned, .. } = &mut *pages;
        let here = live.entry(key.clone()).or_default();
        let other = here.iter().find(|run| !key.is_empty() && !abandoned.contains(*run)).copied();
        here.push(id);
        pages.executing.insert(id);
        let executing = pages.executing.difference(&pages.abandoned).count();
        drop(pages);
        let inside = Inside { book: self, key, run: id };
        assert_eq!(other, None, "P1: two live runs of {:?}: {id}", inside.key);
        assert!(executing <= self.slots, "P3: {executing} runs in {} slots", self.slots);
        // A look at an atomic: a run is no single step, and others go on meanwhile.
        let _ = run.stopped();
        inside
    }

    pub(super) fn start(&self, run: &Run) {
        let text = run.batch().text().to_string();
        self.pages().started.push((run.key().to_owned(), text));
    }

    pub(super) fn steered(&self, text: &str) {
        self.pages().steered.push(text.to_owned());
    }

    /// A run is about to be abandoned: it may go on beside the next one.
    pub(super) fn abandon(&self, run: RunId) {
        self.pages().abandoned.insert(run);
    }

    pub(super) fn fired(&self) {
        self.pages().fired += 1;
    }

    pub(super) fn sent(&self, receipt: &Receipt) {
        self.pages().receipts.push(receipt.clone());
    }

    /// Messages with a receipt, and closures.
    fn sums(&self) -> (u64, u64) {
        let pages = self.pages();
        (pages.receipts.len() as u64, pages.fired)
    }

    /// A run that executes now.
    pub(super) fn executing(&self) -> Option<RunId> {
        self.pages().executing.iter().min_by_key(|run| run.get()).copied()
    }

    /// How many receipts were told this fate.
    pub(super) fn told(&self, fate: Fate) -> usize {
        let pages = self.pages();
        pages.receipts.iter().filter(|r| r.settled().is_some_and(|s| s.fate == fate)).count()
    }

    pub(super) fn started_texts(&self) -> Vec<String> {
        self.pages().started.iter().map(|(_, text)| text.clone()).collect()
    }

    pub(super) fn steered_texts(&self) -> Vec<String> {
        self.pages().steered.clone()
    }
}

impl Inside<'_> {
    /// Waits, lending the slot.
    pub(super) fn wait(&self, run: &Run, receipt: &Receipt, limit: Option<Duration>) {
        self.book.pages().executing.remove(&self.run);
        let _ = run.wait(receipt, limit);
        let mut pages = self.book.pages();
        pages.executing.insert(self.run);
        let executing = pages.executing.difference(&pages.abandoned).count();
        drop(pages);
        assert!(executing <= self.book.slots, "P3: {executing} runs after a wait");
    }
}

/// The engine of one schedule.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) book: Arc<Book>,
}

/// Lanes of these sizes and no others, and a clock that is turned by hand.
pub(super) fn config(lanes: &[(&str, u32)]) -> Config {
    let lanes = lanes.iter().map(|(name, slots)| ((*name).to_owned(), Lane::new(*slots))).collect();
    let config = Config { lanes, ..Config::default() };
    config.with_queue(|queue| queue.mode = Mode::Followup)
}

impl Stage {
    pub(super) fn new(config: Config) -> Self {
        let slots = config.lanes.values().map(|lane| lane.concurrency.slots(lane.ceiling));
        let book = Book { pages: Mutex::default(), slots: slots.sum::<u32>() as usize };
        let engine = Engine::builder(config).clock(ManualClock::new()).start();
        Self { engine: engine.expect("the settings are fine"), book: Arc::new(book) }
    }

    /// The stage of most scenes: this handler in every lane.
    pub(super) fn with(
        config: Config,
        handle: impl Fn(&Run, &Book, &Inside<'_>) -> Result<Reply, BoxError> + Send + Sync + 'static,
    ) -> Self {
        let stage = Self::new(config);
        let book = Arc::clone(&stage.book);
        let handler = move |run: &Run| {
            let inside = book.enter(run);
            book.start(run);
            handle(run, &book, &inside)
        };
        stage
            .engine
            .on_run_any(crate::HandlerOptions::default(), handler)
            .expect("it is the first");
        stage
    }

    /// A host thread.
    pub(super) fn go(&self, body: impl FnOnce(Self) + Send + 'static) -> thread::JoinHandle<()> {
        let stage = self.clone();
        thread::spawn("host".to_owned(), move || body(stage)).expect("a thread")
    }

    /// Submits; what is refused is nobody's concern.
    pub(super) fn send(&self, message: Message) -> Option<Receipt> {
        let receipt = self.engine.submit(message).ok()?;
        self.book.sent(&receipt);
        Some(receipt)
    }

    /// Queues code of a key; none for a closure without a key.
    pub(super) fn fire(&self, key: Option<&str>) {
        let book = Arc::clone(&self.book);
        let code = move |run: &Run| drop(book.enter(run));
        let fired = match key {
            Some(key) => self.engine.fire("main", key, code),
            None => self.engine.fire_keyless("main", code),
        };
        if fired.is_ok() {
            self.book.fired();
        }
    }

    /// Everything that was sent so far has its fate.
    pub(super) fn all_settle(&self) {
        let receipts = self.book.pages().receipts.clone();
        for receipt in receipts {
            let _ = receipt.wait().expect("a host thread may wait");
        }
    }

    /// Ends the engine, and compares the books. P4, P12.
    pub(super) fn finish(self) {
        assert_eq!(self.engine.close(EVER), Ok(Closed::Closed));
        let (stats, audit) = (self.engine.stats(), self.engine.audit());
        assert_eq!((stats.order_violations, stats.double_runs), (0, 0), "the sentinels");
        assert_eq!((audit.unbalanced, audit.pending, stats.pending), (0, 0, 0), "{stats:?}");
        assert!(stats.balances(), "P4: {stats:?}");
        let (receipts, fired) = self.book.sums();
        assert_eq!(stats.accepted, receipts + fired, "P4: {stats:?}");
        let told = Fate::ALL.map(|fate| self.book.told(fate) as u64);
        assert_eq!(told.iter().sum::<u64>(), receipts, "P4: every receipt is told: {stats:?}");
        for fate in Fate::ALL {
            let told = told[fate as usize];
            assert!((told..=told + fired).contains(&stats.fate(fate)), "P4: {fate:?} {stats:?}");
        }
    }
}

/// Waits for host threads; what one of them threw is thrown here.
pub(super) fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

/// Takes what waits into the transcript.
pub(super) fn deliver(run: &Run, book: &Book) {
    commit(run.take_steers(), book);
}

pub(super) fn commit(steers: Steers<'_>, book: &Book) {
    let texts: Vec<_> = steers.messages().map(|part| part.text().into_owned()).collect();
    if steers.commit().is_ok() {
        texts.iter().for_each(|text| book.steered(text));
    }
}
