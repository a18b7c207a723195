//! What a port tells, and that its descriptor and its `on_wake` tell neither more nor less.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use laneq::{Cause, Config, Mode, Notice, Port, Withdrawn};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::p_ports::{followup, now, opened, ready};
use crate::stage::Dice;
use crate::support::{LONG, waits};

fn is_readable(port: &Port) -> bool {
    let descriptor = port.descriptor().expect("two descriptors");
    let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).expect("it can be polled") == 1
}

fn blocks_until_readable(port: &Port) {
    let descriptor = port.descriptor().expect("two descriptors");
    let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
    let long = Timespec { tv_sec: 60, tv_nsec: 0 };
    assert_eq!(poll(&mut fds, Some(&long)).expect("it can be polled"), 1, "it becomes readable");
}

#[test]
fn the_descriptor_is_readable_exactly_while_something_is_unread() {
    let (bench, port) = opened(Config::default().with_lane("main", 1));
    assert!(!is_readable(&port));
    let [first, second] = ["a", "b"].map(|key| bench.submit(followup(key, key)));
    assert!(is_readable(&port));
    let run = ready(&port);
    assert!(!is_readable(&port), "the other has no slot");
    run.complete("done").expect("it lives");
    assert!(is_readable(&port), "now it has");
    let run = ready(&port);
    assert!(!is_readable(&port));
    bench.send(followup("b", "steer").with_mode(Mode::Steer));
    assert!(is_readable(&port));
    assert!(matches!(now(&port), Some(Notice::Steer(id)) if id == run.id()));
    assert!(!is_readable(&port));
    port.watch(&first, 1).expect("there is room");
    port.watch(&second, 2).expect("there is room");
    assert!(is_readable(&port), "one has its fate already");
    assert!(matches!(now(&port), Some(Notice::Settled(1))));
    assert!(!is_readable(&port));
    run.complete("done").expect("it lives");
    assert!(matches!(now(&port), Some(Notice::Settled(2))));
    assert!(is_readable(&port), "the steer is a turn of its own now");
    ready(&port).complete("done").expect("it lives");
    assert!(!is_readable(&port));
    bench.finish();
    assert!(is_readable(&port), "closed");
    assert!(matches!(now(&port), Some(Notice::Closed)));
    assert!(is_readable(&port), "and stays so");
}

#[test]
fn a_descriptor_that_is_made_late_tells_what_is_there() {
    let (bench, port) = opened(Config::default());
    bench.send(followup("k", "x"));
    assert!(is_readable(&port));
    ready(&port).complete("done").expect("it lives");
    assert!(!is_readable(&port));
    bench.finish();
}

#[test]
fn what_has_vanished_leaves_the_descriptor_unreadable_once_nothing_was_found() {
    let (bench, port) = opened(Config::default());
    let receipt = bench.submit(followup("k", "x"));
    assert_eq!(bench.engine.withdraw(&receipt), Withdrawn::Withdrawn);
    assert!(now(&port).is_none());
    assert!(!is_readable(&port));
    bench.send(followup("k", "y"));
    bench.engine.pause("main").expect("a lane of ours");
    assert!(now(&port).is_none());
    assert!(!is_readable(&port));
    bench.engine.resume("main").expect("a lane of ours");
    assert!(is_readable(&port));
    ready(&port).complete("done").expect("it lives");
    bench.finish();
}

#[test]
fn p9_of_each_kind_a_run_has_at_most_one_notice_unread() {
    let (bench, port) = opened(Config::default());
    bench.send(followup("k", "x"));
    let run = ready(&port);
    for n in 0..10 {
        bench.send(followup("k", &format!("steer {n}")).with_mode(Mode::Steer));
    }
    for _ in 0..3 {
        assert_eq!(bench.engine.stop("k").run, Some(run.id()));
    }
    assert!(matches!(now(&port), Some(Notice::Steer(id)) if id == run.id()));
    assert!(matches!(now(&port), Some(Notice::Stop(id, Cause::Stop)) if id == run.id()));
    assert!(now(&port).is_none());
    drop(run);
    assert!(now(&port).is_none());
    bench.finish();
}

