//! Plain data: the words of the engine. No locks, no threads, no clock.

mod error;
mod fate;
mod id;
mod mode;
mod knobs;
mod message;
mod scope;
mod source;
mod text;

pub use error::{BoxError, Error, Reason, WaitError};
pub use fate::{Cause, Fate, Kept, Outcome, Policy, Settled};
pub use id::{MessageId, RunId};
pub use knobs::Knobs;
pub use message::{Message, Reply};
pub use mode::{Drop, Fallback, Mode, PendingTools, Priority};
pub use scope::Scope;
pub use source::{Kind, Source};

pub(crate) use id::LaneId;
pub(crate) use message::Details;
pub(crate) use mode::words as mode_words;
pub(crate) use source::{Route, same_agent, same_name, same_route};
pub(crate) use text::Text;
