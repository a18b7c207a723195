//! Callbacks that call back, end things, panic, or never come home.

use std::ptr::{null, null_mut};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use laneq::capi::*;
use numbers::*;
use status::*;

use crate::stage::*;

const MAIN: (&str, usize) = ("main", 4);

fn close(engine: u64) {
    ok!(ending::laneq_engine_close, engine, LONG_MS, null_mut());
}

fn free(engine: u64) {
    assert_eq!(engine::laneq_engine_free(engine), LANEQ_OK);
}

#[test]
fn p12_a_handler_that_comes_home_late_still_lets_go_of_its_user() {
    let (arrived_tx, arrived) = channel();
    let (go, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let (engine, end) = engine(move |run| {
        arrived_tx.send(run).expect("the test waits");
        let _ = gate.lock().expect("no panic under it").recv_timeout(LONG);
        let (mut steers, mut end) = (0, 0);
        // Fenced: a late call is stale, and harms nobody.
        assert_eq!(status!(boundary::laneq_run_set_steerable, run, 0), LANEQ_E_STALE);
        assert_eq!(
            status!(boundary::laneq_run_end, run, &raw mut end, null_mut(), &raw mut steers),
            LANEQ_E_STALE
        );
    });
    let receipt = submit(engine, "late", "late", 0);
    let run = arrived.recv_timeout(LONG).expect("the run begins");
    let mut running = 0;
    assert_eq!(status!(ending::laneq_engine_close, engine, 0, &raw mut running), LANEQ_E_STUCK);
    assert!(taken(running).contains("\"key\":\"late\""));
    assert_eq!(settled(receipt).outcome, LANEQ_OUTCOME_STOPPED);
    free(engine);
    assert!(end.try_recv().is_err(), "the handler still executes");
    go.send(()).expect("the handler waits");
    end.recv_timeout(LONG).expect("its end comes");
    assert_eq!(status!(boundary::laneq_run_boundary, run, null_mut(), null_mut()), LANEQ_E_NULL);
    let mut verdict = 0;
    let status = status!(boundary::laneq_run_boundary, run, &raw mut verdict, null_mut());
    assert_eq!(status, LANEQ_E_HANDLE, "after its handler a run is stale");
}

/// Every blocking call, from a place where it would wait for itself.
fn would_deadlock(engine: u64, events: u64, receipt: u64) {
    let (mut settled, mut json) = (sized!(receipt::laneq_settled), 0);
    let waits = [
        status!(ending::laneq_engine_drain, engine, -1, null_mut()),
        status!(ending::laneq_engine_close, engine, -1, null_mut()),
        status!(receipt::laneq_receipt_wait, receipt, -1, &raw mut settled),
        status!(events::laneq_events_next, events, -1, &raw mut json),
    ];
    assert_eq!(waits, [LANEQ_E_WOULD_DEADLOCK; 4]);
}

#[test]
fn p8_a_call_that_would_wait_for_itself_is_refused_in_a_handler() {
    let (tell, told) = channel();
    let known = Arc::new(Mutex::new((0, 0, 0)));
    let inside = Arc::clone(&known);
    let (engine, end) = engine(move |run| {
        let (engine, events, receipt) = *inside.lock().expect("no panic under it");
        would_deadlock(engine, events, receipt);
        // Its own session: a cycle, named.
        let mut settled = sized!(receipt::laneq_settled);
        let status = status!(children::laneq_run_wait, run, receipt, -1, &raw mut settled);
        assert_eq!(status, LANEQ_E_WOULD_DEADLOCK);
        complete(run, "refused");
        tell.send(()).expect("the test waits");
    });
    let (lane, len) = MAIN;
    ok!(lanes::laneq_engine_pause, engine, lane.as_ptr().cast(), len);
    let events = made!(events::laneq_events_open, engine, null());
    let receipt = submit(engine, "own", "own", 0);
    *known.lock().expect("no panic under it") = (engine, events, receipt);
    ok!(lanes::laneq_engine_resume, engine, lane.as_ptr().cast(), len);
    told.recv_timeout(LONG).expect("the handler comes home");
    assert_eq!(read(settled(receipt).reply), "refused");
    close(engine);
    free(engine);
    end.recv_timeout(LONG).expect("its end comes");
    assert_eq!(events::laneq_events_free(events), LANEQ_OK);
}

/// Rows of `FAILURES.md`: F17.
#[test]
fn p7_a_panic_in_a_handler_is_the_end_of_its_run_alone() {
    let (engine, _end) = engine(|run| match &*key_of(run) {
        "panics" => std::panic::resume_unwind(Box::new("planned")),
        "silent" => {}
        _ => {
            complete(run, "done");
            let (again, len) = ("again", 5);
            let status = status!(run::laneq_run_complete, run, again.as_ptr().cast(), len);
            assert_eq!(status, LANEQ_E_INVALID, "the first answer counts");
        }
    });
    let events = made!(events::laneq_events_open, engine, null());
    let panicked = settled(submit(engine, "panics", "x", 0));
    assert_eq!((panicked.outcome, panicked.lead), (LANEQ_OUTCOME_PANICKED, 1));
    assert_eq!(read(panicked.error), "planned");
    let silent = settled(submit(engine, "silent", "x", 0));
    assert_eq!(silent.outcome, LANEQ_OUTCOME_FAILED);
    assert!(read(silent.error).contains("without completing"));
    assert_eq!(read(settled(submit(engine, "fine", "x", 0)).reply), "done");
    close(engine);
    free(engine);
    let mut causes = Vec::new();
    let mut json = 0;
    while status!(events::laneq_events_next, events, LONG_MS, &raw mut json) == LANEQ_OK {
        let event = taken(json);
        let event: serde_json::Value = serde_json::from_str(&event).expect("an event is JSON");
        causes.extend(event.get("cause").cloned());
    }
    assert_eq!(causes, ["dropped"]);
    assert_eq!(status!(events::laneq_events_next, events, 0, &raw mut json), LANEQ_E_CLOSED);
    assert_eq!(events::laneq_events_free(events), LANEQ_OK);
}

/// Rows of `FAILURES.md`: F18.
#[test]
fn p7_every_callback_may_call_back_and_free_the_engine() {
    let (tell, told) = channel();
    let signals = tell.clone();
    let handle = Arc::new(Mutex::new(0));
    let known = Arc::clone(&handle);
    let (engine, end) = engine(move |run| {
        let engine = *known.lock().expect("no panic under it");
        let tell = signals.clone();
        let (user, _) = user(move |cause| {
            let mut stats = 0;
            let status = status!(engine::laneq_engine_stats, engine, &raw mut stats);
            tell.send(("cancel", cause, status)).expect("the test waits");
            if status == LANEQ_OK {
                taken(stats);
            }
        });
        let token = made!(boundary::laneq_run_token, run);
        ok!(token::laneq_token_on_cancel, token, Some(on_cancel), user, Some(destroy), null_mut());
        // Freed in its own handler: the close begins here, and this run is told to stop.
        free(engine);
        let mut cause = 0;
        ok!(token::laneq_token_wait, token, LONG_MS, &raw mut cause);
        assert_eq!(cause, LANEQ_CAUSE_CLOSE);
        assert_eq!(token::laneq_token_free(token), LANEQ_OK);
        complete(run, "closed");
    });
    let (lane, len) = MAIN;
    ok!(lanes::laneq_engine_pause, engine, lane.as_ptr().cast(), len);
    let receipt = submit(engine, "frees", "x", 0);
    *handle.lock().expect("no panic under it") = engine;
    ok!(lanes::laneq_engine_resume, engine, lane.as_ptr().cast(), len);
    let (what, cause, status) = told.recv_timeout(LONG).expect("the callback is called");
    assert_eq!((what, cause), ("cancel", 7), "LANEQ_CAUSE_CLOSE");
    assert_eq!(status, LANEQ_E_HANDLE, "the engine was freed before");
    assert_eq!(read(settled(receipt).reply), "closed");
    end.recv_timeout(LONG).expect("its end comes");
    assert!(end.recv_timeout(std::time::Duration::ZERO).is_err(), "and comes once");
    drop(tell);
}

unsafe extern "C-unwind" fn on_cancel(user: *mut std::ffi::c_void, cause: i32) {
    // SAFETY: the same `user`, with the same one argument.
    unsafe { on_run(user, u64::from(cause.unsigned_abs())) };
}

#[test]
fn a_user_ends_exactly_once_whatever_becomes_of_its_call() {
    let token = made!(token::laneq_token_new);
    let stale = made!(token::laneq_token_new);
    assert_eq!(token::laneq_token_free(stale), LANEQ_OK);
    assert_eq!(token::laneq_token_free(stale), LANEQ_E_HANDLE, "freed twice");
    let heard: token::laneq_cancel_fn = Some(on_cancel);
    for (token, heard, expected) in
        [(stale, heard, LANEQ_E_HANDLE), (0, heard, LANEQ_E_HANDLE), (token, None, LANEQ_E_NULL)]
    {
        let (user, end) = user(|_| panic!("nobody cancels"));
        let status =
            status!(token::laneq_token_on_cancel, token, heard, user, Some(destroy), null_mut());
        assert_eq!(status, expected);
        end.try_recv().expect("its end has come");
        assert!(end.try_recv().is_err(), "once");
    }
    // Taken back before its turn: never called, ended at once.
    for take_back in [remove as fn(u64) -> i32, |handle| token::laneq_registration_free(handle)] {
        let (user, end) = user(|_| panic!("nobody cancels"));
        let handle = made!(token::laneq_token_on_cancel, token, heard, user, Some(destroy));
        assert!(end.try_recv().is_err());
        assert_eq!((take_back(handle), take_back(handle)), (LANEQ_OK, LANEQ_E_HANDLE));
        end.try_recv().expect("its end has come");
    }
    assert_eq!(token::laneq_token_free(token), LANEQ_OK);
}

fn remove(registration: u64) -> i32 {
    status!(token::laneq_registration_remove, registration)
}

#[test]
fn p4_a_duplicate_gives_the_first_receipt_and_a_directive_its_answer() {
    let (engine, _end) = engine(|run| complete(run, "once"));
    let mut twice = message("twice", "hello", 0);
    twice.id = str_of("id-1");
    let first = made!(submit::laneq_submit, engine, &raw const twice);
    assert_eq!(read(settled(first).reply), "once");
    let mut second = 0;
    let status = status!(submit::laneq_submit, engine, &raw const twice, &raw mut second);
    assert_eq!(status, LANEQ_REFUSED_DUPLICATE);
    assert_eq!(read(settled(second).reply), "once");
    let (stop, mut error) = (message("twice", "/stop", 0), fresh_error());
    // SAFETY: every pointer is to something of this test's.
    let status =
        unsafe { submit::laneq_submit(engine, &raw const stop, null_mut(), &raw mut error) };
    assert_eq!((status, &*words(&error)), (LANEQ_REFUSED_DIRECTIVE, "Nothing to stop."));
    for (json, expected) in [("{", LANEQ_REFUSED_INVALID), ("[1, {}]", LANEQ_OK)] {
        let mut with_meta = message("meta", "hello", 0);
        with_meta.meta = str_of(json);
        let status = status!(submit::laneq_submit, engine, &raw const with_meta, null_mut());
        assert_eq!(status, expected, "{json}");
    }
    close(engine);
    free(engine);
}

#[test]
fn p5_steers_that_a_handler_leaves_open_become_turns() {
    let (tell, told) = channel();
    let (go, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let (engine, _end) = engine(move |run| {
        tell.send(run).expect("the test waits");
        let _ = gate.lock().expect("no panic under it").recv_timeout(LONG);
        let (mut steers, mut count) = (0, 0);
        ok!(steers::laneq_run_take_steers, run, &raw mut steers, &raw mut count);
        complete(run, if count == 1 { "left open" } else { "nothing to take" });
    });
    let first = submit(engine, "steers", "begin", 0);
    told.recv_timeout(LONG).expect("the run begins");
    let steer = submit(engine, "steers", "steer", LANEQ_MODE_STEER);
    go.send(()).expect("the handler waits");
    assert_eq!(read(settled(first).reply), "left open");
    told.recv_timeout(LONG).expect("its turn begins");
    go.send(()).expect("the handler waits");
    let after = settled(steer);
    assert_eq!((after.fate, &*read(after.reply)), (LANEQ_FATE_RAN, "nothing to take"));
    close(engine);
    free(engine);
}

#[test]
fn p5_a_run_hears_of_a_steer_and_of_a_stop_at_once() {
    let (tell, told) = channel();
    let (ends, ended) = channel();
    let (engine, _end) = engine(move |run| {
        let tell = tell.clone();
        let (user, end) = user(move |signal| tell.send(signal).expect("the test waits"));
        ok!(boundary::laneq_run_on_signal, run, Some(on_cancel), user, Some(destroy));
        ends.send(end).expect("the test waits");
        let token = made!(boundary::laneq_run_token, run);
        let mut cause = 0;
        ok!(token::laneq_token_wait, token, LONG_MS, &raw mut cause);
        assert_eq!(token::laneq_token_free(token), LANEQ_OK);
    });
    let first = submit(engine, "hears", "begin", 0);
    let end = ended.recv_timeout(LONG).expect("the run begins");
    let steer = submit(engine, "hears", "steer", LANEQ_MODE_STEER);
    assert_eq!(told.recv_timeout(LONG), Ok(u64::from(LANEQ_SIGNAL_STEER.unsigned_abs())));
    let (key, len) = ("hears", 5);
    let mut withdrawn = 0;
    let mut run = 0;
    ok!(
        control::laneq_engine_stop,
        engine,
        key.as_ptr().cast(),
        len,
        &raw mut withdrawn,
        &raw mut run
    );
    assert_eq!(told.recv_timeout(LONG), Ok(u64::from(LANEQ_SIGNAL_STOP.unsigned_abs())));
    assert_eq!((withdrawn, settled(first).run), (1, run));
    assert_eq!(settled(steer).fate, LANEQ_FATE_WITHDRAWN);
    end.recv_timeout(LONG).expect("its end comes with that of the run");
    close(engine);
    free(engine);
}
