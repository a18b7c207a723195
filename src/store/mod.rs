//! What outlives the process: the transcripts of sessions.

#[cfg(feature = "transcripts")]
mod folder;
#[cfg(feature = "transcripts")]
mod name;
#[cfg(feature = "transcripts")]
mod tail;
mod told;
#[cfg(feature = "transcripts")]
mod transcript;
#[cfg(not(feature = "transcripts"))]
mod without;

#[cfg(feature = "transcripts")]
pub use name::{file_name, session_uuid};
pub(crate) use told::{Called, Json, Part, Told};
#[cfg(feature = "transcripts")]
pub(crate) use transcript::Transcripts;
#[cfg(not(feature = "transcripts"))]
pub(crate) use without::Transcripts;
