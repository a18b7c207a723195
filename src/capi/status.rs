//! Statuses: what every call answers. The numbers are ABI: append only, never renumber or reuse.

use std::ffi::{CStr, c_char};

/// What a call answers: `LANEQ_OK`, or a negative number. -101 to -199: a message was refused.
pub type laneq_status = i32;

/// It was done.
pub const LANEQ_OK: laneq_status = 0;
/// A pointer is NULL where something must be.
pub const LANEQ_E_NULL: laneq_status = -1;
/// A string is not UTF-8.
pub const LANEQ_E_UTF8: laneq_status = -2;
/// A `struct_size` is none that this library knows, or a field that it does not know is set.
pub const LANEQ_E_STRUCT_SIZE: laneq_status = -3;
/// A number is none of those that stand for something, or is out of range.
pub const LANEQ_E_NUMBER: laneq_status = -4;
/// A handle was freed, is of another kind, or was never given out.
pub const LANEQ_E_HANDLE: laneq_status = -5;
/// The process was forked after the first call: the child may call nothing here.
pub const LANEQ_E_FORKED: laneq_status = -6;
/// A mistake of the library, caught: the message says which. Please report it.
pub const LANEQ_E_PANIC: laneq_status = -7;
/// A value cannot be right; the message names it and says what would be.
pub const LANEQ_E_INVALID: laneq_status = -8;
/// A string is longer than any setting allows.
pub const LANEQ_E_TOO_LARGE: laneq_status = -9;
/// No lane of that name; the message lists those that are.
pub const LANEQ_E_UNKNOWN_LANE: laneq_status = -10;
/// The run is not, or no longer, the live one of its session.
pub const LANEQ_E_STALE: laneq_status = -11;
/// Steers are taken: commit or free them first.
pub const LANEQ_E_GUARD_OPEN: laneq_status = -12;
/// The call would wait for itself; the message names who waits for whom.
pub const LANEQ_E_WOULD_DEADLOCK: laneq_status = -13;
/// A bound is reached; the message names it.
pub const LANEQ_E_FULL: laneq_status = -14;
/// The engine is closed.
pub const LANEQ_E_CLOSED: laneq_status = -15;
/// The operating system refused; the message says what.
pub const LANEQ_E_SYSTEM: laneq_status = -16;
/// The time is over. What was waited for goes its way.
pub const LANEQ_E_TIMED_OUT: laneq_status = -17;
/// The waiting run was stopped; the message names the cause.
pub const LANEQ_E_STOPPED: laneq_status = -18;
/// Calls of the plan still execute; the message names them.
pub const LANEQ_E_CALLS_OPEN: laneq_status = -19;
/// The engine is closed, but handlers still execute.
pub const LANEQ_E_STUCK: laneq_status = -20;
/// The journal cannot be opened or read; the message says why.
pub const LANEQ_E_JOURNAL: laneq_status = -21;

/// Refused: a bound is reached and nothing may give way.
pub const LANEQ_REFUSED_FULL: laneq_status = -101;
/// Refused: the same id came before; the receipt is that of the first.
pub const LANEQ_REFUSED_DUPLICATE: laneq_status = -102;
/// No refusal: words for the queue (`/stop`), carried out. The message is the answer for the person.
pub const LANEQ_REFUSED_DIRECTIVE: laneq_status = -103;
/// Refused: `expect_run` is not the live run.
pub const LANEQ_REFUSED_MISMATCH: laneq_status = -104;
/// Refused: the engine finishes what it has.
pub const LANEQ_REFUSED_DRAINING: laneq_status = -105;
/// Refused: the engine is closed.
pub const LANEQ_REFUSED_CLOSED: laneq_status = -106;
/// Refused: no lane of that name.
pub const LANEQ_REFUSED_UNKNOWN_LANE: laneq_status = -107;
/// Refused: runs of an isolated lane may only spawn into it.
pub const LANEQ_REFUSED_ISOLATED: laneq_status = -108;
/// Refused: key, text or payload is over its bound.
pub const LANEQ_REFUSED_TOO_LARGE: laneq_status = -109;
/// Refused: something about it cannot be right; the message says what.
pub const LANEQ_REFUSED_INVALID: laneq_status = -110;
/// Refused: the journal could not take it.
pub const LANEQ_REFUSED_JOURNAL: laneq_status = -111;

/// The ABI's major number, which is that of the library's SONAME: another one breaks callers.
pub const LANEQ_ABI_MAJOR: u32 = 0;
/// The ABI's minor number: a library serves every header of its major and of a minor up to its own.
pub const LANEQ_ABI_MINOR: u32 = 1;

/// `major * 65536 + minor` of the library that is linked. Check it once, before anything else.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_abi_version() -> u32 {
    (LANEQ_ABI_MAJOR << 16) | LANEQ_ABI_MINOR
}

/// The version of the library, as in `0.1.0`.
///
/// Blocks: never. In a handler: yes. Owner: the library; valid for ever, with a NUL at its end.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// What a status means, in a few words; also for numbers that are none.
///
/// Blocks: never. In a handler: yes. Owner: the library; valid for ever, with a NUL at its end.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_status_text(status: laneq_status) -> *const c_char {
    words(status).as_ptr()
}

fn words(status: laneq_status) -> &'static CStr {
    match status {
        LANEQ_OK => c"ok",
        LANEQ_E_NULL => c"a pointer is NULL",
        LANEQ_E_UTF8 => c"a string is not UTF-8",
        LANEQ_E_STRUCT_SIZE => c"a struct_size is unknown",
        LANEQ_E_NUMBER => c"a number is unknown or out of range",
        LANEQ_E_HANDLE => c"a handle is stale or of another kind",
        LANEQ_E_FORKED => c"called in a forked child",
        LANEQ_E_PANIC => c"a mistake of the library",
        LANEQ_E_INVALID => c"a value cannot be right",
        LANEQ_E_TOO_LARGE => c"a string is too long",
        LANEQ_E_UNKNOWN_LANE => c"no such lane",
        LANEQ_E_STALE => c"the run is not live any more",
        LANEQ_E_GUARD_OPEN => c"taken steers are not committed",
        LANEQ_E_WOULD_DEADLOCK => c"the wait would never end",
        LANEQ_E_FULL => c"a bound is reached",
        LANEQ_E_CLOSED => c"the engine is closed",
        LANEQ_E_SYSTEM => c"the operating system refused",
        LANEQ_E_TIMED_OUT => c"the time is over",
        LANEQ_E_STOPPED => c"the waiting run was stopped",
        LANEQ_E_CALLS_OPEN => c"calls still execute",
        LANEQ_E_STUCK => c"handlers still execute",
        LANEQ_E_JOURNAL => c"the journal cannot be used",
        LANEQ_REFUSED_FULL => c"refused: full",
        LANEQ_REFUSED_DUPLICATE => c"refused: duplicate",
        LANEQ_REFUSED_DIRECTIVE => c"a directive, carried out",
        LANEQ_REFUSED_MISMATCH => c"refused: another run is live",
        LANEQ_REFUSED_DRAINING => c"refused: draining",
        LANEQ_REFUSED_CLOSED => c"refused: closed",
        LANEQ_REFUSED_UNKNOWN_LANE => c"refused: no such lane",
        LANEQ_REFUSED_ISOLATED => c"refused: the lane is isolated",
        LANEQ_REFUSED_TOO_LARGE => c"refused: too large",
        LANEQ_REFUSED_INVALID => c"refused: invalid",
        LANEQ_REFUSED_JOURNAL => c"refused: the journal failed",
        _ => c"not a status of this library",
    }
}
