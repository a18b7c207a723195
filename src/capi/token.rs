//! Cancel tokens: what a run's tools read.

use std::ffi::c_void;

use super::call::{Fault, entry, laneq_error};
use super::engine::timeout;
use super::handle;
use super::numbers::{Number, number_or_none};
use super::options::Out;
use super::status::{LANEQ_E_TIMED_OUT, laneq_status};
use super::text;
use super::user::{User, laneq_destroy_fn};
use crate::model::Cause;
use crate::session::{Cancelled, Registration, Token};

/// A cancel token. Free it with `laneq_token_free`; its children live on.
pub type laneq_token = u64;

/// A callback on a token. Free it with `laneq_registration_free` or `laneq_registration_remove`.
pub type laneq_registration = u64;

/// Hears that a token was cancelled: `LANEQ_CAUSE_...`. Called at most once, on the cancelling
/// thread.
pub type laneq_cancel_fn = Option<unsafe extern "C-unwind" fn(user: *mut c_void, cause: i32)>;

/// A token of the host's own.
///
/// Blocks: never. In a handler: yes. Owner: the token is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_token_new(
    token: *mut laneq_token,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            Out::needed(token, "token")?.set(handle::put(Token::new())?);
            Ok(())
        })
    }
}

/// A token that is cancelled with this one, but not the other way round: one a tool, say.
///
/// Blocks: never. In a handler: yes. Owner: the child is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_token_child(
    token: laneq_token,
    child: *mut laneq_token,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(child, "child")?;
            out.set(handle::put(handle::get::<Token>(token)?.child())?);
            Ok(())
        })
    }
}

/// `cause` gets the `LANEQ_CAUSE_...` once it is cancelled, else 0.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_token_cancelled(
    token: laneq_token,
    cause: *mut i32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(cause, "cause")?;
            out.set(number_or_none(handle::get::<Token>(token)?.cancelled()));
            Ok(())
        })
    }
}

/// Cancels a token and all below it, for a `LANEQ_CAUSE_...`, and calls their callbacks on this
/// thread. `before` (may be NULL) gets the cause of an earlier cancel, which stays, or 0.
///
/// Blocks: never, but for the callbacks. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_token_cancel(
    token: laneq_token,
    cause: i32,
    before: *mut i32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::given(before);
            let cancelled = handle::get::<Token>(token)?.cancel(Cause::read(cause)?);
            let before = match cancelled {
                Cancelled::Now => 0,
                Cancelled::Before(cause) => cause.number(),
            };
            super::options::set(out.as_ref(), before);
            Ok(())
        })
    }
}

/// Waits until a token is cancelled, at most `timeout_ms`; -1: for ever. `LANEQ_E_TIMED_OUT` if it
/// is not.
///
/// Blocks: yes. In a handler: yes; it holds its lane's slot, so wait for tokens that will come.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_token_wait(
    token: laneq_token,
    timeout_ms: i64,
    cause: *mut i32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, timeout) = (Out::needed(cause, "cause")?, timeout(timeout_ms)?);
            let cancelled = handle::get::<Token>(token)?.wait(timeout);
            let alive = || Fault::new(LANEQ_E_TIMED_OUT, "the token is not cancelled yet");
            out.set(cancelled.ok_or_else(alive)?.number());
            Ok(())
        })
    }
}

/// Calls `heard` when the token is cancelled; at once, on this thread, if it is. `registration`
/// (may be NULL: it stays for the token's life) gets a handle to take it back.
///
/// Blocks: never. In a handler: yes. Owner: `user` is the library's until it calls `destroy` (may
/// be NULL), which it does exactly once, after `heard`, also when this call fails; the
/// registration is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_token_on_cancel(
    token: laneq_token,
    heard: laneq_cancel_fn,
    user: *mut c_void,
    destroy: laneq_destroy_fn,
    registration: *mut laneq_registration,
    error: *mut laneq_error,
) -> laneq_status {
    let user = User::new(user, destroy);
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, move || {
            let heard = heard.ok_or_else(|| Fault::null("heard"))?;
            let out = Out::given(registration);
            let token = handle::get::<Token>(token)?;
            let made = token.on_cancel(move |cause| heard(user.pointer(), cause.number()));
            match out {
                Some(out) => out.set(handle::put(made)?),
                None => made.forget(),
            }
            Ok(())
        })
    }
}

/// Takes a callback back and waits for it if it runs on another thread: afterwards it does not run
/// and is not running, unless this is its own thread.
///
/// Blocks: for the callback. In a handler: yes. Owner: frees the registration.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_registration_remove(
    registration: laneq_registration,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe { entry(error, || handle::take::<Registration>(registration).map(drop)) }
}

/// Takes a callback back, unless it runs already, and does not wait for it; 0 is fine.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_registration_free(registration: laneq_registration) -> laneq_status {
    let free = || match registration {
        0 => Ok(()),
        handle => handle::take(handle).map(Registration::take_back),
    };
    // SAFETY: there is no error to write.
    unsafe { entry(std::ptr::null_mut(), free) }
}

/// Frees a token; 0 is fine. Nothing is cancelled by that.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_token_free(token: laneq_token) -> laneq_status {
    text::free::<Token>(token)
}
