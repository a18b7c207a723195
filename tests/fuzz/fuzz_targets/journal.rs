//! Bytes as what a journal has kept: any tables, keys and values. It comes back or it is told that it
//! is damaged; what came back is in the books, and can all be returned.

#![no_main]

#[path = "../plant.rs"]
mod plant;

use std::collections::BTreeMap;
use std::time::Duration;

use laneq::{
    Change, Closed, Concurrency, Config, Each, Engine, Journal, JournalError, ManualClock, Table,
};

/// Tables of bytes.
struct Paper(BTreeMap<(usize, Vec<u8>), Vec<u8>>);

impl Paper {
    /// Entry by entry: the table, the lengths of key and value, key and value.
    fn new(mut bytes: &[u8]) -> Self {
        let mut entries = BTreeMap::new();
        while let [table, key, high, low, rest @ ..] = bytes {
            let key_len = usize::from(*key).min(rest.len());
            let (key, rest) = rest.split_at(key_len);
            let len = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
            let (value, rest) = rest.split_at(len);
            entries.insert((usize::from(*table) % Table::ALL.len(), key.to_vec()), value.to_vec());
            bytes = rest;
        }
        Self(entries)
    }
}

fn number(table: Table) -> usize {
    Table::ALL.iter().position(|t| *t == table).expect("one of all")
}

impl Journal for Paper {
    fn commit(&mut self, changes: &[&Change]) -> Result<(), JournalError> {
        for change in changes {
            let key = (number(change.table), change.key.to_vec());
            match &change.value {
                Some(value) => drop(self.0.insert(key, value.to_vec())),
                None => drop(self.0.remove(&key)),
            }
        }
        Ok(())
    }

    fn read(&self, table: Table, each: &mut Each<'_>) -> Result<(), JournalError> {
        let mut own = self.0.iter().filter(|((t, _), _)| *t == number(table));
        own.try_for_each(|((_, key), value)| each(key, value))
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Box<[u8]>>, JournalError> {
        Ok(self.0.get(&(number(table), key.to_vec())).map(|value| value.clone().into()))
    }

    fn name(&self) -> &'static str {
        "paper"
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut config = Config::default();
    config.lanes.values_mut().for_each(|lane| lane.concurrency = Concurrency::Limit(0));
    let builder = Engine::builder(config).clock(ManualClock::new());
    let engine = builder.journal(Box::new(Paper::new(bytes))).start().expect("the settings are fine");
    let mut receipts = Vec::new();
    match engine.recover(|receipt| receipts.push(receipt.clone())) {
        Err(error) => {
            let error = error.to_string();
            assert!(!error.trim().is_empty());
            plant::panics(error.contains("a key of") && !error.contains("of 5 bytes"));
            assert!(receipts.is_empty(), "all or nothing");
        }
        Ok(came) => {
            assert_eq!(receipts.len() as u64, came.pending + came.parked + came.held, "{came:?}");
        }
    }
    let (stats, audit) = (engine.stats(), engine.audit());
    assert!(stats.balances() && audit.unbalanced == 0, "{stats:?} {audit:?}");
    assert_eq!(stats.pending, audit.pending);
    assert_eq!(engine.close(Duration::from_secs(60)), Ok(Closed::Closed));
    assert_eq!(engine.stats().pending, 0);
    for receipt in &receipts {
        assert!(receipt.settled().is_some(), "{receipt:?} has no fate");
    }
});
