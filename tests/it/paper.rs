//! A journal on paper: what is committed is what a crash leaves, and a test holds the pen.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};

use laneq::{
    Change, Config, Each, Engine, Journal, JournalError, ManualClock, Receipt, Recovered, Table,
};

use crate::stage::bench_of;
use crate::support::{Bench, Gate, until};

type Entries = BTreeMap<(u8, Box<[u8]>), Box<[u8]>>;

#[derive(Default)]
struct Sheet {
    entries: Entries,
    commits: Vec<usize>,
    /// What the next commits answer, in place of success.
    fails: Vec<JournalError>,
    held: bool,
    /// The next commit panics.
    panics: bool,
    /// Commits that wait for the pen.
    waiting: usize,
}

/// Cheap to clone: all clones are one journal.
#[derive(Clone, Default)]
pub struct Paper(Arc<(Mutex<Sheet>, Condvar)>);

fn number(table: Table) -> u8 {
    Table::ALL.iter().position(|t| *t == table).expect("one of all") as u8
}

impl Paper {
    fn sheet(&self) -> std::sync::MutexGuard<'_, Sheet> {
        self.0.0.lock().expect("no panic under it")
    }

    /// What a crash at this instant leaves: everything committed, and nothing else.
    pub fn crash(&self) -> Self {
        let paper = Self::default();
        paper.sheet().entries = self.sheet().entries.clone();
        paper
    }

    /// From now on commits wait, until `release`.
    pub fn hold(&self) {
        self.sheet().held = true;
    }

    pub fn release(&self) {
        self.sheet().held = false;
        self.0.1.notify_all();
    }

    /// Blocks until a commit waits.
    pub fn until_waiting(&self) {
        let sheet = self.sheet();
        let wait = self.0.1.wait_timeout_while(sheet, super::support::LONG, |s| s.waiting == 0);
        assert!(!wait.expect("no panic under it").1.timed_out(), "a commit comes");
    }

    /// The next commit answers this.
    pub fn fail(&self, error: JournalError) {
        self.sheet().fails.push(error);
    }

    /// The next commit, or look, panics.
    pub fn panic(&self) {
        self.sheet().panics = true;
    }

    /// How many changes each commit so far had.
    pub fn commits(&self) -> Vec<usize> {
        self.sheet().commits.clone()
    }

    /// Writes an entry behind the engine's back.
    pub fn scribble(&self, table: Table, key: &[u8], value: &[u8]) {
        self.sheet().entries.insert((number(table), key.into()), value.into());
    }

    /// The keys of a table.
    pub fn keys(&self, table: Table) -> Vec<Box<[u8]>> {
        let sheet = self.sheet();
        let own = sheet.entries.keys().filter(|(t, _)| *t == number(table));
        own.map(|(_, key)| key.clone()).collect()
    }

    /// Numbers of messages that have marks, and nothing else.
    pub fn strays(&self) -> Vec<Box<[u8]>> {
        let messages = self.keys(Table::Messages);
        let marks = self.keys(Table::Marks).into_iter();
        marks.filter(|key| !messages.iter().any(|number| key.starts_with(number))).collect()
    }

    /// Blocks until a table has this many entries.
    pub fn until_len(&self, table: Table, len: usize) {
        until("the journal has been told", || self.len(table) == len);
    }

    /// How many entries a table has.
    pub fn len(&self, table: Table) -> usize {
        self.sheet().entries.keys().filter(|(t, _)| *t == number(table)).count()
    }
}

impl Journal for Paper {
    fn commit(&mut self, changes: &[&Change]) -> Result<(), JournalError> {
        let mut sheet = self.sheet();
        sheet.waiting += 1;
        self.0.1.notify_all();
        let mut sheet = self.0.1.wait_while(sheet, |s| s.held).expect("no panic under it");
        sheet.waiting -= 1;
        if std::mem::take(&mut sheet.panics) {
            drop(sheet);
            std::panic::resume_unwind(Box::new("planned panic"));
        }
        if !sheet.fails.is_empty() {
            return Err(sheet.fails.remove(0));
        }
        sheet.commits.push(changes.len());
        for change in changes {
            let key = (number(change.table), change.key.clone());
            match &change.value {
                Some(value) => drop(sheet.entries.insert(key, value.clone())),
                None => drop(sheet.entries.remove(&key)),
            }
        }
        Ok(())
    }

    fn read(&self, table: Table, each: &mut Each<'_>) -> Result<(), JournalError> {
        let entries = self.sheet().entries.clone();
        if std::mem::take(&mut self.sheet().panics) {
            std::panic::resume_unwind(Box::new("planned panic"));
        }
        let mut own = entries.iter().filter(|((t, _), _)| *t == number(table));
        own.try_for_each(|((_, key), value)| each(key, value))
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Box<[u8]>>, JournalError> {
        Ok(self.sheet().entries.get(&(number(table), key.into())).cloned())
    }

    fn name(&self) -> &'static str {
        "paper"
    }
}

/// A life of an engine over this journal, on this clock: nothing is back yet.
pub fn life(paper: &Paper, config: Config, clock: &ManualClock) -> Bench {
    let builder = Engine::builder(config).clock(clock.clone());
    let engine = builder.journal(Box::new(paper.clone())).start().expect("the settings are fine");
    let (gate, handler) = Gate::new();
    let bench = bench_of(engine, move |run| handler.handle(run));
    Bench { gate, ..bench }
}

impl Bench {
    /// What comes back, as it is called.
    pub fn back(&self) -> (Recovered, Vec<Receipt>) {
        let mut receipts = Vec::new();
        let came = self.engine.recover(|receipt| receipts.push(receipt.clone()));
        (came.expect("it can be read"), receipts)
    }
}

/// The texts of messages.
pub fn said(receipts: &[Receipt]) -> Vec<&str> {
    receipts.iter().map(|r| r.message().expect("it is whole").text()).collect()
}
