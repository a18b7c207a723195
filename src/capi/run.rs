//! A run, as its handler sees it, or whoever has taken it from a port.

use std::ffi::c_char;
use std::mem::offset_of;

use super::call::{Answer, Fault, entry, laneq_error};
use super::handle;
use super::message::{Words, laneq_message};
use super::options::{Grows, Out, OutStruct};
use super::status::laneq_status;
use super::steers::Taken;
use super::text::{self, laneq_str};
use crate::lane::OwnedRun;
use crate::model::{Error, Reply};
use crate::run::Run;
use crate::session::Watch;
use crate::sync::{Arc, Mutex, OnceLock};

/// A run that is in progress. A handler's is valid until the handler returns, and there is nothing
/// to free; one that was taken from a port, until it is completed, failed or freed. Then it is
/// stale. Any thread may use it meanwhile.
pub type laneq_run = u64;

/// What a run is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_run_info {
    /// `sizeof(laneq_run_info)`.
    pub struct_size: usize,
    /// The session key.
    pub key: laneq_str,
    /// The name of its lane.
    pub lane: laneq_str,
    /// Its number, as in events; never reused.
    pub id: u64,
    /// 1 for the first run of its batch.
    pub attempt: u32,
    /// How many messages it consumes: see `laneq_run_message`.
    pub messages: u32,
    /// How many messages the lines about dropped ones speak of.
    pub summary_of: u32,
    /// How many lines there are: see `laneq_run_summary`.
    pub summary_lines: u32,
}

// SAFETY: integers and strings, the size first.
unsafe impl Grows for laneq_run_info {
    const FIRST: usize = offset_of!(Self, summary_lines) + size_of::<u32>();
    const NAME: &'static str = "laneq_run_info";
}

/// Who has to end the run.
enum Holder {
    /// Its handler, by returning. The first answer counts; the return is the last chance, and sets
    /// none.
    Handler(OnceLock<Option<Result<Reply, String>>>),
    /// The host, which has taken it from a port. None once it is ended. A leaf lock.
    Host(Mutex<Option<OwnedRun>>),
}

/// A run in progress, with all that C may read of it.
pub(super) struct Live {
    /// A view of the engine's run, which answers `Stale` when that is over.
    pub(super) run: Run,
    words: OnceLock<Vec<Words>>,
    holder: Holder,
    /// Handles of steers that were taken and not freed. A leaf lock.
    pub(super) steers: Mutex<Vec<u64>>,
}

impl Live {
    /// A run that a handler is called with.
    pub(super) fn lent(run: &Run) -> Self {
        Self::new(run.share(), Holder::Handler(OnceLock::new()))
    }

    /// A run that a port has given.
    pub(super) fn owned(run: OwnedRun) -> Self {
        Self::new(run.share(), Holder::Host(Mutex::new(Some(run))))
    }

    fn new(run: Run, holder: Holder) -> Self {
        Self { run, words: OnceLock::new(), holder, steers: Mutex::default() }
    }

    /// Steers that are taken and not committed are put back at their place.
    fn put_back(&self) {
        // Unlocked before the first goes: its drop takes itself out of the list.
        let steers = std::mem::take(&mut *self.steers.lock());
        for steers in steers {
            // Stale: freed by the host on another thread.
            let _ = handle::free::<Arc<Taken>>(steers);
        }
    }

    /// The answer of the handler, which has returned; none if it said nothing.
    pub(super) fn over(&self) -> Option<Result<Reply, String>> {
        self.put_back();
        match &self.holder {
            Holder::Handler(answer) => answer.get_or_init(|| None).clone(),
            Holder::Host(_) => None,
        }
    }

    /// Who tells the port of this run, if it came from one.
    pub(super) fn ear(&self) -> Answer<Arc<dyn Watch>> {
        match &self.holder {
            Holder::Handler(_) => {
                Err(Fault::invalid("this run is its handler's: laneq_run_wait is the wait for it"))
            }
            Holder::Host(run) => {
                let ear = run.lock().as_ref().map(OwnedRun::ear);
                ear.ok_or_else(|| Error::Stale(self.run.id()).into())
            }
        }
    }
}

/// What the host says of a run: a handler's ends when that returns, a port's now.
fn answer(handle: laneq_run, answer: Result<Reply, String>) -> Answer {
    let live = live(handle)?;
    if let Holder::Handler(said) = &live.holder {
        let again = |_| Fault::invalid("the run was completed or failed already");
        return said.set(Some(answer)).map_err(again);
    }
    let run = end(handle)?;
    Ok(match answer {
        Ok(reply) => run.complete(reply),
        Err(reason) => run.fail(reason),
    }?)
}

