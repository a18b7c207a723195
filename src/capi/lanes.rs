//! Lanes: how many runs at once, pause and resume.

use std::ffi::c_char;

use super::call::{entry, laneq_error};
use super::engine::laneq_engine;
use super::handle;
use super::numbers::unknown;
use super::status::laneq_status;
use super::text;
use crate::config::Concurrency;
use crate::engine::Engine;

/// Sets a lane's concurrency, at once: 0 (paused) to 4,096, or -1 for as many as there are, up to
/// the lane's ceiling. A new name makes a lane, with the handler that was set for all lanes.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_set_lane(
    engine: laneq_engine,
    lane: *const c_char,
    lane_len: usize,
    concurrency: i64,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let lane = text::needed(lane, lane_len, "lane")?;
            let concurrency = match u32::try_from(concurrency) {
                Ok(limit) => Concurrency::Limit(limit),
                Err(_) if concurrency == -1 => Concurrency::Unlimited,
                Err(_) => return Err(unknown("concurrency (-1, or 0 to 4,096)", concurrency)),
            };
            Ok(handle::get::<Engine>(engine)?.set_lane(lane, concurrency)?)
        })
    }
}

/// Pauses a lane: running work finishes, nothing starts. The figure is kept.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_pause(
    engine: laneq_engine,
    lane: *const c_char,
    lane_len: usize,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let lane = text::needed(lane, lane_len, "lane")?;
            Ok(handle::get::<Engine>(engine)?.pause(lane)?)
        })
    }
}

/// Takes a pause back.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_resume(
    engine: laneq_engine,
    lane: *const c_char,
    lane_len: usize,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let lane = text::needed(lane, lane_len, "lane")?;
            Ok(handle::get::<Engine>(engine)?.resume(lane)?)
        })
    }
}
