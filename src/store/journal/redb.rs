//! The embedded journal: one `redb` file, one writer, readers beside it.
//!
//! A commit is one `fdatasync`. With `sync = "os"` there is none: what is answered survives the
//! process, not the machine.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadTransaction, ReadableDatabase,
    ReadableTable, StorageError, TableDefinition, TableError,
};

use super::disk::{Disk, Health};
use super::holder::Holder;
use super::store::{Change, Each, Journal, JournalError, Table};
use crate::config::JournalKnobs;
use crate::sync::caught;

/// Pages that are kept in memory.
pub(super) const CACHE: usize = 32 << 20;
/// After a failure it is opened anew at most this often.
const REST: Duration = Duration::from_secs(1);

type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// The format of the file, beside the number of its last commit.
const ABOUT: TableDefinition<'static, &'static str, u64> = TableDefinition::new("about");
const FORMAT: u64 = 1;

fn definition(table: Table) -> Bytes {
    TableDefinition::new(match table {
        Table::Messages => "messages",
        Table::Marks => "marks",
        Table::Ids => "ids",
        Table::Knobs => "knobs",
        Table::Lines => "lines",
        Table::About => "notes",
    })
}

/// A journal in one file. See [`JournalKnobs`].
pub struct RedbJournal {
    path: PathBuf,
    name: String,
    knobs: JournalKnobs,
    /// Who holds the file, and the number of its last commit.
    holder: Holder,
    state: State,
    commits: u64,
}

enum State {
    Open(Database, Health),
    /// A write failed, with nothing lost; opened anew after a while.
    Down(Instant, JournalError),
}

impl fmt::Debug for RedbJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbJournal").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RedbJournal {
    /// Opens the journal of these settings, or makes a new one: mode 0600, in a folder that
    /// exists. The whole file is read and checked. Blocks.
    ///
    /// # Errors
    /// `Locked` if another process has it, `Damaged` if its contents are not what was written,
    /// `Format` for another kind or version of file, `Failed` if the system refuses.
    pub fn open(path: impl AsRef<Path>, knobs: &JournalKnobs) -> Result<Self, JournalError> {
        let path = whole_path(path.as_ref())?;
        let name = path.display().to_string();
        let holder = Holder::take(&path, knobs.sync)?;
        let checked = Check::Whole;
        let (database, health) = open(&path, &name, knobs, checked)?;
        let commits = last_commit(&database, &name)?;
        holder.compare(commits, &name)?;
        let state = State::Open(database, health);
        let mut journal = Self { path, name, knobs: knobs.clone(), holder, state, commits };
        if commits == 0 {
            // Every table is there from the first commit on.
            journal.commit(&[])?;
        }
        Ok(journal)
    }

    /// The open database; after a failure it is opened anew, at most once a second.
    fn database(&mut self) -> Result<&Database, JournalError> {
        if let State::Down(since, error) = &self.state {
            if since.elapsed() < REST {
                return Err(error.clone());
            }
            let (database, health) = open(&self.path, &self.name, &self.knobs, Check::Quick)?;
            self.state = State::Open(database, health);
        }
        match &self.state {
            State::Open(database, _) => Ok(database),
            State::Down(_, error) => Err(error.clone()),
        }
    }

    /// What a failed commit comes to. P11: after a failed sync nobody knows what is on the disk.
    fn failed(&mut self, error: &impl fmt::Display) -> JournalError {
        let State::Open(_, health) = &self.state else { return JournalError::Closed };
        let error = health.explain(&self.name, error);
        self.state = State::Down(Instant::now(), error.clone());
        error
    }

    fn reading(&self) -> Result<ReadTransaction, JournalError> {
        match &self.state {
            State::Open(database, _) => {
                database.begin_read().map_err(|error| damaged(&self.name, &error))
            }
            State::Down(_, error) => Err(error.clone()),
        }
    }
}

