//! Control: stop, interrupt, withdraw, abandon, and a session's own knobs.

use std::ffi::c_char;

use super::call::{entry, laneq_error};
use super::engine::{key, laneq_engine};
use super::handle;
use super::message::{knobs, laneq_knobs};
use super::numbers::Number;
use super::options::{Out, set};
use super::receipt::{Kept, laneq_receipt};
use super::status::laneq_status;
use crate::engine::{Engine, Stopped};
use crate::model::RunId;
use crate::sync::Arc;

/// # Safety
/// As [`Out::given`].
unsafe fn tell(stopped: Stopped, withdrawn: *mut u32, run: *mut u64) {
    // SAFETY: as promised above.
    let (withdrawn, run) = unsafe { (Out::given(withdrawn), Out::given(run)) };
    set(withdrawn.as_ref(), stopped.withdrawn);
    set(run.as_ref(), stopped.run.map_or(0, RunId::get));
}

/// Withdraws everything that waits under the key, then stops its run: one step. `withdrawn` (may
/// be NULL) gets how many, `run` (may be NULL) which run was told to stop, or 0.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_stop(
    engine: laneq_engine,
    key_data: *const c_char,
    key_len: usize,
    withdrawn: *mut u32,
    run: *mut u64,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let key = key(key_data, key_len)?;
            tell(handle::get::<Engine>(engine)?.stop(key), withdrawn, run);
            Ok(())
        })
    }
}

/// The same for the session of a run, by the run's number.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_stop_run(
    engine: laneq_engine,
    run_id: u64,
    withdrawn: *mut u32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let stopped = handle::get::<Engine>(engine)?.stop_run(RunId::new(run_id))?;
            tell(stopped, withdrawn, std::ptr::null_mut());
            Ok(())
        })
    }
}

/// Stops the key's run or ends its pending retry; what waits goes on. `run` (may be NULL) gets its
/// number; 0: there was none.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_interrupt(
    engine: laneq_engine,
    key_data: *const c_char,
    key_len: usize,
    run: *mut u64,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (key, out) = (key(key_data, key_len)?, Out::given(run));
            let run = handle::get::<Engine>(engine)?.interrupt(key);
            set(out.as_ref(), run.map_or(0, RunId::get));
            Ok(())
        })
    }
}

/// The same for this run alone, by its number: later runs of its session are safe.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_interrupt_run(
    engine: laneq_engine,
    run_id: u64,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || Ok(handle::get::<Engine>(engine)?.interrupt_run(RunId::new(run_id))?))
    }
}

/// Takes a message back that has not started. `answer` gets `LANEQ_WITHDRAW_...`.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_withdraw(
    engine: laneq_engine,
    receipt: laneq_receipt,
    answer: *mut i32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(answer, "answer")?;
            let (engine, kept) =
                (handle::get::<Engine>(engine)?, handle::get::<Arc<Kept>>(receipt)?);
            out.set(engine.withdraw(&kept.receipt).number());
            Ok(())
        })
    }
}

/// Ends a run, by its number, although its handler still executes: its session and slot are free,
/// and what the handler still asks is answered `LANEQ_E_STALE` or a stop, cause abandon.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_abandon(
    engine: laneq_engine,
    run_id: u64,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe { entry(error, || Ok(handle::get::<Engine>(engine)?.abandon(RunId::new(run_id))?)) }
}

/// Sets the knobs of one session, in place of those that it had; `own` NULL takes them back.
///
/// Blocks: the first call of an engine with a journal, while that is read. In a handler: yes.
/// Owner: the knobs stay the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_set_knobs(
    engine: laneq_engine,
    key_data: *const c_char,
    key_len: usize,
    own: *const laneq_knobs,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (key, own) = (key(key_data, key_len)?, knobs(own)?.unwrap_or_default());
            Ok(handle::get::<Engine>(engine)?.set_knobs(key, own)?)
        })
    }
}
