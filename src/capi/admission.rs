//! Submitting without waiting for the journal: the answer comes later.

use super::call::{Answer, Fault, entry, laneq_error};
use super::engine::{laneq_engine, timeout};
use super::handle;
use super::message::{laneq_message, read};
use super::options::{Out, set};
use super::receipt::{Kept, laneq_receipt};
use super::status::{LANEQ_E_TIMED_OUT, laneq_status};
use super::text;
use crate::engine::{Admission, Engine};
use crate::run::{Receipt, Refused};
use crate::sync::{Arc, OnceLock};

/// A message on its way through the journal. Free it with `laneq_admission_free`; the message goes
/// its way all the same.
pub type laneq_admission = u64;

/// What was decided: a receipt, or why not; a duplicate's refusal comes with the first receipt.
struct Came {
    kept: Option<Arc<Kept>>,
    refused: Option<Fault>,
}

impl Came {
    fn of(answer: Result<Receipt, Refused>) -> Self {
        match answer {
            Ok(receipt) => Self { kept: Some(Kept::of(receipt)), refused: None },
            Err(mut refused) => {
                let kept = refused.first.take().map(|first| Kept::of(*first));
                Self { kept, refused: Some(Fault::from(&refused)) }
            }
        }
    }
}

/// An admission, and what came of it: whoever asks is told, any number of times.
pub(super) struct Awaited {
    pub(super) admission: Admission,
    came: OnceLock<Came>,
}

impl Awaited {
    fn new(admission: Admission) -> Arc<Self> {
        Arc::new(Self { admission, came: OnceLock::new() })
    }

    /// What came of it, which is decided.
    fn came(&self) -> &Came {
        self.came.get_or_init(|| Came::of(self.admission.take().expect("taken once, here alone")))
    }
}

/// As `laneq_submit`, but never waits for the journal: whether the message is accepted is told by
/// `laneq_admission_wait`, or by a port (`laneq_port_watch_admission`). `admission` (may be NULL:
/// nobody will ask) gets a handle. Messages of one thread keep their order. A refusal that is known
/// at once is answered here; for `LANEQ_REFUSED_DUPLICATE` alone, `admission` gets a handle then
/// too, which gives the receipt of the message that came first. Without a journal all is decided
/// at once.
///
/// Blocks: the first call of an engine with a journal, while that is read (`laneq_engine_recover`
/// before it spares that); and for a message whose id is on its way into the journal, until that is
/// decided. In a handler: yes. Owner: the message stays the caller's; the admission is the
/// caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_submit_nowait(
    engine: laneq_engine,
    message: *const laneq_message,
    admission: *mut laneq_admission,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let engine = handle::get::<Engine>(engine)?;
            let message = read(message)?;
            let keep = |out| handle::reserve().map(|place| (out, place));
            let place = Out::given(admission).map(keep).transpose()?;
            match (engine.submit_nowait(message), place) {
                (Ok(sent), Some((out, place))) => {
                    out.set(place.fill(Awaited::new(sent)));
                    Ok(())
                }
                (Ok(_), None) => Ok(()),
                (Err(refused), place) => refuse(refused, place),
            }
        })
    }
}

type Place = (Out<laneq_admission>, handle::Place<Arc<Awaited>>);

fn refuse(refused: Refused, place: Option<Place>) -> Answer {
    let fault = Fault::from(&refused);
    if let (Some(_), Some((out, place))) = (&refused.first, place) {
        out.set(place.fill(Awaited::new(Admission::decided(Err(refused)))));
    }
    Err(fault)
}

/// Waits until it is decided whether the message is accepted, at most `timeout_ms`; -1: for ever;
/// 0: looks only, which is right anywhere. `LANEQ_OK` once it is in the journal and admitted, else
/// one of `LANEQ_REFUSED_...`, as `laneq_submit`; `LANEQ_E_TIMED_OUT` while it is not decided.
/// `receipt` (may be NULL) gets a handle with `LANEQ_OK` and `LANEQ_REFUSED_DUPLICATE`. It may be
/// asked again: each time gives a receipt.
///
/// Blocks: yes. In a handler: yes; it holds its lane's slot, for one commit. Not in a callback on
/// the journal's thread: `LANEQ_E_WOULD_DEADLOCK`. Owner: the receipt is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_admission_wait(
    admission: laneq_admission,
    timeout_ms: i64,
    receipt: *mut laneq_receipt,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, timeout) = (Out::given(receipt), timeout(timeout_ms)?);
            let awaited = handle::get::<Arc<Awaited>>(admission)?;
            if !awaited.admission.wait_for(timeout)? {
                return Err(Fault::new(LANEQ_E_TIMED_OUT, "it is not decided yet"));
            }
            let came = awaited.came();
            if let (Some(kept), Some(_)) = (&came.kept, &out) {
                set(out.as_ref(), handle::put(Arc::clone(kept))?);
            }
            came.refused.clone().map_or(Ok(()), Err)
        })
    }
}

/// Frees an admission; 0 is fine.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_admission_free(admission: laneq_admission) -> laneq_status {
    text::free::<Arc<Awaited>>(admission)
}
