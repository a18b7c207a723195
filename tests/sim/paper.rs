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
    /// The number of the last message that was committed.
    newest: Option<u64>,
    /// Whether there is something that no commit has taken.
    behind: bool,
    /// Whether a commit was refused, in this process or before.
    failed: bool,
    /// Attempts that were not counted, batch by batch, by the numbers of their messages.
    refusals: Vec<Vec<u64>>,
}

/// The message that the start of a run is noted of, if this is such a note.
fn starts(change: &Change) -> Option<u64> {
    let (number, kind) = change.key.split_last_chunk::<1>()?;
    let noted = change.table == Table::Marks && *kind == [0] && change.value.is_some();
    noted.then(|| u64::from_be_bytes(number.try_into().expect("a number and a kind")))
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
        let Sheet { entries, failed, .. } = &*self.sheet();
        let sheet = Sheet { entries: entries.clone(), failed: *failed, ..Sheet::default() };
        Self(Arc::new(Mutex::new(sheet)))
    }

    /// From now on every commit answers this.
    pub fn fails(&self, fault: Option<JournalError>) {
        self.sheet().fault = fault;
    }

    pub fn fault(&self) -> Option<JournalError> {
        self.sheet().fault.clone()
    }

    pub fn newest(&self) -> Option<u64> {
        self.sheet().newest
    }

    pub fn has_failed(&self) -> bool {
        self.sheet().failed
    }

    pub fn is_behind(&self) -> bool {
        self.sheet().behind
    }

    /// What was refused since the last time.
    pub fn refusals(&self) -> Vec<Vec<u64>> {
        std::mem::take(&mut self.sheet().refusals)
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
        if let Some(fault) = sheet.fault.clone() {
            let batch: Vec<u64> = changes.iter().copied().filter_map(starts).collect();
            // What finds no room is tried twice, without new messages.
            if !batch.is_empty() && sheet.refusals.last() != Some(&batch) {
                sheet.refusals.push(batch);
            }
            (sheet.behind, sheet.failed) = (true, true);
            return Err(fault);
        }
        sheet.behind = false;
        for change in changes {
            let key = (number(change.table), change.key.clone());
            match &change.value {
                Some(value) => {
                    if change.table == Table::Messages {
                        let number = key.1.as_ref().try_into().expect("eight bytes");
                        sheet.newest = Some(u64::from_be_bytes(number));
                    }
                    drop(sheet.entries.insert(key, value.clone()));
                }
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
