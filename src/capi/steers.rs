//! Steers in a run's hands.

use std::mem::transmute;

use super::call::{Answer, Fault, entry, laneq_error};
use super::handle;
use super::message::{Words, laneq_message};
use super::options::{Out, OutStruct};
use super::run::{Live, laneq_run, live, place};
use super::status::laneq_status;
use super::text;
use crate::model::Message;
use crate::run::Steers;
use crate::sync::{Arc, Mutex};

/// Steers that a run has taken. Commit them once they are in the transcript; freeing them before,
/// or ending the run, puts them back at their place. Free them with `laneq_steers_free`.
pub type laneq_steers = u64;

/// A take guard of the engine, and what C reads of it.
pub(super) struct Taken {
    /// None once committed. Taken out to be used: no host code runs under this lock. P7.
    guard: Mutex<Option<Steers<'static>>>,
    messages: Vec<(Words, Message)>,
    handle: Mutex<u64>,
    /// Keeps the run that `guard` borrows. Dropped after it.
    live: Arc<Live>,
}

impl Taken {
    /// The handle of what was taken; 0 for nothing.
    pub(super) fn handle(live: &Arc<Live>, steers: Steers<'_>) -> Answer<laneq_steers> {
        if steers.is_empty() {
            return Ok(0);
        }
        let copied = steers.messages().map(|part| (Words::of(part), part.message().clone()));
        let messages = copied.collect();
        // SAFETY: the guard borrows `live.run`, which is in an `Arc` that this struct keeps for
        // longer than the guard: it neither moves nor goes before.
        let guard = unsafe { transmute::<Steers<'_>, Steers<'static>>(steers) };
        let guard = Mutex::new(Some(guard));
        let taken = Self { guard, messages, handle: Mutex::new(0), live: Arc::clone(live) };
        let taken = Arc::new(taken);
        let handle = handle::put(Arc::clone(&taken))?;
        *taken.handle.lock() = handle;
        live.steers.lock().push(handle);
        Ok(handle)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let handle = *self.handle.get_mut();
        self.live.steers.lock().retain(|other| *other != handle);
    }
}

/// Takes the steers that wait. `steers` gets a handle, or 0 if there is nothing: none wait, the
/// run is stopped or closed to steers, or another thread has taken them. `count` (may be NULL)
/// gets how many. Taking again on the same thread gives the same steers.
///
/// Blocks: never. In a handler: yes. Owner: the steers are the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_take_steers(
    run: laneq_run,
    steers: *mut laneq_steers,
    count: *mut u32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, count) = (Out::needed(steers, "steers")?, Out::given(count));
            let live = live(run)?;
            let taken = live.run.take_steers();
            let len = u32::try_from(taken.len()).unwrap_or(u32::MAX);
            out.set(Taken::handle(&live, taken)?);
            super::options::set(count.as_ref(), len);
            Ok(())
        })
    }
}

/// How many steers there are.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_steers_count(
    steers: laneq_steers,
    count: *mut u32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(count, "count")?;
            let taken = handle::get::<Arc<Taken>>(steers)?;
            out.set(u32::try_from(taken.messages.len()).unwrap_or(u32::MAX));
            Ok(())
        })
    }
}

/// One steer, in order of admission, from 0. Its id is always there.
///
/// Blocks: never. In a handler: yes. Owner: the strings are the steers', committed or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_steers_message(
    steers: laneq_steers,
    index: u32,
    message: *mut laneq_message,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = OutStruct::needed(message, "message")?;
            let taken = handle::get::<Arc<Taken>>(steers)?;
            let (words, message) = &taken.messages[place(index, taken.messages.len(), "steer")?];
            out.set(&words.view(message));
            Ok(())
        })
    }
}

/// They are in the transcript: delivered, finally, also if the run fails later. Once only. The
/// handle stays, to be read and freed.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_steers_commit(
    steers: laneq_steers,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let taken = handle::get::<Arc<Taken>>(steers)?;
            let guard = taken.guard.lock().take();
            let again = || Fault::invalid("these steers were committed already");
            Ok(guard.ok_or_else(again)?.commit()?)
        })
    }
}

/// Frees steers; 0 is fine. Those that were not committed are put back at their place.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_steers_free(steers: laneq_steers) -> laneq_status {
    text::free::<Arc<Taken>>(steers)
}
