//! The hosts' own ledger of one life: what was accepted, and which fate each of it reached. P4.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use laneq::{Engine, Fate, Receipt, Stats};

use crate::plant::{Bug, Plant};

/// A receipt whose fate somebody waits for.
pub enum Owed {
    Message(Receipt),
    Code(Receipt<u64>),
    /// The planted one.
    Never,
}

impl Owed {
    pub fn fate(&self) -> Option<Fate> {
        match self {
            Self::Message(receipt) => receipt.settled().map(|told| told.fate),
            Self::Code(receipt) => receipt.settled().map(|told| told.fate),
            Self::Never => None,
        }
    }

    pub fn wait(&self, patience: Duration) -> Option<Fate> {
        match self {
            Self::Message(receipt) => receipt.wait_for(patience).ok().map(|told| told.fate),
            Self::Code(receipt) => receipt.wait_for(patience).ok().map(|told| told.fate),
            Self::Never => {
                std::thread::sleep(patience);
                None
            }
        }
    }

    pub fn withdraw(&self, engine: &Engine) {
        match self {
            Self::Message(receipt) => drop(engine.withdraw(receipt)),
            Self::Code(receipt) => drop(engine.withdraw(receipt)),
            Self::Never => {}
        }
    }
}

#[derive(Default)]
pub struct Books {
    /// Receipts that were given.
    pub owed: AtomicU64,
    fates: [AtomicU64; 7],
    /// Closures that nobody has a receipt for: accepted, executed, gone.
    pub fired: AtomicU64,
    pub fired_ran: AtomicU64,
    pub fired_gone: AtomicU64,
    pub refused: AtomicU64,
    pub abandoned: AtomicU64,
    /// Sessions whose own books did not balance when somebody looked.
    pub unbalanced: AtomicU64,
    pub lost: AtomicU64,
    /// Receipts of children that their parent did not wait for.
    children: Mutex<Vec<Receipt>>,
}

impl Books {
    pub fn owes(&self) {
        self.owed.fetch_add(1, Relaxed);
    }

    pub fn settles(&self, fate: Option<Fate>) {
        match fate {
            Some(fate) => self.fates[fate as usize].fetch_add(1, Relaxed),
            None => self.lost.fetch_add(1, Relaxed),
        };
    }

    pub fn settled(&self) -> u64 {
        self.fates.iter().map(|fate| fate.load(Relaxed)).sum::<u64>()
            + self.fired_gone.load(Relaxed)
    }

    pub fn child(&self, receipt: Receipt) {
        self.owes();
        self.children.lock().expect("no panic under it").push(receipt);
    }

    /// Settles the children that have their fate; with `all`, whoever has none is lost.
    pub fn sweep(&self, all: bool) {
        let children = std::mem::take(&mut *self.children.lock().expect("no panic under it"));
        for receipt in children {
            match receipt.settled() {
                None if !all => self.children.lock().expect("no panic under it").push(receipt),
                told => self.settles(told.map(|told| told.fate)),
            }
        }
    }

    /// What does not agree with the engine's figures once it is closed.
    pub fn compare(&self, stats: &Stats, plant: &Plant) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut say = |what: &str, own: u64, theirs: u64| {
            if own != theirs {
                wrong.push(format!("{what}: the hosts count {own}, the engine {theirs}"));
            }
        };
        let fired = self.fired.load(Relaxed);
        let twice = u64::from(plant.has(Bug::Ledger));
        say("accepted", self.owed.load(Relaxed) + fired, stats.accepted + twice);
        let own = |fate: Fate| self.fates[fate as usize].load(Relaxed);
        for fate in [Fate::Steered, Fate::Dropped, Fate::Expired, Fate::Parked] {
            say(fate.as_str(), own(fate), stats.fate(fate));
        }
        // A fired closure has no receipt, and may have any of these.
        let any = [Fate::Ran, Fate::Withdrawn, Fate::Returned];
        let (ours, theirs) = (any.map(own), any.map(|fate| stats.fate(fate)));
        let (ours, theirs): (u64, u64) = (ours.iter().sum(), theirs.iter().sum());
        say("ran, withdrawn or returned", ours + fired, theirs);
        say("fired closures that are gone", self.fired_gone.load(Relaxed), fired);
        say("pending after the close", 0, stats.pending);
        if !stats.balances() {
            wrong.push(format!("the engine's own ledger does not balance: {stats:?}"));
        }
        if self.lost.load(Relaxed) > 0 {
            wrong.push(format!("{} receipts have no fate", self.lost.load(Relaxed)));
        }
        wrong
    }
}
