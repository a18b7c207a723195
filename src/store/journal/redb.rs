//! The embedded journal: one `redb` file, one writer, readers beside it.
//!
//! A commit is two `fdatasync`: the pages, then the header that names them, as readers beside the
//! writer need it. With `sync = "os"` there is none: what is answered survives the process, not the
//! machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use redb::{
    Builder, ConcurrencyMode, Database, ReadTransaction, ReadableDatabase, ReadableTable,
    TableDefinition, TableError,
};

use super::disk::{Between, Disk, Health, damaged, not_opened, nothing};
use super::fresh;
use super::holder::Holder;
use super::place::whole_path;
use super::store::{Change, Each, Journal, JournalError, Table};
use crate::config::JournalKnobs;
use crate::sync::caught;

/// Pages that are kept in memory.
pub(super) const CACHE: usize = 32 << 20;
/// What could not be opened anew after a failure is tried again after this.
const REST: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(1) };

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
    between: Between,
    /// Who holds the file, and the number of its last commit.
    holder: Holder,
    state: State,
    commits: u64,
    /// When there was no room, the last time.
    full: Option<(Instant, JournalError)>,
}

enum State {
    Open(Database, Health),
    /// A write failed, with nothing lost; opened anew after a while.
    Down(Instant, JournalError),
    /// Nobody knows what is on the disk: never opened anew. P11.
    Over(JournalError),
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
    /// The text beside it, `PATH.lock`, is the witness of its last commit: copy both. Without the
    /// witness, damage to the first bytes may make the commit before pass for the last one, and
    /// an empty or missing file is a new journal; other damage is told all the same. Only a file
    /// without a byte is an empty one.
    ///
    /// # Errors
    /// `Locked` if another process has it, `Damaged` if its contents are not what was written,
    /// `Format` for another kind or version of file, `Failed` if the system refuses.
    pub fn open(path: impl AsRef<Path>, knobs: &JournalKnobs) -> Result<Self, JournalError> {
        Self::open_through(path.as_ref(), knobs, nothing())
    }

    pub(super) fn open_through(
        path: &Path,
        knobs: &JournalKnobs,
        between: Between,
    ) -> Result<Self, JournalError> {
        let path = whole_path(path)?;
        let name = path.display().to_string();
        let holder = Holder::take(&path, knobs.sync)?;
        if fresh::is_new(&path) {
            holder.misses(&name)?;
            fresh::make(&path, &between, knobs)?;
        }
        let (database, health) = open(&path, &name, &between, knobs, Check::Whole)?;
        let commits = last_commit(&database, &name).map_err(|error| health.or(&name, error))?;
        holder.compare(commits, &name)?;
        let state = State::Open(database, health);
        let knobs = knobs.clone();
        Ok(Self { path, name, knobs, between, holder, state, commits, full: None })
    }

    /// The open database; after a failure it is opened anew, at most once a second.
    fn database(&mut self) -> Result<&Database, JournalError> {
        if let State::Down(since, _) = &self.state
            && since.elapsed() >= REST
            && self.reopen()? > self.commits
        {
            let name = &self.name;
            let text = format!(
                "{name}: a commit that was answered as failed is in the file after all: open the \
                 journal anew, and it comes back"
            );
            return Err(self.down(JournalError::Poisoned(text.into())));
        }
        match &self.state {
            State::Open(database, _) => Ok(database),
            State::Down(_, error) | State::Over(error) => Err(error.clone()),
        }
    }

    /// Opens the file anew, and answers the number of its last commit: none that was answered may
    /// be missing. P11.
    fn reopen(&mut self) -> Result<u64, JournalError> {
        if fresh::is_new(&self.path) {
            return Err(self.lost("the file is missing or empty"));
        }
        let opened = open(&self.path, &self.name, &self.between, &self.knobs, Check::Quick);
        let (database, health) = match opened {
            Ok(opened) => opened,
            Err(JournalError::Format(_)) => return Err(self.lost("it is no journal any more")),
            Err(error) => return Err(self.down(error)),
        };
        let commits = last_commit(&database, &self.name);
        let commits = commits.map_err(|error| self.down(health.or(&self.name, error)))?;
        if commits < self.commits {
            return Err(self.lost(&format!("it ends with commit {commits}")));
        }
        self.state = State::Open(database, health);
        Ok(commits)
    }

