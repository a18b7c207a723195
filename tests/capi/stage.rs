//! A host in Rust that goes through the C ABI, as C would: an engine, a handler with a gate.

use std::ffi::{c_char, c_void};
use std::ptr::null_mut;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use laneq::capi::call::{LANEQ_ERROR_BYTES, laneq_error};
use laneq::capi::*;
use status::LANEQ_OK;

use crate::args::Of;

/// A broken library fails a test after this long instead of hanging it.
pub const LONG: Duration = Duration::from_secs(60);
pub const LONG_MS: i64 = 60_000;

/// What a handler of a test does with its run.
pub type Act = dyn Fn(run::laneq_run) + Send + Sync;

/// The `user` of a handler: what it does, and who hears of its end.
struct User {
    act: Box<Act>,
    destroyed: Sender<()>,
}

pub unsafe extern "C-unwind" fn on_run(user: *mut c_void, run: run::laneq_run) {
    // SAFETY: it is the box of `handle`, until `destroy`.
    let user = unsafe { &*user.cast::<User>() };
    (user.act)(run);
}

pub unsafe extern "C-unwind" fn destroy(user: *mut c_void) {
    // SAFETY: it is the box of `handle`, and this is its one end.
    let user = unsafe { Box::from_raw(user.cast::<User>()) };
    let _ = user.destroyed.send(());
}

/// A `user` for callbacks, and the news of its end.
pub fn user(act: impl Fn(u64) + Send + Sync + 'static) -> (*mut c_void, Receiver<()>) {
    let (destroyed, end) = channel();
    let user = Box::new(User { act: Box::new(act), destroyed });
    (Box::into_raw(user).cast(), end)
}

