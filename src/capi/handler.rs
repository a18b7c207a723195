//! Handlers: the host's code for the runs of a lane, called on the lane's workers.

use std::ffi::{c_char, c_void};
use std::mem::offset_of;

use super::call::{Answer, Fault, entry, laneq_error};
use super::engine::laneq_engine;
use super::options::{self, Grows};
use super::run::{Live, laneq_run};
use super::status::laneq_status;
use super::user::{User, laneq_destroy_fn};
use super::{handle, numbers, text};
use crate::engine::Engine;
use crate::lane::HandlerOptions;
use crate::model::{BoxError, Cause, Reply};
use crate::run::Run;
use crate::sync::Arc;

/// What a handler can do.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_handler_options {
    /// `sizeof(laneq_handler_options)`.
    pub struct_size: usize,
    /// 1: it never looks at its boundary, so that steers are follow-ups. 0: it takes steers.
    pub unsteerable: i32,
    /// 0.
    pub reserved: i32,
}

// SAFETY: integers, the size first.
unsafe impl Grows for laneq_handler_options {
    const FIRST: usize = offset_of!(Self, reserved) + size_of::<i32>();
    const NAME: &'static str = "laneq_handler_options";
}

/// The host's code for a run. It must end with `laneq_run_complete` or `laneq_run_fail`, and
/// neither throw nor jump out.
pub type laneq_run_fn = Option<unsafe extern "C-unwind" fn(user: *mut c_void, run: laneq_run)>;

/// What a host can do with runs; NULL is the defaults.
///
/// # Safety
/// As [`options::read`].
pub(super) unsafe fn abilities(options: *const laneq_handler_options) -> Answer<HandlerOptions> {
    // SAFETY: as promised above.
    match unsafe { options::read(options) }?.map_or(0, |options| options.unsteerable) {
        0 => Ok(HandlerOptions::default()),
        1 => Ok(HandlerOptions::unsteerable()),
        other => Err(numbers::unknown("unsteerable (0 or 1)", other.into())),
    }
}

/// The handle of a run while its handler is called.
struct Lent {
    live: Arc<Live>,
    handle: laneq_run,
}

impl Drop for Lent {
    /// Also while a panic of the handler is on its way.
    fn drop(&mut self) {
        // It is ours alone to take back: the host has no call for that.
        let _ = handle::take::<Arc<Live>>(self.handle);
    }
}

/// Sets the handler of a lane, once; `lane` NULL: of every lane that has none of its own, now or
/// later. `options` NULL is the defaults.
///
/// Blocks: never. In a handler: yes. Owner: `user` is the library's until it calls `destroy` (may
/// be NULL), which it does exactly once, also when this call fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_on_run(
    engine: laneq_engine,
    lane: *const c_char,
    lane_len: usize,
    options: *const laneq_handler_options,
    handler: laneq_run_fn,
    user: *mut c_void,
    destroy: laneq_destroy_fn,
    error: *mut laneq_error,
) -> laneq_status {
    let user = User::new(user, destroy);
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, move || {
            let handler = handler.ok_or_else(|| Fault::null("handler"))?;
            let options = abilities(options)?;
            let lane = text::given(lane, lane_len, "lane")?;
            let engine = handle::get::<Engine>(engine)?;
            let handle = move |run: &Run| handle(run, |lent| handler(user.pointer(), lent));
            match lane {
                Some(lane) => engine.on_run_with(lane, options, handle)?,
                None => engine.on_run_any(options, handle)?,
            }
            Ok(())
        })
    }
}

fn handle(run: &Run, call: impl FnOnce(laneq_run)) -> Result<Reply, BoxError> {
    let live = Arc::new(Live::lent(run));
    let handle = handle::put(Arc::clone(&live)).map_err(|fault| format!("{fault:?}"))?;
    let lent = Lent { live, handle };
    call(lent.handle);
    match lent.live.over() {
        Some(answer) => Ok(answer?),
        None => {
            run.fail_with(Cause::Dropped);
            Err("the handler returned without completing its run".into())
        }
    }
}
