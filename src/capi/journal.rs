//! What outlives the process: what the journal kept comes back, and transcripts are found.

use std::ffi::{c_char, c_void};
use std::mem::offset_of;

use super::call::{Answer, Fault, entry, laneq_error};
use super::engine::{key, laneq_engine};
use super::handle;
use super::options::{Grows, Out, OutStruct};
use super::receipt::{Kept, laneq_receipt};
use super::status::{LANEQ_E_UTF8, laneq_status};
use super::text::{self, laneq_text};
use crate::engine::{Engine, Recovered};
use crate::run::Receipt;
use crate::sync::caught;

/// What came back from the journal, in figures.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_recovered {
    /// `sizeof(laneq_recovered)`.
    pub struct_size: usize,
    /// Messages that are the engine's again.
    pub pending: u64,
    /// Those of them whose run had started: it starts again, attempt 2 or more.
    pub retried: u64,
    /// Those whose run was interrupted `journal.attempts` times: parked now.
    pub parked: u64,
    /// Those that were parked before.
    pub held: u64,
}

// SAFETY: integers, the size first.
unsafe impl Grows for laneq_recovered {
    const FIRST: usize = offset_of!(Self, held) + size_of::<u64>();
    const NAME: &'static str = "laneq_recovered";
}

/// Gets the receipt of one message that came back: the host's, to be freed. It may submit.
pub type laneq_recovered_fn =
    Option<unsafe extern "C-unwind" fn(user: *mut c_void, receipt: laneq_receipt)>;

/// Gives out receipts as long as there are handles for them.
fn tell(receipt: &Receipt, each: impl FnOnce(laneq_receipt)) -> Answer {
    let handle = handle::put(Kept::of(receipt.clone()))?;
    // P7: what the host throws ends here, and the others are told.
    let panicked = |words| Fault::new(super::status::LANEQ_E_PANIC, words);
    caught::call(|| each(handle)).map_err(panicked)
}

/// Brings back what the journal kept, in order and rank, and calls `each` (may be NULL) on this
/// thread with a receipt of every message, also of the parked ones, whose fate is known. Call it
/// once the handlers are set and the ports bound: what comes back may start at once. The first
/// submit does it otherwise. Without a journal, or the second time, nothing happens. `recovered`
/// (may be NULL) gets the figures. `LANEQ_E_JOURNAL` if an entry cannot be read, and each time that
/// it is asked again: nothing is accepted then. `LANEQ_E_CLOSED` after a close. `LANEQ_E_FULL` if
/// there were not handles for all receipts, `LANEQ_E_PANIC` if `each` panicked: all messages are
/// back all the same, and `recovered` is written.
///
/// Blocks: while the journal is read. In a handler: yes.
/// Owner: each receipt is the host's, to be freed; `user` is used for the time of the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_recover(
    engine: laneq_engine,
    each: laneq_recovered_fn,
    user: *mut c_void,
    recovered: *mut laneq_recovered,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = OutStruct::given(recovered)?;
            let engine = handle::get::<Engine>(engine)?;
            let mut told = Ok(());
            let came = engine.recover(|receipt| {
                let Some(each) = each else { return };
                let now = tell(receipt, |receipt| each(user, receipt));
                told = std::mem::replace(&mut told, Ok(())).and(now);
            })?;
            if let Some(out) = out {
                out.set(&view(came));
            }
            told
        })
    }
}

fn view(came: Recovered) -> laneq_recovered {
    let mut view = laneq_recovered::zeroed();
    (view.pending, view.retried) = (came.pending, came.retried);
    (view.parked, view.held) = (came.parked, came.held);
    view
}

/// Why the journal takes nothing any more, in words; 0 if it is fine, or there is none. Once it
/// does not, the engine has to be closed, and the journal opened anew.
///
/// Blocks: never. In a handler: yes. Owner: the text is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_journal_error(
    engine: laneq_engine,
    words: *mut laneq_text,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(words, "words")?;
            let error = handle::get::<Engine>(engine)?.journal_error();
            let words = error.map_or(Ok(0), |error| text::put(&error.to_string()))?;
            out.set(words);
            Ok(())
        })
    }
}

/// The file with the transcript of a session: an absolute path; 0 if there is none, or no
/// `transcripts.dir`.
///
/// Blocks: for one look at the file system. In a handler: yes. Owner: the text is the caller's, to
/// be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_transcript(
    engine: laneq_engine,
    key_data: *const c_char,
    key_len: usize,
    path: *mut laneq_text,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, key) = (Out::needed(path, "path")?, key(key_data, key_len)?);
            let Some(path) = handle::get::<Engine>(engine)?.transcript(key) else {
                out.set(0);
                return Ok(());
            };
            let text =
                || Fault::new(LANEQ_E_UTF8, format!("the path {} is not UTF-8", path.display()));
            out.set(text::put(path.to_str().ok_or_else(text)?)?);
            Ok(())
        })
    }
}
