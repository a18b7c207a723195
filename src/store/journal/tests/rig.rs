//! What the fault tests share: a small journal, what is in it, and a disk that fails on demand.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::super::disk::Between;
use super::super::{Change, Journal, JournalError, RedbJournal, Table};
use crate::config::{JournalKnobs, Sync};
use crate::sync::{Arc, Mutex};

pub(super) type Entries = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

pub(super) fn knobs(sync: Sync) -> JournalKnobs {
    JournalKnobs { sync, max_bytes: 64 << 20, ..JournalKnobs::default() }
}

pub(super) fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.redb");
    (folder, path)
}

pub(super) fn put(table: Table, n: u64, value: &[u8]) -> Change {
    Change { table, key: n.to_be_bytes().into(), value: Some(value.into()) }
}

pub(super) fn take(table: Table, n: u64) -> Change {
    Change { table, key: n.to_be_bytes().into(), value: None }
}

pub(super) fn commit(journal: &mut RedbJournal, changes: &[Change]) -> Result<(), JournalError> {
    journal.commit(&changes.iter().collect::<Vec<_>>())
}

/// What these changes make of what was there.
pub(super) fn apply(entries: &mut Entries, changes: &[Change]) {
    for change in changes {
        let table = Table::ALL.iter().position(|t| *t == change.table).expect("one of all");
        let key = (u8::try_from(table).expect("there are six"), change.key.to_vec());
        match &change.value {
            Some(value) => drop(entries.insert(key, value.to_vec())),
            None => drop(entries.remove(&key)),
        }
    }
}

/// Everything in a journal, table by table, and one by one as well.
pub(super) fn all(journal: &RedbJournal) -> Result<Entries, JournalError> {
    let mut entries = Entries::new();
    for (n, table) in (0u8..).zip(Table::ALL) {
        journal.read(table, &mut |key, value| {
            entries.insert((n, key.to_vec()), value.to_vec());
            Ok(())
        })?;
    }
    for ((n, key), value) in &entries {
        let alone = journal.get(Table::ALL[usize::from(*n)], key)?;
        assert_eq!(alone.as_deref(), Some(&**value), "read alone");
    }
    Ok(entries)
}

/// Which entries, and how long they are.
pub(super) fn brief(entries: &Entries) -> String {
    let one = |((table, key), value): (&(u8, Vec<u8>), &Vec<u8>)| {
        format!("{table}:{}:{}", key.last().unwrap_or(&0), value.len())
    };
    entries.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Small numbers that look random and are the same in every run: xorshift.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n.max(1)
    }

    pub(super) fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).expect("below an index")
    }
}

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Read,
    Write,
    Grow,
    Sync,
}

/// How the disk feels: which act fails, with which error, after how many that go well.
#[derive(Clone, Debug, Default)]
pub(super) struct Mood(Arc<Mutex<Feeling>>);

#[derive(Debug, Default)]
struct Feeling {
    fails: Vec<(Act, usize, rustix::io::Errno)>,
    syncs: usize,
}

impl Mood {
    /// From now on, after `after` that go well, this act fails: every time.
    pub(super) fn fail(&self, act: Act, after: usize, error: rustix::io::Errno) {
        self.0.lock().fails.push((act, after, error));
    }

    /// All is well again.
    pub(super) fn heal(&self) {
        self.0.lock().fails.clear();
    }

    pub(super) fn syncs(&self) -> usize {
        self.0.lock().syncs
    }

    fn may(&self, act: Act) -> io::Result<()> {
        let mut feeling = self.0.lock();
        if act == Act::Sync {
            feeling.syncs += 1;
        }
        for (which, after, error) in &mut feeling.fails {
            if *which == act {
                if *after == 0 {
                    return Err((*error).into());
                }
                *after -= 1;
            }
        }
        Ok(())
    }

    pub(super) fn between(&self) -> Between {
        let mood = self.clone();
        Box::new(move |file| Box::new(Moody { file, mood: mood.clone() }))
    }
}

#[derive(Debug)]
struct Moody {
    file: FileBackend,
    mood: Mood,
}

/// The locks of the file itself.
macro_rules! locks_of_its_file {
    () => {
        fn try_lock_range(&self, a: Bound<u64>, b: Bound<u64>) -> Result<bool, BackendError> {
            self.file.try_lock_range(a, b)
        }
        fn try_lock_shared_range(
            &self,
            a: Bound<u64>,
            b: Bound<u64>,
        ) -> Result<bool, BackendError> {
            self.file.try_lock_shared_range(a, b)
        }
        fn lock_range(&self, a: Bound<u64>, b: Bound<u64>) -> Result<(), BackendError> {
            self.file.lock_range(a, b)
        }
        fn lock_shared_range(&self, a: Bound<u64>, b: Bound<u64>) -> Result<(), BackendError> {
            self.file.lock_shared_range(a, b)
        }
        fn unlock_range(&self, a: Bound<u64>, b: Bound<u64>) -> Result<(), BackendError> {
            self.file.unlock_range(a, b)
        }
        fn query_lock_range(&self, a: Bound<u64>, b: Bound<u64>) -> Result<bool, BackendError> {
            self.file.query_lock_range(a, b)
        }
        fn close(&self) -> io::Result<()> {
            self.file.close()
        }
        fn len(&self) -> io::Result<u64> {
            self.file.len()
        }
    };
}
pub(super) use locks_of_its_file;

impl StorageBackend for Moody {
    locks_of_its_file!();

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.mood.may(Act::Read)?;
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.file.len()? {
            self.mood.may(Act::Grow)?;
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        // It only says so: nothing here loses power.
        self.mood.may(Act::Sync)
    }

    /// What does not go well writes the first half.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if let Err(error) = self.mood.may(Act::Write) {
            self.file.write(offset, &data[..data.len() / 2])?;
            return Err(error);
        }
        self.file.write(offset, data)
    }
}

/// The journal of a file, through this disk.
pub(super) fn open(
    path: &Path,
    knobs: &JournalKnobs,
    mood: &Mood,
) -> Result<RedbJournal, JournalError> {
    RedbJournal::open_through(path, knobs, mood.between())
}