/// Takes a port's run back.
pub(super) fn take(handle: laneq_run) -> Answer<OwnedRun> {
    match &live(handle)?.holder {
        Holder::Host(_) => end(handle),
        Holder::Handler(_) => {
            Err(Fault::invalid("this run is its handler's: it ends when that returns"))
        }
    }
}

/// One call does so: the others find a stale handle.
fn end(handle: laneq_run) -> Answer<OwnedRun> {
    let live = handle::take::<Arc<Live>>(handle)?;
    live.put_back();
    let run = match &live.holder {
        Holder::Host(run) => run.lock().take(),
        Holder::Handler(_) => None,
    };
    run.ok_or_else(|| Error::Stale(live.run.id()).into())
}

/// The run behind a handle.
pub(super) fn live(run: laneq_run) -> Answer<Arc<Live>> {
    handle::get(run)
}

/// The `index` of a list of ours.
pub(super) fn place(index: u32, len: usize, what: &str) -> Answer<usize> {
    let at = index as usize;
    let text = || Fault::invalid(format!("{what} {index}: there are {len}, from 0"));
    if at < len { Ok(at) } else { Err(text()) }
}

/// What the run is.
///
/// Blocks: never. In a handler: yes. Owner: the strings are the run's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_get(
    run: laneq_run,
    info: *mut laneq_run_info,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = OutStruct::needed(info, "info")?;
            let live = live(run)?;
            let (run, batch) = (&live.run, live.run.batch());
            let mut info = laneq_run_info::zeroed();
            (info.key, info.lane) = (laneq_str::of(run.key()), laneq_str::of(run.lane()));
            (info.id, info.attempt) = (run.id().get(), run.attempt());
            info.messages = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            info.summary_of = batch.summary_of();
            info.summary_lines = u32::try_from(batch.summary().count()).unwrap_or(u32::MAX);
            out.set(&info);
            Ok(())
        })
    }
}

/// All texts of the batch as one: the bare text of one message, or several, numbered and fenced.
///
/// Blocks: never. In a handler: yes. Owner: the string is the run's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_text(
    run: laneq_run,
    out: *mut laneq_str,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(out, "out")?;
            // The run keeps what it has rendered once.
            out.set(laneq_str::of(live(run)?.run.batch().text()));
            Ok(())
        })
    }
}

/// One message of the batch, oldest first, from 0. Its id is always there.
///
/// Blocks: never. In a handler: yes. Owner: the strings are the run's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_message(
    run: laneq_run,
    index: u32,
    message: *mut laneq_message,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = OutStruct::needed(message, "message")?;
            let live = live(run)?;
            let batch = live.run.batch();
            let words = || batch.messages().map(Words::of).collect();
            let at = place(index, batch.len(), "message")?;
            let words = live.words.get_or_init(words);
            if let (Some(words), Some(part)) = (words.get(at), batch.messages().nth(at)) {
                out.set(&words.view(part.message()));
            }
            Ok(())
        })
    }
}

/// One line about a message that was dropped, oldest first, from 0.
///
/// Blocks: never. In a handler: yes. Owner: the string is the run's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_summary(
    run: laneq_run,
    index: u32,
    line: *mut laneq_str,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(line, "line")?;
            let live = live(run)?;
            let lines = || live.run.batch().summary();
            let at = place(index, lines().count(), "line")?;
            out.set(laneq_str::of(lines().nth(at).unwrap_or_default()));
            Ok(())
        })
    }
}

/// Says something before the end: an event `reply` that is not the last.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_say(
    run: laneq_run,
    text: *const c_char,
    text_len: usize,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let text = text::needed(text, text_len, "text")?;
            live(run)?.run.say(text);
            Ok(())
        })
    }
}

/// The run is done, with this reply: a handler's once the handler returns, where the first answer
/// counts; a port's now, and its handle is stale. `LANEQ_E_STALE` if a port's was abandoned.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_complete(
    run: laneq_run,
    reply: *const c_char,
    reply_len: usize,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let reply = text::given(reply, reply_len, "reply")?.unwrap_or_default();
            answer(run, Ok(Reply::new(reply)))
        })
    }
}

/// The run has failed, for this reason; when, and what becomes of its handle, is as for
/// `laneq_run_complete`. A handler that returns without either has failed, cause
/// `LANEQ_CAUSE_DROPPED`.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_run_fail(
    run: laneq_run,
    reason: *const c_char,
    reason_len: usize,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let reason = text::given(reason, reason_len, "reason")?.unwrap_or_default();
            answer(run, Err(reason.to_owned()))
        })
    }
}