    /// The file is another than the one that was open.
    fn lost(&mut self, what: &str) -> JournalError {
        let Self { name, commits, .. } = self;
        let text = format!("{name}: {what}, but commit {commits} was answered: restore the file");
        self.down(JournalError::Damaged(text.into()))
    }

    /// Closes the file, for a while or for ever.
    fn down(&mut self, error: JournalError) -> JournalError {
        self.state = match &error {
            error if error.is_final() => State::Over(error.clone()),
            error => State::Down(Instant::now(), error.clone()),
        };
        error
    }

    /// One commit.
    fn attempt(&mut self, changes: &[&Change]) -> Result<(), JournalError> {
        let number = self.commits + 1;
        let database = self.database()?;
        let written = caught::call(|| write(database, changes, number));
        match (written, &self.state) {
            (Ok(Ok(())), _) => {}
            (Ok(Err(error)), State::Open(_, health)) => {
                let error = health.explain(&self.name, &error);
                self.failed(error)?;
            }
            (Ok(Err(error)), _) => return Err(damaged(&self.name, &error)),
            (Err(panic), _) => self.failed(damaged(&self.name, &panic))?,
        }
        self.commits = number;
        self.holder.committed(number);
        Ok(())
    }

    /// A commit went wrong: whether it was made all the same. P11: after a failed sync nobody
    /// knows.
    fn failed(&mut self, error: JournalError) -> Result<(), JournalError> {
        let error = self.down(error);
        if error.is_final() {
            return Err(error);
        }
        // What `redb` does last, once all is on the disk, may fail as well; opening it syncs what
        // it finds. To say that nothing has changed would be wrong then.
        match self.reopen() {
            Ok(commits) if commits > self.commits => Ok(()),
            Err(worse) if worse.is_final() => Err(worse),
            _ => Err(error),
        }
    }

    fn reading(&self) -> Result<ReadTransaction, JournalError> {
        match &self.state {
            State::Open(database, _) => {
                database.begin_read().map_err(|error| damaged(&self.name, &error))
            }
            State::Down(_, error) | State::Over(error) => Err(error.clone()),
        }
    }

    /// The system may have refused to read what looks damaged.
    fn unread(&self, error: JournalError) -> JournalError {
        match &self.state {
            State::Open(_, health) => health.or(&self.name, error),
            _ => error,
        }
    }
}

impl Journal for RedbJournal {
    fn commit(&mut self, changes: &[&Change]) -> Result<(), JournalError> {
        let grows = |c: &&Change| c.table == Table::Messages && c.value.is_some();
        match &self.full {
            // P9: whoever submits to a full disk again and again does not have the file opened
            // as often. What ends or marks messages is tried.
            Some((since, error)) if since.elapsed() < REST && changes.iter().any(grows) => {
                return Err(error.clone());
            }
            _ => {}
        }
        let result = match self.attempt(changes) {
            // What the last commit took out is free once another one has come: here it is.
            Err(JournalError::Full(_)) if self.attempt(&[]).is_ok() => self.attempt(changes),
            result => result,
        };
        if let Err(error @ JournalError::Full(_)) = &result {
            self.full = Some((Instant::now(), error.clone()));
        }
        result
    }

    fn read(&self, table: Table, each: &mut Each<'_>) -> Result<(), JournalError> {
        let read = read(&self.reading()?, table, &self.name, each);
        read.map_err(|error| self.unread(error))
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Box<[u8]>>, JournalError> {
        let get = || {
            let open = self.reading()?.open_table(definition(table));
            let open = open.map_err(|error| damaged(&self.name, &error))?;
            let value = open.get(key).map_err(|error| damaged(&self.name, &error))?;
            Ok(value.map(|value| value.value().into()))
        };
        let got = caught::call(get).map_err(|panic| damaged(&self.name, &panic));
        got.and_then(|got| got).map_err(|error| self.unread(error))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// One commit: all or none of it, and on the disk unless `sync` is `os`.
pub(super) fn write(
    database: &Database,
    changes: &[&Change],
    number: u64,
) -> Result<(), redb::Error> {
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

/// How much of a file is read when it is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// All of it.
    Whole,
    /// What the file says of itself: it was ours a moment ago.
    Quick,
}

pub(super) fn open(
    path: &Path,
    name: &str,
    between: &Between,
    knobs: &JournalKnobs,
    check: Check,
) -> Result<(Database, Health), JournalError> {
    let health = Health::default();
    let disk = Disk::open(path, between, knobs, health.clone())
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
