//! P6: the tree of cancel tokens that a run and its tools read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use laneq::{Cancelled, Cause, Config, Engine, Message, Outcome, Token, Verdict};

use super::stage::{bench_of, running};
use super::support::{Answer, LONG, waits};

/// Does this on a thread of its own: a deadlock fails the test instead of hanging it.
fn in_time<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (tx, rx) = channel();
    thread::spawn(move || tx.send(act()));
    rx.recv_timeout(LONG).expect("it comes to an end")
}

#[test]
fn p6_a_stop_reaches_the_whole_tree_of_a_run_with_its_cause() {
    let (bench, run) = running();
    let (tools, calls) = bench.gate.ask(|run| {
        let token = run.token();
        let (tool, sibling) = (token.child(), token.child());
        let call = tool.child();
        assert_eq!(sibling.cancel(Cause::Host), Cancelled::Now);
        assert_eq!((tool.cancelled(), token.cancelled()), (None, None), "not upwards, not aside");
        assert_eq!(run.boundary(), Verdict::Go);
        ([token, tool, call], sibling)
    });
    assert_eq!(bench.engine.stop("k").withdrawn, 0);
    assert_eq!(tools.each_ref().map(Token::cancelled), [Some(Cause::Stop); 3]);
    assert_eq!(calls.cancelled(), Some(Cause::Host), "the first cause stays");
    let late = bench.gate.ask(|run| [run.token().cancelled(), run.token().child().cancelled()]);
    assert_eq!(late, [Some(Cause::Stop); 2], "born cancelled");
    bench.gate.answer(Answer::Fail);
    waits(&run);
    bench.finish();
}

#[test]
fn p6_a_token_that_is_asked_for_after_the_stop_is_born_cancelled() {
    let (bench, run) = running();
    assert!(bench.engine.interrupt("k").is_some());
    assert_eq!(bench.gate.ask(|run| run.token().cancelled()), Some(Cause::Interrupt));
    bench.gate.answer(Answer::Fail);
    waits(&run);
    bench.finish();
}

#[test]
fn p6_a_stop_after_the_end_leaves_the_token_and_the_next_run_alone() {
    let (bench, run) = running();
    let old = bench.gate.ask(laneq::Run::token);
    bench.gate.open();
    waits(&run);
    assert_eq!(bench.engine.interrupt("k"), None, "nothing to stop");
    assert_eq!(old.cancelled(), None);
    let next = bench.submit(Message::new("k", "next"));
    bench.gate.arrived();
    assert_eq!(bench.gate.ask(|run| run.token().cancelled()), None);
    assert!(bench.engine.interrupt("k").is_some());
    assert_eq!(old.cancelled(), None, "tokens are never reused");
    bench.gate.answer(Answer::Fail);
    waits(&next);
    bench.finish();
}

/// Rows of `FAILURES.md`: F8.
#[test]
fn p6_the_first_cause_wins_in_the_whole_tree_under_many_threads() {
    const CAUSES: [Cause; 4] = [Cause::Stop, Cause::Interrupt, Cause::Deadline, Cause::Host];
    for _ in 0..50 {
        let root = Token::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let leaves: Vec<_> = (0..8).map(|_| root.child().child()).collect();
        for token in leaves.iter().chain([&root]) {
            let calls = Arc::clone(&calls);
            token.on_cancel(move |_| _ = calls.fetch_add(1, Ordering::SeqCst)).forget();
        }
        let start = Barrier::new(20);
        let answers: Vec<_> = thread::scope(|scope| {
            let cancel = |n: usize| {
                start.wait();
                // Threads that hang a child on meanwhile must not lose it either.
                let child = root.child();
                (root.cancel(CAUSES[n % 4]), child)
            };
            let threads: Vec<_> = (0..20).map(|n| scope.spawn(move || cancel(n))).collect();
            threads.into_iter().map(|t| t.join().expect("no panic")).collect()
        });
        let cause = root.cancelled().expect("cancelled");
        let now = answers.iter().filter(|(a, _)| *a == Cancelled::Now).count();
        assert_eq!(now, 1, "exactly one is told that it was the first");
        let before = Cancelled::Before(cause);
        assert!(answers.iter().all(|(a, _)| *a == Cancelled::Now || *a == before));
        // The walk may still be under way on the thread that was first: it has been joined.
        assert!(answers.iter().all(|(_, child)| child.cancelled() == Some(cause)));
        assert!(leaves.iter().all(|leaf| leaf.cancelled() == Some(cause)));
        assert_eq!(calls.load(Ordering::SeqCst), 9, "each callback once");
    }
}