impl Journal for RedbJournal {
    fn commit(&mut self, changes: &[&Change]) -> Result<(), JournalError> {
        let number = self.commits + 1;
        let database = self.database()?;
        match caught::call(|| write(database, changes, number)) {
            Ok(Ok(())) => {
                self.commits = number;
                self.holder.committed(number);
                Ok(())
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(panic) => Err(damaged(&self.name, &panic)),
        }
    }

    fn read(&self, table: Table, each: &mut Each<'_>) -> Result<(), JournalError> {
        read(&self.reading()?, table, &self.name, each)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Box<[u8]>>, JournalError> {
        let get = || {
            let open = self.reading()?.open_table(definition(table));
            let open = open.map_err(|error| damaged(&self.name, &error))?;
            let value = open.get(key).map_err(|error| damaged(&self.name, &error))?;
            Ok(value.map(|value| value.value().into()))
        };
        caught::call(get).map_err(|panic| damaged(&self.name, &panic))?
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// One commit: all or none of it, and on the disk unless `sync` is `os`.
fn write(database: &Database, changes: &[&Change], number: u64) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    for table in Table::ALL {
        let mut own = changes.iter().filter(|change| change.table == table).peekable();
        if own.peek().is_none() && number > 1 {
            continue;
        }
        let mut open = transaction.open_table(definition(table))?;
        for change in own {
            match &change.value {
                Some(value) => drop(open.insert(&*change.key, &**value)?),
                None => drop(open.remove(&*change.key)?),
            }
        }
    }
    {
        let mut about = transaction.open_table(ABOUT)?;
        if number == 1 {
            about.insert("format", FORMAT)?;
        }
        about.insert("commit", number)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Every entry of a table, in order.
pub(super) fn read(
    transaction: &ReadTransaction,
    table: Table,
    name: &str,
    each: &mut Each<'_>,
) -> Result<(), JournalError> {
    let wrong = |error: &dyn fmt::Display| damaged(name, error);
    let mut all = || {
        let open = transaction.open_table(definition(table)).map_err(|error| wrong(&error))?;
        for entry in open.iter().map_err(|error| wrong(&error))? {
            let (key, value) = entry.map_err(|error| wrong(&error))?;
            each(key.value(), value.value())?;
        }
        Ok(())
    };
    // A damaged page that no check has seen may make `redb` panic.
    caught::call(&mut all).map_err(|panic| wrong(&panic))?
}

pub(super) fn damaged(name: &str, error: &(impl fmt::Display + ?Sized)) -> JournalError {
    JournalError::Damaged(format!("{name}: {error}").into())
}

/// How much of a file is read when it is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    /// All of it.
    Whole,
    /// What the file says of itself: it was ours a moment ago.
    Quick,
}

fn open(
    path: &Path,
    name: &str,
    knobs: &JournalKnobs,
    check: Check,
) -> Result<(Database, Health), JournalError> {
    let health = Health::default();
    let disk = Disk::open(path, knobs.sync, knobs.max_bytes, health.clone())
        .map_err(|error| JournalError::Failed(format!("{name}: {error}").into()))?;
    let opened = caught::call(|| {
        Builder::new()
            .set_cache_size(CACHE)
            .set_concurrency_mode(ConcurrencyMode::SingleWriter)
            .set_check_integrity_on_open(check == Check::Whole)
            .create_with_backend(disk)
    });
    match opened {
        Ok(Ok(database)) => Ok((database, health)),
        Ok(Err(error)) => Err(not_opened(name, &error, &health)),
        Err(panic) => Err(damaged(name, &panic)),
    }
}

pub(super) fn not_opened(name: &str, error: &DatabaseError, health: &Health) -> JournalError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            JournalError::Locked(format!("{name}: another process has the journal open").into())
        }
        DatabaseError::UpgradeRequired(version) => {
            let text = format!("{name}: file format {version} of redb, which is too old");
            JournalError::Format(text.into())
        }
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() == io::ErrorKind::InvalidData =>
        {
            JournalError::Format(format!("{name}: not a journal ({error})").into())
        }
        DatabaseError::Storage(StorageError::Io(_)) => health.explain(name, error),
        error => damaged(name, error),
    }
}

/// The number of the last commit; 0 for a new file. A file of another format is refused.
pub(super) fn last_commit(
    database: &impl ReadableDatabase,
    name: &str,
) -> Result<u64, JournalError> {
    let transaction = database.begin_read().map_err(|error| damaged(name, &error))?;
    let about = match transaction.open_table(ABOUT) {
        Ok(about) => about,
        Err(TableError::TableDoesNotExist(_)) => return no_tables(&transaction, name),
        Err(error) => return Err(damaged(name, &error)),
    };
    let number = |of: &str| {
        let value = about.get(of).map_err(|error| damaged(name, &error))?;
        Ok::<_, JournalError>(value.map_or(0, |value| value.value()))
    };
    match number("format")? {
        FORMAT => number("commit"),
        format => {
            let text = format!("{name}: format {format}, but this version reads format {FORMAT}");
            Err(JournalError::Format(text.into()))
        }
    }
}

/// A file without our tables: new, or of somebody else.
fn no_tables(transaction: &ReadTransaction, name: &str) -> Result<u64, JournalError> {
    let tables = transaction.list_tables().map_err(|error| damaged(name, &error))?.count();
    if tables == 0 {
        return Ok(0);
    }
    Err(JournalError::Format(format!("{name}: a redb file, but not a journal of laneq").into()))
}

/// The real path, so that every name of the file is one: a link to it is looked through.
pub(super) fn whole_path(path: &Path) -> Result<PathBuf, JournalError> {
    let wrong =
        |error: io::Error| JournalError::Failed(format!("{}: {error}", path.display()).into());
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).canonicalize().map_err(wrong)?;
            let name = path.file_name().ok_or_else(|| wrong(error))?;
            Ok(folder.join(name))
        }
        Err(error) => Err(wrong(error)),
    }
}
