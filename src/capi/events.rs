//! Events, by polling: one JSON object each, by the names and fields of the protocol.

use std::mem::offset_of;

use super::call::{Fault, entry, laneq_error};
use super::engine::{laneq_engine, timeout};
use super::options::{self, Grows, Out};
use super::status::{LANEQ_E_WOULD_DEADLOCK, laneq_status};
use super::text::{self, laneq_text};
use super::{handle, numbers};
use crate::engine::Engine;
use crate::sync::on::{Thread, kind};
use crate::watch::Ring;

/// The newest events from its opening on, `limits.ring_events` of them. Free it with
/// `laneq_events_free`.
pub type laneq_events = u64;

/// What events are to say.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_events_options {
    /// `sizeof(laneq_events_options)`.
    pub struct_size: usize,
    /// 1: `run.started` carries the merged text. 0: no event carries a message's text.
    pub show_text: i32,
    /// 0.
    pub reserved: i32,
}

// SAFETY: integers, the size first.
unsafe impl Grows for laneq_events_options {
    const FIRST: usize = offset_of!(Self, reserved) + size_of::<i32>();
    const NAME: &'static str = "laneq_events_options";
}

/// Begins to keep events. `options` NULL is the defaults.
///
/// Blocks: never. In a handler: yes. Owner: the events are the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_events_open(
    engine: laneq_engine,
    options: *const laneq_events_options,
    events: *mut laneq_events,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(events, "events")?;
            let engine = handle::get::<Engine>(engine)?;
            let ring = match options::read(options)?.map_or(0, |o| o.show_text) {
                0 => engine.ring()?,
                1 => engine.ring_with_texts()?,
                other => return Err(numbers::unknown("show_text (0 or 1)", other.into())),
            };
            out.set(handle::put(ring)?);
            Ok(())
        })
    }
}

/// The next event, waiting for it at most `timeout_ms`; -1: for ever; 0: looks only.
/// `LANEQ_E_TIMED_OUT` if there is none yet, `LANEQ_E_CLOSED` if none will come.
///
/// Blocks: yes. In a handler: only with 0, else `LANEQ_E_WOULD_DEADLOCK`. Owner: the text is the
/// caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_events_next(
    events: laneq_events,
    timeout_ms: i64,
    json: *mut laneq_text,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, timeout) = (Out::needed(json, "json")?, timeout(timeout_ms)?);
            let ring = handle::get::<Ring>(events)?;
            if !timeout.is_zero() && kind() != Thread::Host {
                let text = "an event may wait for this thread: look with a timeout of 0";
                return Err(Fault::new(LANEQ_E_WOULD_DEADLOCK, text));
            }
            out.set(text::put(&ring.next(timeout)?.json())?);
            Ok(())
        })
    }
}

/// How many events were lost because nobody read them in time.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_events_lost(
    events: laneq_events,
    lost: *mut u64,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(lost, "lost")?;
            out.set(handle::get::<Ring>(events)?.lost());
            Ok(())
        })
    }
}

/// Ends it; 0 is fine. Whoever waits for an event goes on waiting.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_events_free(events: laneq_events) -> laneq_status {
    text::free::<Ring>(events)
}