#[test]
fn p6_a_stop_and_an_interrupt_at_once_leave_run_and_token_with_one_cause() {
    let (bench, run) = running();
    let token = bench.gate.ask(laneq::Run::token);
    let start = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            assert!(bench.engine.interrupt("k").is_some());
        });
        start.wait();
        assert!(bench.engine.stop("k").run.is_some());
    });
    let cause = bench.gate.ask(laneq::Run::stopped);
    assert!(matches!(cause, Some(Cause::Interrupt | Cause::Stop)));
    assert_eq!(token.cancelled(), cause);
    bench.gate.answer(Answer::Fail);
    waits(&run);
    bench.finish();
}

#[test]
fn p6_a_callback_runs_once_or_not_at_all_if_it_is_taken_back() {
    let token = Token::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let say = |what: &'static str| {
        let heard = Arc::clone(&heard);
        token.on_cancel(move |cause| heard.lock().expect("no panic").push((what, cause)))
    };
    let (_kept, taken_back) = (say("kept"), say("taken back"));
    drop(taken_back);
    assert_eq!(token.cancel(Cause::Stop), Cancelled::Now);
    assert_eq!(token.cancel(Cause::Host), Cancelled::Before(Cause::Stop));
    let _late = say("late");
    let expected = [("kept", Cause::Stop), ("late", Cause::Stop)];
    assert_eq!(*heard.lock().expect("no panic"), expected, "the late one at once");
}

#[test]
fn p6_taking_a_callback_back_waits_while_it_runs_elsewhere_and_not_within_itself() {
    let token = Token::new();
    let (inside, entered) = channel();
    let (leave, left) = channel::<()>();
    let done = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&done);
    let registration = token.on_cancel(move |_| {
        let _ = inside.send(());
        let _ = left.recv();
        count.fetch_add(1, Ordering::SeqCst);
    });
    let canceller = token.clone();
    let cancel = thread::spawn(move || canceller.cancel(Cause::Stop));
    entered.recv_timeout(LONG).expect("it runs");
    let (at_drop, dropping) = channel();
    let counted = Arc::clone(&done);
    let unregister = thread::spawn(move || {
        let _ = at_drop.send(());
        drop(registration);
        counted.load(Ordering::SeqCst)
    });
    dropping.recv_timeout(LONG).expect("about to drop");
    assert_eq!(done.load(Ordering::SeqCst), 0);
    drop(leave);
    assert_eq!(unregister.join().expect("no panic"), 1, "it had run to its end");
    assert_eq!(cancel.join().expect("no panic"), Cancelled::Now);

    let own: Arc<Mutex<Option<laneq::Registration>>> = Arc::default();
    let (token, slot) = (Token::new(), Arc::clone(&own));
    let registration = token.on_cancel(move |_| drop(slot.lock().expect("no panic").take()));
    *own.lock().expect("no panic") = Some(registration);
    assert_eq!(in_time(move || token.cancel(Cause::Stop)), Cancelled::Now);
}

