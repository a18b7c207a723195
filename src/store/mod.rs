//! What outlives the process: the journal of accepted messages.
//!
//! The engine says what happened, in order; a journal keeps it. It knows tables, keys and bytes,
//! and nothing of sessions: what the bytes mean is in `records`.

#[cfg(feature = "journal")]
mod disk;
#[cfg(feature = "journal")]
mod holder;
#[cfg(feature = "journal")]
mod journal;
#[cfg(feature = "journal")]
mod line;
#[cfg(feature = "journal")]
mod records;
#[cfg(feature = "journal")]
mod redb;
#[cfg(feature = "journal")]
mod writer;

#[cfg(feature = "journal")]
pub use journal::{Change, Journal, JournalError, Table};
#[cfg(feature = "journal")]
pub(crate) use line::{Line, Then};
#[cfg(feature = "journal")]
pub(crate) use records::{
    Known, Mark, Marks, Sent, Summary, decode, encode, millis, number_of, put, take,
};
#[cfg(feature = "journal")]
pub use redb::RedbJournal;
#[cfg(feature = "journal")]
pub(crate) use writer::work;
