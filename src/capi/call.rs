//! One call from C: what goes wrong in it, and the one way in for all of them.

use std::ffi::c_char;

use super::home;
use super::status::{self as s, laneq_status};
use crate::model::{Error, Reason, WaitError};
use crate::run::{OpenCallsLeft, Refused};
use crate::sync::caught;
use crate::watch::Silence;

/// Bytes of an error's message, the NUL at its end included.
pub const LANEQ_ERROR_BYTES: usize = 1024;

/// What went wrong, in the caller's own memory: the optional last argument of a call, which writes
/// it whenever it is there. Its layout never changes.
#[repr(C)]
pub struct laneq_error {
    /// What the call answered.
    pub status: laneq_status,
    /// Bytes of the message, without the NUL.
    pub message_len: u32,
    /// What was wrong and what would be right, UTF-8, cut off if need be; empty for `LANEQ_OK`.
    pub message: [c_char; LANEQ_ERROR_BYTES],
}

/// Why a call did not do what it was asked.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    status: laneq_status,
    message: String,
}

pub(super) type Answer<T = ()> = Result<T, Fault>;

impl Fault {
    pub(super) fn new(status: laneq_status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn null(what: &str) -> Self {
        Self::new(s::LANEQ_E_NULL, format!("{what} is NULL"))
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(s::LANEQ_E_INVALID, message)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Invalid(_) => s::LANEQ_E_INVALID,
            Error::UnknownLane { .. } => s::LANEQ_E_UNKNOWN_LANE,
            Error::Stale(_) => s::LANEQ_E_STALE,
            Error::GuardOpen => s::LANEQ_E_GUARD_OPEN,
            Error::WouldDeadlock(_) => s::LANEQ_E_WOULD_DEADLOCK,
            Error::Full(_) => s::LANEQ_E_FULL,
            Error::Closed => s::LANEQ_E_CLOSED,
            Error::System(_) => s::LANEQ_E_SYSTEM,
            Error::Journal(_) => s::LANEQ_E_JOURNAL,
        };
        Self::new(status, error.to_string())
    }
}

impl From<WaitError> for Fault {
    fn from(error: WaitError) -> Self {
        let status = match &error {
            WaitError::TimedOut => s::LANEQ_E_TIMED_OUT,
            WaitError::Stopped(_) => s::LANEQ_E_STOPPED,
            WaitError::WouldDeadlock(_) => s::LANEQ_E_WOULD_DEADLOCK,
            WaitError::OnEngineThread => {
                let text = "a plain wait on an engine thread would hold its lane: use \
                            laneq_run_wait, which lends the slot";
                return Self::new(s::LANEQ_E_WOULD_DEADLOCK, text);
            }
            WaitError::Stale(_) => s::LANEQ_E_STALE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<&Refused> for Fault {
    fn from(refused: &Refused) -> Self {
        let status = match refused.reason {
            Reason::Full => s::LANEQ_REFUSED_FULL,
            Reason::Duplicate => s::LANEQ_REFUSED_DUPLICATE,
            Reason::Directive => s::LANEQ_REFUSED_DIRECTIVE,
            Reason::Mismatch => s::LANEQ_REFUSED_MISMATCH,
            Reason::Draining => s::LANEQ_REFUSED_DRAINING,
            Reason::Closed => s::LANEQ_REFUSED_CLOSED,
            Reason::UnknownLane => s::LANEQ_REFUSED_UNKNOWN_LANE,
            Reason::Isolated => s::LANEQ_REFUSED_ISOLATED,
            Reason::TooLarge => s::LANEQ_REFUSED_TOO_LARGE,
            Reason::Invalid => s::LANEQ_REFUSED_INVALID,
            Reason::Journal => s::LANEQ_REFUSED_JOURNAL,
        };
        Self::new(status, refused.detail.clone())
    }
}

impl From<OpenCallsLeft> for Fault {
    fn from(open: OpenCallsLeft) -> Self {
        Self::new(s::LANEQ_E_CALLS_OPEN, open.to_string())
    }
}

impl From<Silence> for Fault {
    fn from(silence: Silence) -> Self {
        match silence {
            Silence::TimedOut => Self::new(s::LANEQ_E_TIMED_OUT, "no event came in time"),
            Silence::Ended => Self::new(s::LANEQ_E_CLOSED, "the engine is closed: no event comes"),
        }
    }
}

/// The one way in. A forked child is turned away before it meets a lock that nobody will ever
/// open; a panic ends here.
///
/// # Safety
/// `error` is NULL, or the caller's `laneq_error` for the time of the call.
pub(super) unsafe fn entry(error: *mut laneq_error, body: impl FnOnce() -> Answer) -> laneq_status {
    let came = home::at_home().and_then(|()| {
        let panicked = |words: Box<str>| Err(Fault::new(s::LANEQ_E_PANIC, words));
        caught::call(body).unwrap_or_else(panicked)
    });
    let (status, message) = match &came {
        Ok(()) => (s::LANEQ_OK, ""),
        Err(fault) => (fault.status, &*fault.message),
    };
    // SAFETY: as promised above.
    unsafe { write(error, status, message) };
    status
}

/// # Safety
/// As [`entry`].
unsafe fn write(error: *mut laneq_error, status: laneq_status, message: &str) {
    if error.is_null() {
        return;
    }
    let kept = &message[..message.floor_char_boundary(LANEQ_ERROR_BYTES - 1)];
    // SAFETY: it is the caller's, whole; no field is read, and what is written fits with its NUL.
    unsafe {
        (&raw mut (*error).status).write_unaligned(status);
        #[allow(clippy::cast_possible_truncation, reason = "at most 1,023 bytes")]
        (&raw mut (*error).message_len).write_unaligned(kept.len() as u32);
        let to = (&raw mut (*error).message).cast::<u8>();
        to.copy_from_nonoverlapping(kept.as_ptr(), kept.len());
        to.add(kept.len()).write(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: impl FnOnce() -> Answer) -> (laneq_status, String) {
        let mut error = laneq_error { status: 7, message_len: 7, message: [7; LANEQ_ERROR_BYTES] };
        // SAFETY: it is ours.
        let status = unsafe { entry(&raw mut error, body) };
        assert_eq!(error.status, status);
        #[allow(clippy::cast_sign_loss, reason = "bytes are bytes")]
        let bytes = error.message[..error.message_len as usize].iter().map(|c| *c as u8);
        assert_eq!(error.message[error.message_len as usize], 0, "there is a NUL at the end");
        (status, String::from_utf8(bytes.collect()).expect("UTF-8"))
    }

    #[test]
    fn p7_a_panic_becomes_a_status_with_its_words() {
        let planned = || std::panic::resume_unwind(Box::new("planned"));
        assert_eq!(told(planned), (s::LANEQ_E_PANIC, "planned".to_owned()));
        assert_eq!(told(|| Ok(())), (s::LANEQ_OK, String::new()));
    }

    #[test]
    fn a_long_message_is_cut_between_two_characters() {
        let (status, message) = told(|| Err(Fault::invalid("\u{e9}".repeat(1000))));
        assert_eq!((status, message.len()), (s::LANEQ_E_INVALID, 1022));
    }
}
