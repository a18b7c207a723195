//! A journal on paper: a crash leaves what is committed, and nothing else. A fault is a state of
//! it and not of a commit, since the journal's thread decides which marks share one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use laneq::{Change, Each, Journal, JournalError, Table};

type Entries = BTreeMap<(usize, Box<[u8]>), Box<[u8]>>;

#[derive(Default)]
struct Sheet {
    entries: Entries,
    fault: Option<JournalError>,
}

/// Cheap to clone: all clones are one journal.
#[derive(Clone, Default)]
pub struct Paper(Arc<Mutex<Sheet>>);

fn number(table: Table) -> usize {
    Table::ALL.iter().position(|t| *t == table).expect("one of all")
}

impl Paper {
    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.0.lock().expect("no panic under it")
    }

    /// What a crash at this instant leaves.
    pub fn crash(&self) -> Self {
        let entries = self.sheet().entries.clone();
        Self(Arc::new(Mutex::new(Sheet { entries, fault: None })))
    }

    /// From now on every commit answers this.
    pub fn fails(&self, fault: Option<JournalError>) {
        self.sheet().fault = fault;
    }

    pub fn fault(&self) -> Option<JournalError> {
        self.sheet().fault.clone()
    }

    pub fn keys(&self, table: Table) -> Vec<Box<[u8]>> {
        let sheet = self.sheet();
        let own = sheet.entries.keys().filter(|(t, _)| *t == number(table));
        own.map(|(_, key)| key.clone()).collect()
    }

    /// Takes an entry out behind the engine's back.
    pub fn erase(&self, table: Table, key: &[u8]) {
        self.sheet().entries.remove(&(number(table), key.into()));
    }
}

impl Journal for Paper {
    fn commit(&mut self, changes: &[&Change]) -> Result<(), JournalError> {
        let mut sheet = self.sheet();
        if let Some(fault) = &sheet.fault {
            return Err(fault.clone());
        }
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