#[test]
fn p6_a_callback_may_take_back_another_of_the_same_cancel_that_has_not_run_yet() {
    let token = Token::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let later: Arc<Mutex<Option<laneq::Registration>>> = Arc::default();
    let slot = Arc::clone(&later);
    let _first = token.on_cancel(move |_| drop(slot.lock().expect("no panic").take()));
    let count = Arc::clone(&calls);
    let second = token.on_cancel(move |_| _ = count.fetch_add(1, Ordering::SeqCst));
    *later.lock().expect("no panic") = Some(second);
    assert_eq!(in_time(move || token.cancel(Cause::Stop)), Cancelled::Now);
    assert_eq!(calls.load(Ordering::SeqCst), 0, "taken back in time");
}

#[test]
fn p6_a_callback_that_panics_stops_neither_the_others_nor_the_canceller() {
    let token = Token::new();
    let (tx, heard) = channel();
    let _bad = token.on_cancel(|_| std::panic::resume_unwind(Box::new("planned")));
    let _good = token.on_cancel(move |cause| _ = tx.send(cause));
    assert_eq!(token.cancel(Cause::Stop), Cancelled::Now);
    assert_eq!(heard.try_recv(), Ok(Cause::Stop));
}

#[test]
fn p6_a_callback_that_is_left_in_place_goes_with_its_token() {
    let held = Arc::new(());
    let weak = Arc::downgrade(&held);
    let token = Token::new();
    token.on_cancel(move |_| drop(held)).forget();
    assert!(weak.upgrade().is_some());
    drop(token);
    assert!(weak.upgrade().is_none(), "nobody can cancel it any more");
}

#[test]
fn p6_a_wait_ends_with_the_token_or_its_parent_and_not_with_a_sibling() {
    let parent = Token::new();
    let (waiter, sibling) = (parent.child(), parent.child());
    assert_eq!(waiter.wait(Duration::ZERO), None);
    let (tx, ended) = channel();
    let waiting = waiter.clone();
    thread::spawn(move || tx.send(waiting.wait(LONG)));
    assert_eq!(sibling.cancel(Cause::Host), Cancelled::Now);
    assert!(ended.try_recv().is_err());
    assert_eq!(parent.cancel(Cause::Parent), Cancelled::Now);
    assert_eq!(ended.recv_timeout(LONG), Ok(Some(Cause::Parent)));
    assert_eq!(waiter.wait(LONG), Some(Cause::Parent), "at once from now on");
}

#[test]
fn p6_a_call_deadline_cancels_its_own_token_and_not_the_run() {
    let (bench, run) = running();
    let second = Duration::from_secs(1);
    let (short, long) =
        bench.gate.ask(move |run| (run.token_for(second), run.token_for(2 * second)));
    bench.ms(999);
    assert_eq!(short.cancelled(), None);
    bench.ms(1);
    assert_eq!((short.cancelled(), long.cancelled()), (Some(Cause::Deadline), None));
    assert_eq!(bench.gate.ask(laneq::Run::boundary), Verdict::Go);
    assert!(bench.engine.interrupt("k").is_some());
    bench.ms(1000);
    assert_eq!(long.cancelled(), Some(Cause::Interrupt), "its parent was first");
    bench.gate.answer(Answer::Fail);
    waits(&run);
    bench.finish();
}

#[test]
fn p6_callbacks_of_a_deadline_are_not_called_on_the_timer_thread() {
    let engine = Engine::builder(Config::default()).start().expect("the settings are fine");
    let (tx, heard) = channel();
    let bench = bench_of(engine, move |run| {
        let tx = tx.clone();
        let name = || thread::current().name().map(str::to_owned);
        run.token().on_cancel(move |cause| _ = tx.send((cause, name()))).forget();
        let _ = run.token().wait(LONG);
        Err("stopped".into())
    });
    let message = Message::new("k", "x").with_deadline(Duration::from_millis(1));
    let receipt = bench.submit(message);
    let (cause, name) = heard.recv_timeout(LONG).expect("the deadline passes");
    // Or the handler's own, if the deadline passed before it asked.
    assert_eq!(cause, Cause::Deadline);
    assert_ne!(name.as_deref(), Some("laneq-timer"));
    assert_eq!(waits(&receipt).outcome, Some(Outcome::Stopped));
    bench.finish();
}
