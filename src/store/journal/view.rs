//! A journal as somebody else reads it: whether its engine is alive, at rest, or crashed.
//!
//! `redb` lets readers in beside the writer. What a crash left behind has to be repaired first,
//! which is the next writer's right: a reader repairs a copy of its own, and the file stays as it
//! is.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use redb::backends::FileBackend;
use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase, ReadTransaction,
    ReadableDatabase,
};

use super::disk::{Health, damaged, not_opened};
use super::place::whole_path;
use super::records::{Mark, Marks, Sent, decode, number_of};
use super::redb::{CACHE, last_commit, read};
use super::store::{Each, JournalError, Table};
use crate::model::{Message, MessageId};
use crate::sync::caught;

/// How far a message in a journal has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum JournalState {
    /// It waits for its first run.
    Pending,
    /// Its run has started, or waits to be tried again.
    Started,
    /// Its attempts are used up: it stays until somebody requeues or drops it.
    Parked,
}

impl JournalState {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Parked => "parked",
        }
    }
}

/// One message in a journal.
#[derive(Clone)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Its number: the order of acceptance. Never used twice in one journal.
    pub number: u64,
    /// Its id: the given one, or the made-up one.
    pub id: MessageId,
    /// The message; its lane and mode are those by which it was accepted.
    pub message: Message,
    /// How far it has come.
    pub state: JournalState,
    /// Runs of it that have started.
    pub attempt: u32,
    /// When it was accepted.
    pub accepted: SystemTime,
    /// Bytes that it takes in the journal.
    pub bytes: u64,
}

/// Shows no text: entries may be logged as they are.
impl std::fmt::Debug for JournalEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalEntry")
            .field("number", &self.number)
            .field("id", &self.id)
            .field("key", &self.message.key())
            .field("state", &self.state)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

enum Data {
    /// The file itself, as it was when it was opened.
    Itself(ReadOnlyDatabase),
    /// A copy without a name, repaired.
    Copy(Database),
}

/// A journal, to be read: also beside the process that holds it, and after a crash. It is never
/// changed, and never made.
pub struct JournalView {
    name: String,
    data: Data,
}

impl std::fmt::Debug for JournalView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalView").field("name", &self.name).finish_non_exhaustive()
    }
}

impl JournalView {
    /// Opens the journal for reading. What a crash left behind is copied first, into a file
    /// without a name in the folder of the journal, or else of temporary files. Blocks.
    ///
    /// # Errors
    /// `Failed` if it is not there or the system refuses, `Format` for another kind or version of
    /// file, `Damaged` if its contents are not what was written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = whole_path(path.as_ref())?;
        let name = path.display().to_string();
        let about = fs::metadata(&path).map_err(|error| failed(&name, &error))?;
        if !about.is_file() {
            return Err(JournalError::Format(format!("{name}: not a file").into()));
        }
        let data = match caught::call(|| builder().open_read_only(&path)) {
            Ok(Ok(itself)) => Data::Itself(itself),
            Ok(Err(DatabaseError::RepairAborted)) => Data::Copy(repaired_copy(&path, &name)?),
            Ok(Err(error)) => return Err(not_opened(&name, &error, &Health::default())),
            Err(panic) => return Err(damaged(&name, &panic)),
        };
        let view = Self { name, data };
        let numbered = caught::call(|| match &view.data {
            Data::Itself(itself) => last_commit(itself, &view.name),
            Data::Copy(copy) => last_commit(copy, &view.name),
        });
        numbered.unwrap_or_else(|panic| Err(damaged(&view.name, &panic)))?;
        Ok(view)
    }

    /// A look at this moment, and how many tables it finds.
    fn begin(&self) -> Result<(ReadTransaction, usize), JournalError> {
        let transaction = match &self.data {
            Data::Itself(itself) => itself.begin_read(),
            Data::Copy(copy) => copy.begin_read(),
        };
        let transaction = transaction.map_err(|error| damaged(&self.name, &error))?;
        let tables = transaction.list_tables().map(Iterator::count);
        let tables = tables.map_err(|error| damaged(&self.name, &error))?;
        Ok((transaction, tables))
    }

    /// The path of the journal.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls `each` with every message that has no final fate, in the order of acceptance: what
    /// was in the journal at this moment. Blocks.
    ///
    /// # Errors
    /// `Damaged` or `Format` for what cannot be read; and what `each` answers.
    pub fn each(
        &self,
        mut each: impl FnMut(JournalEntry) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        // What is damaged may make the reader panic.
        let begun = caught::call(|| self.begin());
        let (transaction, tables) = begun.unwrap_or_else(|p| Err(damaged(&self.name, &p)))?;
        if tables == 0 {
            // Made a moment ago: nothing was committed yet.
            return Ok(());
        }
        let table = |table, each: &mut Each<'_>| read(&transaction, table, &self.name, each);
        let marks = Marks::of(|each| table(Table::Marks, each))?;
        let none = Marks::default();
        table(Table::Messages, &mut |key, value| {
            let number = number_of(key)?;
            each(entry(number, marks.get(&number).unwrap_or(&none), value)?)
        })
    }
}

/// What the record of a message and its marks say.
pub(super) fn entry(
    number: u64,
    marks: &Marks,
    value: &[u8],
) -> Result<JournalEntry, JournalError> {
    let sent: Sent<'_> = decode(value)?;
    let id = match &sent.id {
        Some(id) => MessageId::Given((&**id).into()),
        None => MessageId::Made(0, number),
    };
    let state = match (&marks.parked, &marks.started) {
        (Some(_), _) => JournalState::Parked,
        (None, Some(Mark::Started { .. })) => JournalState::Started,
        (None, _) => JournalState::Pending,
    };
    let (attempt, accepted, bytes) = (marks.attempt(), sent.accepted(), value.len() as u64);
    Ok(JournalEntry { number, id, message: sent.message(), state, attempt, accepted, bytes })
}

fn failed(name: &str, error: &io::Error) -> JournalError {
    let text = match error.kind() {
        io::ErrorKind::NotFound => format!("{name}: there is no such journal"),
        _ => format!("{name}: {error}"),
    };
    JournalError::Failed(text.into())
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

/// A file that nobody else finds, beside this one or among the temporary ones.
fn nameless(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".copy-{}", std::process::id()));
    let beside = PathBuf::from(name);
    let among = beside.file_name().map(|name| std::env::temp_dir().join(name));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let make = |path: &Path| {
        let file = options.open(path)?;
        fs::remove_file(path)?;
        Ok(file)
    };
    make(&beside).or_else(|error| among.map_or(Err(error), |among| make(&among)))
}

/// Whoever opens the journal meanwhile repairs it: then the copy may be torn, which its check
/// finds.
fn repaired_copy(path: &Path, name: &str) -> Result<Database, JournalError> {
    let copy = || {
        let mut copy = nameless(path)?;
        io::copy(&mut File::open(path)?, &mut copy)?;
        Ok(copy)
    };
    let copy = copy().map_err(|error: io::Error| {
        let text = format!("{name}: it was not closed, and cannot be copied to be read: {error}");
        JournalError::Failed(text.into())
    })?;
    let opened = caught::call(|| {
        let backend = FileBackend::new(copy)?;
        builder().set_check_integrity_on_open(true).create_with_backend(backend)
    });
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(error)) => Err(not_opened(name, &error, &Health::default())),
        Err(panic) => Err(damaged(name, &panic)),
    }
}
