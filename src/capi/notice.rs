//! What a port tells, and the runs that it gives.

use std::mem::offset_of;

use super::call::{Answer, entry, laneq_error};
use super::engine::timeout;
use super::handle;
use super::numbers::Number;
use super::options::{Grows, OutStruct};
use super::port::laneq_port;
use super::receipt::{Kept, laneq_receipt};
use super::run::{self, Live, laneq_run, live};
use super::status::laneq_status;
use crate::engine::Port;
use crate::lane::Notice;
use crate::sync::Arc;

/// The time is over, and nothing has come.
pub const LANEQ_NOTICE_NONE: i32 = 0;
/// A run that is the host's to execute: `run`, `run_id`.
pub const LANEQ_NOTICE_READY: i32 = 1;
/// A steer waits at the next boundary of the run `run_id`.
pub const LANEQ_NOTICE_STEER: i32 = 2;
/// The run `run_id` is stopped, for `cause`.
pub const LANEQ_NOTICE_STOP: i32 = 3;
/// The receipt that is watched under `tag` has its fate.
pub const LANEQ_NOTICE_SETTLED: i32 = 4;
/// The admission that is watched under `tag` is decided.
pub const LANEQ_NOTICE_JOURNALED: i32 = 5;
/// Every wait that the run `run_id` has begun is over, and it has its slot again.
pub const LANEQ_NOTICE_WAITED: i32 = 6;
/// The engine is closed and no run of this port is left, or the port was freed. It stays so.
pub const LANEQ_NOTICE_CLOSED: i32 = 7;

/// Something that an event loop needs to hear.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_notice {
    /// `sizeof(laneq_notice)`.
    pub struct_size: usize,
    /// `LANEQ_NOTICE_...`
    pub kind: i32,
    /// `LANEQ_CAUSE_...` of a stop; else 0.
    pub cause: i32,
    /// The run that is ready, the host's: complete, fail or free it; else 0.
    pub run: laneq_run,
    /// The number of the run that it is about, as in `laneq_run_info`; else 0.
    pub run_id: u64,
    /// The tag of what was watched; else 0.
    pub tag: u64,
}

// SAFETY: integers, the size first.
unsafe impl Grows for laneq_notice {
    const FIRST: usize = offset_of!(Self, tag) + size_of::<u64>();
    const NAME: &'static str = "laneq_notice";
}

/// The next notice: what there is at once, else what comes within `timeout_ms`; 0: looks only; -1:
/// for ever. `LANEQ_OK` with kind `LANEQ_NOTICE_NONE` when the time is over. Notices of runs come
/// first, then those of tags, then a run that is ready, of each lane in its turn. Any number of
/// threads may ask: each notice is heard once, but for the end.
///
/// Once a submit has returned and its lane has a free slot, the run is there: no other thread has to
/// do anything first. A run holds its slot until it is completed, failed or freed.
///
/// Blocks: yes; with 0 only where there is a journal, for the commit that counts the attempt of a run
/// that is ready. In a handler: no, `LANEQ_E_WOULD_DEADLOCK`, also with 0. Owner: a run is the
/// caller's, to be completed, failed or freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_port_next(
    port: laneq_port,
    timeout_ms: i64,
    notice: *mut laneq_notice,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (timeout, out) = (timeout(timeout_ms)?, OutStruct::needed(notice, "notice")?);
            let port = handle::get::<Port>(port)?;
            // Sure before a run is taken: it would have to be failed for want of a handle.
            let place = handle::reserve::<Arc<Live>>()?;
            out.set(&view(port.next(Some(timeout))?, place));
            Ok(())
        })
    }
}

fn view(notice: Option<Notice>, place: handle::Place<Arc<Live>>) -> laneq_notice {
    let mut view = laneq_notice::zeroed();
    let (kind, run, cause, tag) = match notice {
        None => (LANEQ_NOTICE_NONE, None, 0, 0),
        Some(Notice::Steer(run)) => (LANEQ_NOTICE_STEER, Some(run), 0, 0),
        Some(Notice::Stop(run, cause)) => (LANEQ_NOTICE_STOP, Some(run), cause.number(), 0),
        Some(Notice::Waited(run)) => (LANEQ_NOTICE_WAITED, Some(run), 0, 0),
        Some(Notice::Settled(tag)) => (LANEQ_NOTICE_SETTLED, None, 0, tag),
        Some(Notice::Journaled(tag)) => (LANEQ_NOTICE_JOURNALED, None, 0, tag),
        Some(Notice::Closed) => (LANEQ_NOTICE_CLOSED, None, 0, 0),
        Some(Notice::Ready(run)) => {
            let id = run.id();
            view.run = place.fill(Arc::new(Live::owned(run)));
            (LANEQ_NOTICE_READY, Some(id), 0, 0)
        }
    };
    (view.kind, view.cause, view.tag) = (kind, cause, tag);
    view.run_id = run.map_or(0, crate::model::RunId::get);
    view
}

/// Lends the slot of a port's run at once, until the receipt has its fate or the run is stopped;
/// `LANEQ_NOTICE_WAITED` tells once every wait of the run is over and it has a slot again. After
/// this call nothing of a wait before it is told any more. For loops that go on meanwhile, where
/// `laneq_run_wait` would block the thread. If the run ends first, nothing is told.
/// `LANEQ_E_WOULD_DEADLOCK` for a wait that could not end; `LANEQ_E_INVALID` for a handler's run.
///
/// Blocks: never. In a handler: yes, for a port's run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_wait_begin(
    run: laneq_run,
    receipt: laneq_receipt,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (live, kept) = (live(run)?, handle::get::<Arc<Kept>>(receipt)?);
            // P7: no lock of the handle's is held while the port is told.
            let ear = live.ear()?;
            Ok(live.run.lend_until(&kept.receipt, &ear)?)
        })
    }
}

/// Frees a port's run; 0 is fine. One that was neither completed nor failed ends failed, cause
/// `LANEQ_CAUSE_DROPPED`. A handler's run cannot be freed: `LANEQ_E_INVALID`.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_run_free(run: laneq_run) -> laneq_status {
    let free = || -> Answer {
        if run != 0 {
            drop(run::take(run)?);
        }
        Ok(())
    };
    // SAFETY: there is no error to write.
    unsafe { entry(std::ptr::null_mut(), free) }
}
