//! What a journal is to the engine: tables of bytes that change together or not at all.

use std::fmt;
use std::sync::Arc;

/// The tables of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Table {
    /// Accepted messages without a fate, by number: eight bytes, big end first.
    Messages,
    /// How far a message of the same number has come: started, to be retried, parked.
    Marks,
    /// Ids whose messages have their fate, for as long as duplicates are recognised; by number.
    Ids,
    /// Settings of single sessions, by session key.
    Knobs,
    /// Lines about messages that gave way, by session key.
    Lines,
    /// What the engine notes of the journal itself, by name.
    About,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Messages, Self::Marks, Self::Ids, Self::Knobs, Self::Lines, Self::About];
}

/// One entry that is put, replaced or taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub table: Table,
    /// Under which key.
    pub key: Box<[u8]>,
    /// What to keep there; `None` takes the entry out, if there is one.
    pub value: Option<Box<[u8]>>,
}

/// What is called with each key and value.
pub type Each<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), JournalError> + 'a;

/// Keeps what the engine must not forget.
///
/// One thread owns it and calls it, so that a call may block. Entries are read back, in the order
/// of their keys, when an engine starts.
pub trait Journal: Send {
    /// Makes these changes, in this order: all or none. What is answered `Ok` survives whatever
    /// the journal promises to survive.
    ///
    /// # Errors
    /// Nothing has changed. After [`JournalError::Poisoned`] it is not called again.
    fn commit(&mut self, changes: &[&Change]) -> Result<(), JournalError>;

    /// Calls `each` with every entry of a table, in the order of the keys, until it fails.
    ///
    /// # Errors
    /// `Damaged` for what cannot be read; and what `each` answers.
    fn read(&self, table: Table, each: &mut Each<'_>) -> Result<(), JournalError>;

    /// One entry.
    ///
    /// # Errors
    /// `Damaged` for what cannot be read.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Box<[u8]>>, JournalError>;

    /// What it is called in errors: the path of its file, say.
    fn name(&self) -> &str;
}

/// What is wrong with a journal. Cheap to clone: everybody who waits is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process has it open; the text says which.
    Locked(Arc<str>),
    /// It is not a journal of ours, or of another version; the text says what it is.
    Format(Arc<str>),
    /// What is there cannot be read, or is not what was written.
    Damaged(Arc<str>),
    /// No room: the bound of the journal, or of the disk. Later calls may find some.
    Full(Arc<str>),
    /// The system refused, and nothing was lost. Later calls may fare better.
    Failed(Arc<str>),
    /// A write that was answered may be lost: nothing is acknowledged until it is opened anew. P11.
    Poisoned(Arc<str>),
    /// The engine has closed it.
    Closed,
}

impl JournalError {
    /// Whether nothing can be written any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Poisoned(_) | Self::Closed | Self::Damaged(_))
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(text)
            | Self::Format(text)
            | Self::Damaged(text)
            | Self::Full(text)
            | Self::Failed(text)
            | Self::Poisoned(text) => f.write_str(text),
            Self::Closed => f.write_str("the journal is closed"),
        }
    }
}

impl std::error::Error for JournalError {}
