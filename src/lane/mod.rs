//! The lanes' inner side: worker threads, and the handlers that they call.

mod execute;
mod handler;
mod staff;
mod worker;

pub use handler::HandlerOptions;
pub(crate) use handler::{Handler, Handlers};
pub(crate) use staff::{Orphan, Staff};
