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
            answer(Out::given(receipt).as_ref(), || engine.submit(message))
        })
    }
}

/// Submits or spawns. The receipt's handle is sure before the message is admitted.
pub(super) fn answer(
    out: Option<&Out<laneq_receipt>>,
    submit: impl FnOnce() -> Result<Receipt, Refused>,
) -> Answer {
    let keep = |out| handle::reserve().map(|place| (out, place));
    let place = out.map(keep).transpose()?;
    match (submit(), place) {
        (Ok(receipt), Some((out, place))) => out.set(place.fill(Kept::of(receipt))),
        (Ok(_), None) => {}
        (Err(mut refused), place) => {
            if let (Some(first), Some((out, place))) = (refused.first.take(), place) {
                out.set(place.fill(Kept::of(*first)));
            }
            return Err(Fault::from(&refused));
        }
    }
    Ok(())
}
