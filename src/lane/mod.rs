//! The lanes' inner side: worker threads and the handlers that they call, and ports, where the
//! host's threads take runs.

mod descriptor;
mod due;
mod ears;
mod execute;
mod handler;
mod notice;
mod owned;
mod pace;
mod port;
mod pull;
mod redeem;
mod staff;
mod stint;
mod takers;
mod worker;

pub(crate) use handler::Handler;
pub use handler::HandlerOptions;
pub use notice::Notice;
pub use owned::OwnedRun;
pub(crate) use port::Port;
pub(crate) use staff::{Hands, Orphan, Staff};
pub(crate) use takers::Takers;
