//! Boundaries: where a run asks whether to go on, and what it hears between two of them.

use std::ffi::c_void;

use super::call::{Fault, entry, laneq_error};
use super::engine::timeout;
use super::handle;
use super::numbers::{self, LANEQ_END_CLOSED, LANEQ_END_STEERS, LANEQ_END_STOP, Number};
use super::options::{Out, set};
use super::run::{laneq_run, live};
use super::status::laneq_status;
use super::steers::{Taken, laneq_steers};
use super::token::laneq_token;
use super::user::{User, laneq_destroy_fn};
use crate::run::{End, Signal};

/// What the run should do now: `verdict` gets `LANEQ_VERDICT_...`, `cause` (may be NULL) the
/// `LANEQ_CAUSE_...` of a stop. Ask before and after every tool call.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_boundary(
    run: laneq_run,
    verdict: *mut i32,
    cause: *mut i32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, cause) = (Out::needed(verdict, "verdict")?, Out::given(cause));
            let (verdict, why) = numbers::verdict(live(run)?.run.boundary());
            out.set(verdict);
            set(cause.as_ref(), why);
            Ok(())
        })
    }
}

/// Asks to end the run: one step with its inbox, so that no steer is accepted and lost. `end` gets
/// `LANEQ_END_...`, `cause` (may be NULL) that of a stop, `steers` a handle if steers wait, else 0.
/// Returning from the handler does the same, and makes turns of what waits.
///
/// Blocks: never. In a handler: yes. Owner: the steers are the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_end(
    run: laneq_run,
    end: *mut i32,
    cause: *mut i32,
    steers: *mut laneq_steers,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (end, steers) = (Out::needed(end, "end")?, Out::needed(steers, "steers")?);
            let cause = Out::given(cause);
            let live = live(run)?;
            let (number, why, taken) = match live.run.end()? {
                End::Closed => (LANEQ_END_CLOSED, 0, 0),
                End::Stop(cause) => (LANEQ_END_STOP, cause.number(), 0),
                End::Steers(taken) => (LANEQ_END_STEERS, 0, Taken::handle(&live, taken)?),
            };
            end.set(number);
            steers.set(taken);
            set(cause.as_ref(), why);
            Ok(())
        })
    }
}

/// Opens (1, as at the start) or closes (0) the run to steers for a while: a compaction, say.
/// While closed they are accepted, held and invisible.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_set_steerable(
    run: laneq_run,
    on: i32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || match on {
            0 | 1 => Ok(live(run)?.run.set_steerable(on == 1)?),
            other => Err(numbers::unknown("switch (0 or 1)", other.into())),
        })
    }
}

/// The run's cancel token, for its tools.
///
/// Blocks: never. In a handler: yes. Owner: the token is the caller's, to be freed; it may outlive
/// the run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_token(
    run: laneq_run,
    token: *mut laneq_token,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(token, "token")?;
            out.set(handle::put(live(run)?.run.token())?);
            Ok(())
        })
    }
}

/// A child of the run's token that is cancelled after `timeout_ms` (0 or more), cause deadline.
///
/// Blocks: never. In a handler: yes. Owner: as for `laneq_run_token`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_token_for(
    run: laneq_run,
    timeout_ms: i64,
    token: *mut laneq_token,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, timeout) = (Out::needed(token, "token")?, timeout(timeout_ms)?);
            out.set(handle::put(live(run)?.run.token_for(timeout))?);
            Ok(())
        })
    }
}

/// Hears a signal: `LANEQ_SIGNAL_...`. It may be called on any thread and must not block.
pub type laneq_signal_fn = Option<unsafe extern "C-unwind" fn(user: *mut c_void, signal: i32)>;

/// Calls `heard` whenever a steer becomes visible or the run is stopped; also for what is so
/// already. Replaces the function that was set before.
///
/// Blocks: never. In a handler: yes. Owner: `user` is the library's until it calls `destroy` (may
/// be NULL), which it does exactly once, also when this call fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_on_signal(
    run: laneq_run,
    heard: laneq_signal_fn,
    user: *mut c_void,
    destroy: laneq_destroy_fn,
    error: *mut laneq_error,
) -> laneq_status {
    let user = User::new(user, destroy);
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, move || {
            let heard = heard.ok_or_else(|| Fault::null("heard"))?;
            let live = live(run)?;
            live.run.on_signal(move |signal: Signal| heard(user.pointer(), signal.number()));
            Ok(())
        })
    }
}
