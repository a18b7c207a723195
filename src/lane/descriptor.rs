//! A descriptor that is readable exactly while something is unread, for loops that poll.
//!
//! A pair of connected sockets with at most one byte in it: what every Unix has, and every loop
//! takes. It never blocks, even if the host reads the byte away.

use super::port::Level;

#[cfg(unix)]
pub(super) struct Descriptor {
    theirs: std::os::unix::net::UnixStream,
    ours: std::os::unix::net::UnixStream,
}

#[cfg(unix)]
impl Descriptor {
    pub(super) fn new() -> std::io::Result<Self> {
        let (theirs, ours) = std::os::unix::net::UnixStream::pair()?;
        theirs.set_nonblocking(true)?;
        ours.set_nonblocking(true)?;
        Ok(Self { theirs, ours })
    }

    pub(super) fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.theirs)
    }

    /// Called once for each change, under the port's lock.
    pub(super) fn set(&self, level: Level) {
        use std::io::{Read, Write};
        // Neither can fail but for a host that reads or closes what is ours: then the next change
        // puts it right.
        match level {
            Level::Raised => drop((&self.ours).write(&[1])),
            Level::Quiet => drop((&self.theirs).read(&mut [0; 8])),
        }
    }
}

/// Other systems have none: `on_wake` serves there.
#[cfg(not(unix))]
pub(super) enum Descriptor {}

#[cfg(not(unix))]
impl Descriptor {
    pub(super) fn set(&self, _: Level) {
        match *self {}
    }
}
