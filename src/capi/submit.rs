//! Submitting.

use super::call::{Answer, Fault, entry, laneq_error};
use super::engine::laneq_engine;
use super::handle;
use super::message::{laneq_message, read};
use super::options::Out;
use super::receipt::{Kept, laneq_receipt};
use super::status::laneq_status;
use crate::engine::Engine;
use crate::run::{Receipt, Refused};

/// Submits a message. `receipt` (may be NULL: nobody will ask) gets a handle. A refusal is one of
/// `LANEQ_REFUSED_...`, with the detail in the error; for `LANEQ_REFUSED_DUPLICATE` alone,
/// `receipt` gets a handle then too, that of the message which came first.
///
/// Blocks: until the message is in the journal, if there is one; else never. In a handler: yes.
/// Owner: the message stays the caller's; the receipt is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_submit(
    engine: laneq_engine,
    message: *const laneq_message,
    receipt: *mut laneq_receipt,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let engine = handle::get::<Engine>(engine)?;
            let message = read(message)?;
            answer(engine.submit(message), Out::given(receipt).as_ref())
        })
    }
}

/// As `laneq_submit`, but never waits for the journal. Without one, which is so in this version,
/// the two are the same: the answer is final at once.
///
/// Blocks: never. In a handler: yes. Owner: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_submit_nowait(
    engine: laneq_engine,
    message: *const laneq_message,
    receipt: *mut laneq_receipt,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: as promised by the caller.
    unsafe { laneq_submit(engine, message, receipt, error) }
}

/// The receipt, or the refusal, of a submit or a spawn.
pub(super) fn answer(came: Result<Receipt, Refused>, out: Option<&Out<laneq_receipt>>) -> Answer {
    match (came, out) {
        (Ok(receipt), Some(out)) => out.set(Kept::handle(receipt)?),
        (Ok(_), None) => {}
        (Err(mut refused), out) => {
            if let (Some(first), Some(out)) = (refused.first.take(), out) {
                out.set(Kept::handle(*first)?);
            }
            return Err(Fault::from(&refused));
        }
    }
    Ok(())
}
