//! Receipts: where a message landed, and what became of it.

use std::mem::offset_of;

use super::call::{Fault, entry, laneq_error};
use super::engine::timeout;
use super::handle;
use super::message::{laneq_message, view};
use super::numbers::{Number, number_or_none};
use super::options::{Grows, OutStruct};
use super::status::{LANEQ_E_TIMED_OUT, laneq_status};
use super::text::{self, laneq_str};
use crate::model::{Reply, RunId, Settled};
use crate::run::Receipt;
use crate::sync::{Arc, OnceLock};

/// The answer to an accepted message. Free it with `laneq_receipt_free`; the message goes its way
/// all the same.
pub type laneq_receipt = u64;

/// Where a message landed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_landed {
    /// `sizeof(laneq_landed)`.
    pub struct_size: usize,
    /// Its id: the given one, or the made-up one.
    pub id: laneq_str,
    /// Its session key.
    pub key: laneq_str,
    /// The run that it steers; 0: none.
    pub run: u64,
    /// `LANEQ_PLACEMENT_...`
    pub placement: i32,
    /// `LANEQ_FALLBACK_...`: why it waits its turn, if it asked to steer or interrupt; 0: it does
    /// not.
    pub fallback: i32,
    /// Messages of its session that were before it.
    pub position: u32,
    /// 0.
    pub reserved: i32,
}

// SAFETY: integers and strings, the size first.
unsafe impl Grows for laneq_landed {
    const FIRST: usize = offset_of!(Self, reserved) + size_of::<i32>();
    const NAME: &'static str = "laneq_landed";
}

/// What became of a message.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_settled {
    /// `sizeof(laneq_settled)`.
    pub struct_size: usize,
    /// The run's one reply, on the receipt with `lead` alone; NULL: none.
    pub reply: laneq_str,
    /// What the handler said when it failed; NULL: nothing.
    pub error: laneq_str,
    /// The run that executed or received it; 0: none.
    pub run: u64,
    /// `LANEQ_FATE_...`
    pub fate: i32,
    /// `LANEQ_OUTCOME_...` of that run; 0: none.
    pub outcome: i32,
    /// 1 on exactly one receipt of a run's batch, so that a host answers once; else 0.
    pub lead: i32,
    /// 0.
    pub reserved: i32,
}

// SAFETY: integers and strings, the size first.
unsafe impl Grows for laneq_settled {
    const FIRST: usize = offset_of!(Self, reserved) + size_of::<i32>();
    const NAME: &'static str = "laneq_settled";
}

/// A receipt with all that C may read of it.
pub(super) struct Kept {
    pub(super) receipt: Receipt,
    id: OnceLock<String>,
    settled: OnceLock<Settled>,
}

impl Kept {
    pub(super) fn of(receipt: Receipt) -> Arc<Self> {
        Arc::new(Self { receipt, id: OnceLock::new(), settled: OnceLock::new() })
    }

    /// What became of it; the strings are this receipt's.
    pub(super) fn view(&self, settled: Settled) -> laneq_settled {
        let settled = self.settled.get_or_init(|| settled);
        let mut view = laneq_settled::zeroed();
        view.reply = laneq_str::of_option(settled.reply.as_ref().map(Reply::text));
        view.error = laneq_str::of_option(settled.error.as_deref());
        view.run = settled.run.map_or(0, RunId::get);
        view.fate = settled.fate.number();
        view.outcome = number_or_none(settled.outcome);
        view.lead = settled.lead.into();
        view
    }
}

/// Where the message landed.
///
/// Blocks: never. In a handler: yes. Owner: the strings are the receipt's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_receipt_landed(
    receipt: laneq_receipt,
    landed: *mut laneq_landed,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = OutStruct::needed(landed, "landed")?;
            let kept = handle::get::<Arc<Kept>>(receipt)?;
            let mut view = laneq_landed::zeroed();
            view.id = laneq_str::of(kept.id.get_or_init(|| kept.receipt.id().to_string()));
            view.key = laneq_str::of(kept.receipt.key());
            view.run = kept.receipt.run().map_or(0, RunId::get);
            view.placement = kept.receipt.placement().number();
            view.fallback = number_or_none(kept.receipt.fallback());
            view.position = kept.receipt.position();
            out.set(&view);
            Ok(())
        })
    }
}

/// The message as it was submitted, to be submitted anew when it was parked. `LANEQ_E_INVALID` for
/// the receipt of a duplicate's first whose fate is known: its message is not kept.
///
/// Blocks: never. In a handler: yes. Owner: the strings are the receipt's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_receipt_message(
    receipt: laneq_receipt,
    message: *mut laneq_message,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = OutStruct::needed(message, "message")?;
            let kept = handle::get::<Arc<Kept>>(receipt)?;
            let message = kept.receipt.message();
            let message = message.ok_or_else(|| Fault::invalid("the message is not kept"))?;
            out.set(&view(message, message.id()));
            Ok(())
        })
    }
}

/// Waits for what becomes of the message, at most `timeout_ms`; -1: for ever; 0: looks only, which
/// is right anywhere.
///
/// Blocks: yes. In a handler: only with 0, else `LANEQ_E_WOULD_DEADLOCK`: see `laneq_run_wait`.
/// Owner: the strings are the receipt's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_receipt_wait(
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
            let kept = handle::get::<Arc<Kept>>(receipt)?;
            let settled = if timeout.is_zero() {
                let none = || Fault::new(LANEQ_E_TIMED_OUT, "it has no fate yet");
                kept.receipt.settled().ok_or_else(none)?
            } else {
                kept.receipt.wait_for(timeout)?
            };
            out.set(&kept.view(settled));
            Ok(())
        })
    }
}

/// Frees a receipt; 0 is fine.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_receipt_free(receipt: laneq_receipt) -> laneq_status {
    text::free::<Arc<Kept>>(receipt)
}
