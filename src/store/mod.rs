//! What outlives the process: the journal of accepted messages, and the transcripts of sessions.

#[cfg(feature = "transcripts")]
mod folder;
#[cfg(feature = "journal")]
mod journal;
#[cfg(feature = "transcripts")]
mod name;
#[cfg(feature = "transcripts")]
mod tail;
mod told;
#[cfg(feature = "transcripts")]
mod transcript;
#[cfg(not(feature = "transcripts"))]
mod without;

#[cfg(feature = "journal")]
pub use journal::{
    Change, Each, Journal, JournalEntry, JournalError, JournalState, JournalView, RedbJournal,
    Table,
};
#[cfg(feature = "journal")]
pub(crate) use journal::{
    Known, Line, Mark, Marks, Sent, Summary, Then, Urgency, decode, encode, millis, number_of, put,
    removal, take, work,
};
#[cfg(feature = "transcripts")]
pub use name::{file_name, session_uuid};
pub(crate) use told::{Called, Json, Part, Told};
#[cfg(feature = "transcripts")]
pub(crate) use transcript::Transcripts;
#[cfg(not(feature = "transcripts"))]
pub(crate) use without::Transcripts;
