//! The end: drain finishes what is admitted, close stops everything. Both say what became of it.

use std::mem::offset_of;

use super::call::{Fault, entry, laneq_error};
use super::engine::{laneq_engine, timeout};
use super::handle;
use super::message::{laneq_message, view};
use super::options::{Grows, Out, OutStruct};
use super::run::place;
use super::status::{LANEQ_E_STUCK, laneq_status};
use super::text::{self, laneq_str, laneq_text};
use crate::engine::{Closed, DrainReport, Engine, StuckRun};
use crate::json::JsonBody;
use crate::model::Message;
use crate::sync::Arc;

/// What a drain came to. Free it with `laneq_report_free`.
pub type laneq_report = u64;

/// What a drain came to, in figures.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_drained {
    /// `sizeof(laneq_drained)`.
    pub struct_size: usize,
    /// All of it as JSON: `{"complete", "settled": [{"id", "key", "fate"}], "running": [{"run",
    /// "key", "lane", "age_ms"}]}`.
    pub json: laneq_str,
    /// 1 if everything reached its fate by itself before the deadline, else 0.
    pub complete: i32,
    /// Messages that reached a fate meanwhile.
    pub settled: u32,
    /// Messages that are the host's again: see `laneq_report_returned`.
    pub returned: u32,
    /// Runs that were told to stop and had not ended.
    pub running: u32,
}

// SAFETY: integers and a string, the size first.
unsafe impl Grows for laneq_drained {
    const FIRST: usize = offset_of!(Self, running) + size_of::<u32>();
    const NAME: &'static str = "laneq_drained";
}

/// A drain's report, as C reads it.
pub(super) struct Report {
    json: String,
    complete: bool,
    settled: usize,
    running: usize,
    returned: Vec<Message>,
}

fn list(objects: impl Iterator<Item = JsonBody>) -> String {
    format!("[{}]", objects.map(JsonBody::object).collect::<Vec<_>>().join(","))
}

fn stuck(runs: &[StuckRun]) -> String {
    list(runs.iter().map(|stuck| {
        let body = JsonBody::new().number("run", stuck.run.get()).text("key", &stuck.key);
        body.text("lane", &stuck.lane).millis("age_ms", stuck.age)
    }))
}

impl Report {
    fn of(report: DrainReport) -> Self {
        let DrainReport { complete, settled, returned, running } = report;
        let fates = list(settled.iter().map(|(id, key, fate)| {
            let body = JsonBody::new().text("id", &id.to_string()).text("key", key);
            body.text("fate", fate.as_str())
        }));
        let body = JsonBody::new().flag("complete", complete).raw("settled", &fates);
        let json = body.raw("running", &stuck(&running)).object();
        let (settled, running) = (settled.len(), running.len());
        Self { json, complete, settled, running, returned }
    }
}

/// Refuses messages from outside and waits until everything admitted has its fate, at most
/// `timeout_ms`; -1: for ever. What is left then is returned, and what executes is told to stop.
/// `report` may be NULL. The engine does not open again; close and free it afterwards.
///
/// Blocks: yes. In a handler: no, `LANEQ_E_WOULD_DEADLOCK`. Owner: the report is the caller's, to
/// be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_drain(
    engine: laneq_engine,
    timeout_ms: i64,
    report: *mut laneq_report,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, timeout) = (Out::given(report), timeout(timeout_ms)?);
            let drained = handle::get::<Engine>(engine)?.drain(timeout)?;
            if let Some(out) = out {
                out.set(handle::put(Arc::new(Report::of(drained)))?);
            }
            Ok(())
        })
    }
}

/// Reads a report.
///
/// Blocks: never. In a handler: yes. Owner: the string is the report's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_report_get(
    report: laneq_report,
    drained: *mut laneq_drained,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = OutStruct::needed(drained, "drained")?;
            let report = handle::get::<Arc<Report>>(report)?;
            let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
            let mut view = laneq_drained::zeroed();
            view.json = laneq_str::of(&report.json);
            view.complete = report.complete.into();
            (view.settled, view.running) = (count(report.settled), count(report.running));
            view.returned = count(report.returned.len());
            out.set(&view);
            Ok(())
        })
    }
}

/// One message that was returned, from 0, to be kept or submitted elsewhere.
///
/// Blocks: never. In a handler: yes. Owner: the strings are the report's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_report_returned(
    report: laneq_report,
    index: u32,
    message: *mut laneq_message,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = OutStruct::needed(message, "message")?;
            let report = handle::get::<Arc<Report>>(report)?;
            let message = &report.returned[place(index, report.returned.len(), "message")?];
            out.set(&view(message, message.id()));
            Ok(())
        })
    }
}

/// Frees a report; 0 is fine.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_report_free(report: laneq_report) -> laneq_status {
    text::free::<Arc<Report>>(report)
}

/// Stops every run, returns what waits, and joins every thread, within `timeout_ms`; -1: for ever.
/// After `LANEQ_OK` no callback will come. `LANEQ_E_STUCK` if handlers still execute: they are
/// fenced, and `running` (may be NULL) gets a JSON list of `{"run", "key", "lane", "age_ms"}` then.
/// It may be called again. The handle stays, to be read and freed.
///
/// Blocks: yes. In a handler: no, `LANEQ_E_WOULD_DEADLOCK`: free the engine there. Owner: the text
/// is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_close(
    engine: laneq_engine,
    timeout_ms: i64,
    running: *mut laneq_text,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (out, timeout) = (Out::given(running), timeout(timeout_ms)?);
            let Closed::Stuck(runs) = handle::get::<Engine>(engine)?.close(timeout)? else {
                return Ok(());
            };
            if let Some(out) = out {
                out.set(text::put(&stuck(&runs))?);
            }
            let text = format!("{} handlers still execute", runs.len());
            Err(Fault::new(LANEQ_E_STUCK, text))
        })
    }
}
