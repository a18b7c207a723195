//! What the engine says, as JSON: the program writes it out, the C ABI hands it on.

mod body;
mod event;
mod stats;

pub use body::{JsonBody, json_millis, json_quoted};
pub use event::REPLY_BYTES;
