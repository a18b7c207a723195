//! Runs that a run spawns, and waits for.

use super::call::{entry, laneq_error};
use super::engine::timeout;
use super::handle;
use super::message::{laneq_message, read};
use super::options::{Out, OutStruct};
use super::receipt::{Kept, laneq_receipt, laneq_settled};
use super::run::{laneq_run, live};
use super::status::laneq_status;
use super::submit::answer;
use crate::sync::Arc;

/// Submits a message as the run's child: if the run ends other than done, a child that waits is
/// withdrawn and one that runs is stopped. Without a lane it goes to that of its agent, else to
/// `subagent`. Refusals are those of `laneq_submit`, whose `receipt` this one has too.
///
/// Blocks: with a journal, for the commit. In a handler: yes. Owner: the receipt is the caller's,
/// to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_spawn(
    run: laneq_run,
    message: *const laneq_message,
    receipt: *mut laneq_receipt,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let live = live(run)?;
            let message = read(message)?;
            answer(Out::given(receipt).as_ref(), || live.run.spawn(message))
        })
    }
}

/// As `laneq_run_spawn`, but the child outlives the run whatever becomes of it.
///
/// Blocks: with a journal, for the commit. In a handler: yes. Owner: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_spawn_detached(
    run: laneq_run,
    message: *const laneq_message,
    receipt: *mut laneq_receipt,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let live = live(run)?;
            let message = read(message)?;
            answer(Out::given(receipt).as_ref(), || live.run.spawn_detached(message))
        })
    }
}

/// Waits inside a run for what becomes of a message, at most `timeout_ms`; -1: for ever. The lane
/// slot is lent meanwhile; the call returns only after one is taken again.
/// `LANEQ_E_WOULD_DEADLOCK`, at once, for a wait that could not end; `LANEQ_E_STOPPED` if the run
/// is stopped.
///
/// Blocks: yes. In a handler: yes, that is what it is for. Owner: the strings are the receipt's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_wait(
    run: laneq_run,
    receipt: laneq_receipt,
    timeout_ms: i64,
    settled: *mut laneq_settled,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = OutStruct::needed(settled, "settled")?;
            let timeout = timeout(timeout_ms)?;
            let (live, kept) = (live(run)?, handle::get::<Arc<Kept>>(receipt)?);
            let settled = live.run.wait(&kept.receipt, Some(timeout))?;
            out.set(&kept.view(settled));
            Ok(())
        })
    }
}
