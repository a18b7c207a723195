//! Ports over the C ABI: ends, races and callbacks. `tests/hosts/c/port.c` shows the ordinary day.

use std::ptr::null_mut;
use std::sync::mpsc::channel;
use std::thread;

use laneq::capi::*;
use notice::*;
use numbers::*;
use status::*;

use crate::stage::*;

fn close(engine: u64) {
    ok!(ending::laneq_engine_close, engine, LONG_MS, null_mut());
    assert_eq!(engine::laneq_engine_free(engine), LANEQ_OK);
}

fn free(port: u64) {
    assert_eq!(port::laneq_port_free(port), LANEQ_OK);
}

#[test]
fn p12_whoever_waits_at_a_port_comes_home_when_it_is_freed() {
    let (engine, port) = port();
    let (user, end) = user(|_| panic!("nothing comes"));
    ok!(port::laneq_port_on_wake, port, Some(on_wake), user, Some(destroy));
    let (tell, asks) = channel();
    let waiters = [0, 1].map(|_| {
        let tell = tell.clone();
        thread::spawn(move || {
            tell.send(()).expect("the test listens");
            let mut notice = sized!(laneq_notice);
            (status!(laneq_port_next, port, -1, &raw mut notice), notice.kind)
        })
    });
    for _ in 0..2 {
        asks.recv_timeout(LONG).expect("it asks");
    }
    free(port);
    end.try_recv().expect("its end has come");
    for waiter in waiters {
        // Whoever comes after the free finds a stale handle.
        let came = waiter.join().expect("no panic");
        assert!([(LANEQ_OK, LANEQ_NOTICE_CLOSED), (LANEQ_E_HANDLE, 0)].contains(&came), "{came:?}");
    }
    // What comes waits for the next port.
    let receipt = submit(engine, "later", "x", 0);
    let other = made!(port::laneq_port_open, engine);
    ok!(port::laneq_port_bind_any, other, std::ptr::null());
    complete(next(other, LONG_MS).run, "after all");
    assert_eq!(read(settled(receipt).reply), "after all");
    close(engine);
    assert_eq!(next(other, -1).kind, LANEQ_NOTICE_CLOSED);
    assert_eq!(next(other, 0).kind, LANEQ_NOTICE_CLOSED, "it stays so");
    free(other);
}

unsafe extern "C-unwind" fn on_wake(user: *mut std::ffi::c_void) {
    // SAFETY: the same `user`, with one argument more.
    unsafe { on_run(user, 0) };
}

#[test]
fn p4_of_many_threads_that_end_a_run_one_does() {
    let (engine, port) = port();
    for round in 0..50 {
        let receipt = submit(engine, "raced", "x", 0);
        let run = next(port, LONG_MS).run;
        let ends: [fn(u64) -> i32; 3] = [
            |run| status!(run::laneq_run_complete, run, std::ptr::null(), 0),
            |run| status!(run::laneq_run_fail, run, std::ptr::null(), 0),
            |run| notice::laneq_run_free(run),
        ];
        let threads = ends.map(|end| thread::spawn(move || end(run)));
        let mut came = threads.map(|thread| thread.join().expect("no panic"));
        came.sort_unstable();
        assert_eq!(came, [LANEQ_E_HANDLE, LANEQ_E_HANDLE, LANEQ_OK], "round {round}");
        assert_eq!(settled(receipt).fate, LANEQ_FATE_RAN);
    }
    close(engine);
    free(port);
}

#[test]
fn p7_a_wake_may_call_back_and_end_the_port_and_the_engine() {
    let (engine, port) = port();
    let (tell, told) = channel();
    let (user, end) = user(move |_| {
        let mut stats = 0;
        ok!(engine::laneq_engine_stats, engine, &raw mut stats);
        taken(stats);
        tell.send((port::laneq_port_free(port), engine::laneq_engine_free(engine)))
            .expect("the test listens");
    });
    ok!(port::laneq_port_on_wake, port, Some(on_wake), user, Some(destroy));
    let receipt = submit(engine, "wakes", "x", 0);
    assert_eq!(told.recv_timeout(LONG), Ok((LANEQ_OK, LANEQ_OK)));
    end.recv_timeout(LONG).expect("its end comes");
    assert_eq!(settled(receipt).fate, LANEQ_FATE_RETURNED);
}

#[test]
fn p8_a_handler_does_not_ask_a_port() {
    let (pulling, port) = port();
    let (tell, told) = channel();
    let (engine, _end) = engine(move |run| {
        let mut notice = sized!(laneq_notice);
        let asked = [0, -1].map(|ms| status!(laneq_port_next, port, ms, &raw mut notice));
        let freed = notice::laneq_run_free(run);
        tell.send((asked, freed)).expect("the test listens");
        complete(run, "");
    });
    settled(submit(engine, "asks", "x", 0));
    let deadlock = [LANEQ_E_WOULD_DEADLOCK; 2];
    assert_eq!(told.recv_timeout(LONG), Ok((deadlock, LANEQ_E_INVALID)));
    close(engine);
    close(pulling);
    free(port);
}

#[test]
fn p12_a_run_in_the_hosts_hands_outlives_its_engine_s_handle() {
    let (engine, port) = port();
    let receipt = submit(engine, "kept", "x", 0);
    let run = next(port, LONG_MS).run;
    free(port);
    assert_eq!(status!(ending::laneq_engine_close, engine, 0, null_mut()), LANEQ_E_STUCK);
    assert_eq!(engine::laneq_engine_free(engine), LANEQ_OK);
    assert_eq!(settled(receipt).outcome, LANEQ_OUTCOME_STOPPED, "the close has fenced it");
    assert_eq!(status!(run::laneq_run_complete, run, std::ptr::null(), 0), LANEQ_E_STALE);
    assert_eq!(notice::laneq_run_free(run), LANEQ_E_HANDLE);
}

/// The text lies in the message, in memory that is used again, or is shared: by how long it is.
#[test]
fn p9_a_runs_text_stays_where_it_is_until_the_run_ends_whoever_else_lets_go() {
    const LONGER: &str = "This is a text that has no room in its message.";
    let long = LONGER.repeat(10).leak();
    let (engine, port) = port();
    for text in ["short", LONGER, long] {
        let receipt = submit(engine, "kept", text, 0);
        let run = next(port, LONG_MS).run;
        let asked = || {
            let mut out = str_of("");
            ok!(run::laneq_run_text, run, &raw mut out);
            out
        };
        let first = asked();
        assert_eq!(receipt::laneq_receipt_free(receipt), LANEQ_OK);
        // What others leave is used again.
        for _ in 0..3 {
            let other = submit(engine, "other", text, 0);
            complete(next(port, LONG_MS).run, "");
            settled(other);
        }
        assert_eq!((asked().data, asked().len), (first.data, text.len()));
        assert_eq!(read(first), text);
        complete(run, "");
    }
    close(engine);
    free(port);
}
