//! The journal of accepted messages.
//!
//! The engine says what happened, in order; a journal keeps it. It knows tables, keys and bytes,
//! and nothing of sessions: what the bytes mean is in `records`.

mod disk;
mod edit;
mod fresh;
mod holder;
mod line;
mod place;
mod records;
mod redb;
mod store;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub(crate) use line::{Line, Then, Urgency};
pub(crate) use records::{
    Known, Mark, Marks, Sent, Summary, decode, encode, millis, number_of, put, removal, take,
};
pub use redb::RedbJournal;
pub use store::{Change, Each, Journal, JournalError, Table};
pub use view::{JournalEntry, JournalState, JournalView};
pub(crate) use writer::work;