#[test]
fn notices_of_a_run_go_with_it() {
    let (bench, port) = opened(Config::default());
    bench.send(followup("k", "x"));
    let run = ready(&port);
    bench.send(followup("k", "steer").with_mode(Mode::Steer));
    run.complete("done").expect("it lives");
    let next = ready(&port);
    assert_eq!(next.batch().text(), "steer");
    next.complete("done").expect("it lives");
    bench.finish();
}

#[test]
fn on_wake_is_called_once_for_each_time_that_something_is_unread() {
    let (bench, port) = opened(Config::default().with_lane("main", 8));
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    port.on_wake(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    let [a, b, c] = ["a", "b", "c"].map(|key| bench.submit(followup(key, key)));
    assert_eq!(calls.load(Ordering::SeqCst), 1, "it was unread already");
    while let Some(Notice::Ready(run)) = now(&port) {
        run.complete("done").expect("it lives");
    }
    [a, b, c].iter().for_each(|receipt| drop(waits(receipt)));
    bench.send(followup("a", "again"));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let count = Arc::clone(&calls);
    port.on_wake(move || {
        count.fetch_add(10, Ordering::SeqCst);
        std::panic::resume_unwind(Box::new("P7: it hurts nobody"));
    });
    assert_eq!(calls.load(Ordering::SeqCst), 12, "at once, since something is unread");
    ready(&port).complete("done").expect("it lives");
    bench.finish();
}

#[test]
fn a_sleeping_asker_hears_of_what_a_timer_makes_ready() {
    let (bench, port) = opened(Config::default());
    bench.send(followup("k", "x").with_attempts(2));
    drop(ready(&port));
    let asker = {
        let port = port.clone();
        std::thread::spawn(move || ready(&port).complete("second time").expect("it lives"))
    };
    bench.engine.advance(Duration::from_secs(1));
    asker.join().expect("no panic");
    bench.finish();
}

/// Two threads wait for the descriptor and take what there is, while others submit and withdraw.
/// If it ever stayed unreadable with something unread, a message would be left behind; if it ever
/// stayed readable with nothing there, the last look would see it.
///
/// Rows of `FAILURES.md`: C10.
#[test]
fn a_storm_leaves_the_descriptor_exact() {
    let mut config = Config::default().with_lane("main", 2);
    config.queue.cap = 6000;
    let (bench, port) = opened(config);
    let kept = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let (port, done) = (&port, &done);
                scope.spawn(move || {
                    loop {
                        blocks_until_readable(port);
                        match now(port) {
                            Some(Notice::Ready(run)) => {
                                run.complete("done").expect("it lives");
                                done.fetch_add(1, Ordering::SeqCst);
                            }
                            Some(Notice::Closed) => return,
                            _ => {}
                        }
                    }
                })
            })
            .collect();
        let senders: Vec<_> = (0..2)
            .map(|seed| {
                let (engine, kept) = (&bench.engine, &kept);
                scope.spawn(move || {
                    let mut dice = Dice::new(seed);
                    for n in 0..3000 {
                        let key = format!("{seed} {}", dice.roll(500));
                        let message = followup(&key, &n.to_string());
                        let receipt = engine.submit(message).expect("there is room");
                        let back =
                            dice.roll(3) == 0 && engine.withdraw(&receipt) == Withdrawn::Withdrawn;
                        kept.fetch_add(usize::from(!back), Ordering::SeqCst);
                    }
                })
            })
            .collect();
        senders.into_iter().for_each(|sender| sender.join().expect("no panic"));
        crate::support::until("everything kept has run", || {
            done.load(Ordering::SeqCst) == kept.load(Ordering::SeqCst)
        });
        // The takers find out that nothing is left, and sleep.
        crate::support::until("it is quiet", || !is_readable(&port));
        assert!(bench.engine.close(LONG).is_ok());
        takers.into_iter().for_each(|taker| taker.join().expect("no panic"));
    });
    let stats = bench.engine.stats();
    assert_eq!((stats.order_violations, stats.double_runs, stats.pending), (0, 0, 0));
}
