//! The tool ledger: every planned call ends in exactly one result, in source order.

use std::ffi::c_char;
use std::mem::offset_of;

use super::call::{Answer, Fault, entry, laneq_error};
use super::handle;
use super::numbers::{self, LANEQ_LAUNCH_GO, Number, number_or_none};
use super::options::{Grows, Out, OutStruct, set};
use super::run::{Live, laneq_run, live, place};
use super::status::laneq_status;
use super::text::{self, laneq_str};
use crate::run::{CallResult, Ledger};
use crate::sync::Arc;

/// Most calls of one plan. P9.
const CALLS_MAX: usize = 1 << 16;

/// The results of a settled plan. Free them with `laneq_results_free`.
pub type laneq_results = u64;

/// The one result of one call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_call_result {
    /// `sizeof(laneq_call_result)`.
    pub struct_size: usize,
    /// The call's id.
    pub call: laneq_str,
    /// What the tool gave; NULL: nothing.
    pub result: laneq_str,
    /// `LANEQ_CALL_...`: where it ended.
    pub state: i32,
    /// `LANEQ_EFFECTS_...`: what it may have done.
    pub effects: i32,
    /// `LANEQ_CODE_...`: why it did not complete; 0: it did.
    pub code: i32,
    /// 1 if a model should read it as an error, else 0.
    pub error: i32,
}

// SAFETY: integers and strings, the size first.
unsafe impl Grows for laneq_call_result {
    const FIRST: usize = offset_of!(Self, error) + size_of::<i32>();
    const NAME: &'static str = "laneq_call_result";
}

/// What a settle gave.
pub(super) struct Results(Vec<CallResult>);

/// The open plan of a run.
fn plan(live: &Live) -> Answer<Ledger<'_>> {
    let none = || Fault::invalid("no plan is open: laneq_run_plan opens one");
    live.run.ledger().ok_or_else(none)
}

/// Opens a plan: the calls of one assistant message, by their ids, in source order; at most 65,536.
/// The former plan must be settled.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_plan(
    run: laneq_run,
    calls: *const laneq_str,
    count: usize,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            if count > CALLS_MAX {
                let text = format!("count {count}: a plan has at most {CALLS_MAX} calls");
                return Err(Fault::invalid(text));
            }
            if calls.is_null() && count > 0 {
                return Err(Fault::null("calls"));
            }
            let ids = (0..count).map(|at| {
                let call = calls.add(at).read_unaligned();
                text::needed(call.data, call.len, "call")
            });
            let ids = ids.collect::<Answer<Vec<&str>>>()?;
            let _ = live(run)?.run.plan(ids)?;
            Ok(())
        })
    }
}

/// Asks to start a call: the boundary before it. `launch` gets `LANEQ_LAUNCH_...`, `cause` (may be
/// NULL) that of a stop.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_call_start(
    run: laneq_run,
    call: *const c_char,
    call_len: usize,
    launch: *mut i32,
    cause: *mut i32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, cause) = (Out::needed(launch, "launch")?, Out::given(cause));
            let call = text::needed(call, call_len, "call")?;
            let (launch, why) = numbers::launch(plan(&*live(run)?)?.start(call)?);
            out.set(launch);
            set(cause.as_ref(), why);
            Ok(())
        })
    }
}

/// One decision for every call that has not started: either all count as executing now, or all
/// are cancelled. `count` (may be NULL) gets how many it was about; with 0, `launch` is go.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_call_start_rest(
    run: laneq_run,
    launch: *mut i32,
    cause: *mut i32,
    count: *mut u32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, cause) = (Out::needed(launch, "launch")?, Out::given(cause));
            let count = Out::given(count);
            let decided = plan(&*live(run)?)?.start_rest()?;
            let first = decided.first().map(|(_, launch)| numbers::launch(*launch));
            let (launch, why) = first.unwrap_or((LANEQ_LAUNCH_GO, 0));
            out.set(launch);
            set(cause.as_ref(), why);
            set(count.as_ref(), u32::try_from(decided.len()).unwrap_or(u32::MAX));
            Ok(())
        })
    }
}

/// A call has ended: the boundary after it. `failed` is 0 or 1; a failure of a call that has not
/// started means that it was found wrong. `result` (may be NULL) is what the tool gave, or said.
/// `verdict` and `cause` (each may be NULL) are those of `laneq_run_boundary`.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_call_finish(
    run: laneq_run,
    call: *const c_char,
    call_len: usize,
    failed: i32,
    result: *const c_char,
    result_len: usize,
    verdict: *mut i32,
    cause: *mut i32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, cause) = (Out::given(verdict), Out::given(cause));
            let call = text::needed(call, call_len, "call")?;
            let result = text::given(result, result_len, "result")?.unwrap_or_default().to_owned();
            let result = match failed {
                0 => Ok(result),
                1 => Err(result),
                other => return Err(numbers::unknown("failed (0 or 1)", other.into())),
            };
            let (verdict, why) = numbers::verdict(plan(&*live(run)?)?.finish(call, result)?);
            set(out.as_ref(), verdict);
            set(cause.as_ref(), why);
            Ok(())
        })
    }
}

/// The call's own deadline has passed; the run goes on. If the call ends after all, it is late.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_call_time_out(
    run: laneq_run,
    call: *const c_char,
    call_len: usize,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let call = text::needed(call, call_len, "call")?;
            let _ = plan(&*live(run)?)?.time_out(call)?;
            Ok(())
        })
    }
}

/// Gives up every call that executes: cancelled, effects unknown.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_give_up_calls(
    run: laneq_run,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            plan(&*live(run)?)?.give_up();
            Ok(())
        })
    }
}

/// Closes the plan: one result a call, in source order. `LANEQ_E_CALLS_OPEN` while calls execute;
/// the plan stays open then.
///
/// Blocks: never. In a handler: yes. Owner: the results are the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_settle(
    run: laneq_run,
    results: *mut laneq_results,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(results, "results")?;
            let results = plan(&*live(run)?)?.settle()?;
            out.set(handle::put(Arc::new(Results(results)))?);
            Ok(())
        })
    }
}

/// How many results there are.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_results_count(
    results: laneq_results,
    count: *mut u32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(count, "count")?;
            let results = handle::get::<Arc<Results>>(results)?;
            out.set(u32::try_from(results.0.len()).unwrap_or(u32::MAX));
            Ok(())
        })
    }
}

/// One result, from 0.
///
/// Blocks: never. In a handler: yes. Owner: the strings are the results'.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_results_get(
    results: laneq_results,
    index: u32,
    result: *mut laneq_call_result,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = OutStruct::needed(result, "result")?;
            let results = handle::get::<Arc<Results>>(results)?;
            let result = &results.0[place(index, results.0.len(), "result")?];
            let mut view = laneq_call_result::zeroed();
            view.call = laneq_str::of(&result.call);
            view.result = laneq_str::of_option(result.result.as_deref());
            view.state = result.state.number();
            view.effects = result.effects.number();
            view.code = number_or_none(result.code);
            view.error = result.error.into();
            out.set(&view);
            Ok(())
        })
    }
}

/// Frees results; 0 is fine.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_results_free(results: laneq_results) -> laneq_status {
    text::free::<Arc<Results>>(results)
}