pub fn bytes(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

pub fn fresh_error() -> laneq_error {
    laneq_error { status: 0, message_len: 0, message: [0; LANEQ_ERROR_BYTES] }
}

/// What an error says.
pub fn words(error: &laneq_error) -> String {
    #[allow(clippy::cast_sign_loss, reason = "bytes are bytes")]
    let bytes = error.message[..error.message_len as usize].iter().map(|c| *c as u8).collect();
    String::from_utf8(bytes).expect("UTF-8")
}

/// A call that must do well.
macro_rules! ok {
    ($function:path $(, $arg:expr)*) => {{
        let mut error = $crate::stage::fresh_error();
        // SAFETY: every pointer is to something of this test's.
        let status = unsafe { $function($($arg,)* &raw mut error) };
        assert_eq!(status, LANEQ_OK, "{}: {}", stringify!($function), $crate::stage::words(&error));
    }};
}
pub(crate) use ok;

/// A call that makes a handle.
macro_rules! made {
    ($function:path $(, $arg:expr)*) => {{
        let mut handle = 0_u64;
        $crate::stage::ok!($function $(, $arg)*, &raw mut handle);
        assert!(handle > 0 && handle < 1 << 53);
        handle
    }};
}
pub(crate) use made;

/// The status of a call that need not do well.
macro_rules! status {
    ($function:path $(, $arg:expr)*) => {{
        // SAFETY: every pointer is to something of this test's.
        unsafe { $function($($arg,)* std::ptr::null_mut()) }
    }};
}
pub(crate) use status;

/// A zeroed struct with its size.
macro_rules! sized {
    ($type:path) => {{
        // SAFETY: integers, pointers and strings: 0 is a value.
        let mut made: $type = unsafe { std::mem::zeroed() };
        made.struct_size = size_of::<$type>();
        made
    }};
}
pub(crate) use sized;

pub fn str_of(text: &str) -> text::laneq_str {
    text::laneq_str { data: text.as_ptr().cast(), len: text.len() }
}

pub fn read(text: text::laneq_str) -> String {
    assert!(!text.data.is_null());
    // SAFETY: the handle that it belongs to is not freed.
    let bytes = unsafe { std::slice::from_raw_parts(text.data.cast::<u8>(), text.len) };
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The text of a handle, which is freed.
pub fn taken(handle: u64) -> String {
    let mut out = str_of("");
    ok!(text::laneq_text_get, handle, &raw mut out);
    let text = read(out);
    assert_eq!(text::laneq_text_free(handle), LANEQ_OK);
    text
}

pub fn message(key: &str, text: &str, mode: i32) -> message::laneq_message {
    let mut made = sized!(message::laneq_message);
    (made.key, made.text, made.mode) = (str_of(key), str_of(text), mode);
    made
}

/// An engine whose runs all do this. Answers its handle, and the news of its handler's end.
pub fn engine(act: impl Fn(u64) + Send + Sync + 'static) -> (u64, Receiver<()>) {
    let engine = made!(engine::laneq_engine_new, std::ptr::null());
    let (user, end) = user(act);
    let (none, lane) = (std::ptr::null(), std::ptr::null());
    ok!(handler::laneq_engine_on_run, engine, lane, 0, none, Some(on_run), user, Some(destroy));
    (engine, end)
}

pub fn submit(engine: u64, key: &'static str, text: &'static str, mode: i32) -> u64 {
    let message = message(key, text, mode);
    made!(submit::laneq_submit, engine, &raw const message)
}

/// What becomes of a message.
pub fn settled(receipt: u64) -> receipt::laneq_settled {
    let mut settled = sized!(receipt::laneq_settled);
    ok!(receipt::laneq_receipt_wait, receipt, LONG_MS, &raw mut settled);
    settled
}

pub fn complete(run: u64, reply: &str) {
    let (data, len) = bytes(reply);
    ok!(run::laneq_run_complete, run, data, len);
}

/// The key of a run.
pub fn key_of(run: u64) -> String {
    let mut info = sized!(run::laneq_run_info);
    ok!(run::laneq_run_get, run, &raw mut info);
    read(info.key)
}

/// One live handle of every kind.
pub struct Stage {
    handles: Vec<(Of, u64)>,
    freed: u64,
    go: Sender<()>,
    end: Receiver<()>,
}

impl Stage {
    pub fn new() -> Self {
        let (arrived_tx, arrived) = channel();
        let (go, gate) = channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let (engine, end) = engine(move |run| {
            if key_of(run) == "stage" {
                arrived_tx.send(run).expect("the test waits");
                let _ = gate.lock().expect("no panic under it").recv_timeout(LONG);
            }
            let _ = status!(run::laneq_run_complete, run, std::ptr::null(), 0);
        });
        let first = submit(engine, "stage", "begin", 0);
        let run = arrived.recv_timeout(LONG).expect("the run begins");
        let steer = submit(engine, "stage", "steer", numbers::LANEQ_MODE_STEER);
        let steers = made!(take, run);
        let calls = [str_of("c0"), str_of("c1")];
        ok!(ledger::laneq_run_plan, run, calls.as_ptr(), 1);
        let results = made!(ledger::laneq_run_settle, run);
        ok!(ledger::laneq_run_plan, run, calls.as_ptr().wrapping_add(1), 1);
        let (cron, len) = bytes("cron");
        ok!(lanes::laneq_engine_pause, engine, cron, len);
        let mut waits = message("waits", "waits", 0);
        waits.lane = str_of("cron");
        let receipt = made!(submit::laneq_submit, engine, &raw const waits);
        let token = made!(token::laneq_token_new);
        let heard: token::laneq_cancel_fn = Some(ignore);
        let registration = made!(token::laneq_token_on_cancel, token, heard, null_mut(), None);
        let events = made!(events::laneq_events_open, engine, std::ptr::null());
        let text = made!(engine::laneq_engine_stats, engine);
        let freed = made!(token::laneq_token_new);
        assert_eq!(token::laneq_token_free(freed), LANEQ_OK);
        for receipt in [first, steer] {
            assert_eq!(receipt::laneq_receipt_free(receipt), LANEQ_OK);
        }
        let (pulling, port) = port();
        let [pulled, dropped] = ["pulled", "dropped"].map(|key| next_run(pulling, port, key));
        let later = message("later", "x", 0);
        let admission = made!(admission::laneq_submit_nowait, pulling, &raw const later);
        let handles = vec![
            (Of::Engine, engine),
            (Of::Receipt, receipt),
            (Of::Run, run),
            (Of::Steers, steers),
            (Of::Results, results),
            (Of::Token, token),
            (Of::Registration, registration),
            (Of::Events, events),
            (Of::Text, text),
            (Of::Report, report()),
            (Of::Pulling, pulling),
            (Of::Port, port),
            (Of::Admission, admission),
            (Of::Pulled, pulled),
            (Of::Dropped, dropped),
        ];
        Self { handles, freed, go, end }
    }

    pub fn handle(&self, of: Of) -> u64 {
        self.handles.iter().find(|(kind, _)| *kind == of).expect("there is one of each").1
    }

    /// A handle of another kind.
    pub fn foreign(&self, of: Of) -> u64 {
        self.handle(if of == Of::Token { Of::Engine } else { Of::Token })
    }

    pub fn freed(&self) -> u64 {
        self.freed
    }

    /// The handler may return; its `user` ends with the engine.
    pub fn end(self) {
        let pulling = self.handle(Of::Pulling);
        self.go.send(()).expect("the handler waits");
        self.end.recv_timeout(LONG).expect("its end comes");
        assert!(self.end.try_recv().is_err(), "and comes once");
        ok!(ending::laneq_engine_close, pulling, LONG_MS, null_mut());
        assert_eq!(engine::laneq_engine_free(pulling), LANEQ_OK);
    }
}

unsafe extern "C-unwind" fn ignore(_: *mut c_void, _: i32) {}

unsafe extern "C" fn take(run: u64, steers: *mut u64, error: *mut laneq_error) -> i32 {
    // SAFETY: the pointers are the caller's.
    unsafe { steers::laneq_run_take_steers(run, steers, null_mut(), error) }
}

/// The report of an engine that had a message in a paused lane.
fn report() -> u64 {
    let (engine, _) = engine(|_| {});
    let (main, len) = bytes("main");
    ok!(lanes::laneq_engine_pause, engine, main, len);
    let kept = submit(engine, "kept", "kept", 0);
    let report = made!(ending::laneq_engine_drain, engine, 0);
    assert_eq!(engine::laneq_engine_free(engine), LANEQ_OK);
    assert_eq!(receipt::laneq_receipt_free(kept), LANEQ_OK);
    report
}

/// An engine whose runs a port takes.
pub fn port() -> (u64, u64) {
    let engine = made!(engine::laneq_engine_new, std::ptr::null());
    let port = made!(port::laneq_port_open, engine);
    ok!(port::laneq_port_bind_any, port, std::ptr::null());
    (engine, port)
}

/// What a port tells next.
pub fn next(port: u64, timeout_ms: i64) -> notice::laneq_notice {
    let mut notice = sized!(notice::laneq_notice);
    ok!(notice::laneq_port_next, port, timeout_ms, &raw mut notice);
    notice
}

/// A run of this key, taken from the port.
pub fn next_run(engine: u64, port: u64, key: &'static str) -> u64 {
    assert_eq!(receipt::laneq_receipt_free(submit(engine, key, "x", 0)), LANEQ_OK);
    let notice = next(port, LONG_MS);
    assert_eq!(notice.kind, notice::LANEQ_NOTICE_READY);
    assert_eq!(key_of(notice.run), key);
    notice.run
}
