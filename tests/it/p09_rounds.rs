//! P9: loops and lists that could go on for ever: events, steer rounds, abandoned threads, tickets
//! of sessions that have gone to rest.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use laneq::{Config, Error, Event, Fallback, Message, Mode, Placement, Record, Verdict, Withdrawn};

use super::support::{Answer, Bench, LONG, Stop, bench, bench_with, lane, until, waits};

fn still() -> Bench {
    bench_with(Config::default().with_lane("main", 0))
}

fn one_slot(bench: &Bench) {
    bench.engine.set_lane("main", laneq::Concurrency::Limit(1)).expect("in range");
}

fn small_ring() -> Bench {
    let mut config = Config::default();
    config.limits.ring_events = 16;
    bench_with(config)
}

/// Rows of `FAILURES.md`: F23.
#[test]
fn p9_a_ring_keeps_the_newest_events_and_counts_what_a_slow_reader_lost() {
    let bench = small_ring();
    let ring = bench.engine.ring().expect("a thread");
    for _ in 0..100 {
        bench.engine.note("tick", String::new());
        assert!(bench.engine.settle_events(LONG));
    }
    assert_eq!(ring.lost(), 84);
    let seqs: Vec<_> = std::iter::from_fn(|| ring.poll()).map(|record| record.seq).collect();
    let last = bench.book.records().len() as u64;
    assert_eq!(seqs, (last - 15..=last).collect::<Vec<_>>());
    bench.engine.note("tick", String::new());
    assert!(bench.engine.settle_events(LONG));
    assert_eq!(ring.poll().map(|record| record.seq), Some(last + 1), "it goes on");
    assert_eq!(ring.lost(), 84);
    bench.finish();
}

/// Rows of `FAILURES.md`: F23.
#[test]
fn p9_a_stuck_observer_costs_events_that_are_counted_and_leaves_no_gap() {
    let bench = small_ring();
    let (entered_tx, entered) = channel();
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let stuck = move |_: &Record| {
        let _ = entered_tx.send(());
        let _ = gate.lock().expect("no panic under it").recv();
    };
    bench.engine.observe(std::sync::Arc::new(stuck)).expect("a thread");
    bench.engine.note("first", String::new());
    entered.recv_timeout(LONG).expect("the observer is at it");
    (0..100).for_each(|_| _ = bench.engine.note("tick", String::new()));
    let lost = bench.engine.stats().events_lost;
    assert_eq!((lost, bench.engine.events_behind()), (85, 16));
    drop(open);
    let records = bench.settled_book().records();
    assert!(records.iter().zip(1..).all(|(record, seq)| record.seq == seq));
    bench.finish();
}

/// Steers the run under `k` and lets it deliver, `rounds` times.
fn deliver(bench: &Bench, rounds: usize) {
    for _ in 0..rounds {
        let steer = bench.submit(Message::new("k", "steer").with_mode(Mode::Steer));
        assert_eq!(steer.placement(), Placement::Steered);
        bench.gate.with(|run| {
            let steers = run.take_steers();
            assert_eq!(steers.len(), 1);
            steers.commit().expect("it is live");
        });
        assert_eq!(waits(&steer).fate, laneq::Fate::Steered);
    }
}

#[test]
fn p9_a_run_takes_sixteen_rounds_of_steers_and_the_rest_become_turns() {
    let bench = bench();
    let run = bench.submit(Message::new("k", "run"));
    bench.gate.arrived();
    deliver(&bench, 16);
    let late = bench.submit(Message::new("k", "late").with_mode(Mode::Steer));
    assert_eq!((late.placement(), late.fallback()), (Placement::Queued, Some(Fallback::Closed)));
    bench.gate.open();
    bench.gate.pass("late");
    waits(&run);
    waits(&late);
    bench.finish();
}

#[test]
fn p9_steers_given_back_in_the_last_round_become_turns_and_the_boundary_is_clear() {
    let bench = bench();
    let run = bench.submit(Message::new("k", "run"));
    bench.gate.arrived();
    deliver(&bench, 15);
    let last = bench.submit(Message::new("k", "last").with_mode(Mode::Steer));
    assert_eq!(last.placement(), Placement::Steered);
    let (told_tx, told) = channel();
    bench.gate.with(move |run| {
        drop(run.take_steers());
        told_tx.send((run.boundary(), run.take_steers().len())).expect("the test lives");
    });
    assert_eq!(told.recv_timeout(LONG), Ok((Verdict::Go, 0)));
    bench.gate.open();
    bench.gate.pass("last");
    waits(&run);
    waits(&last);
    bench.finish();
}

#[test]
fn p9_sixty_four_threads_may_be_abandoned_and_no_more() {
    if super::support::DRIVE == super::support::Drive::Pull {
        // The bound is on threads of the engine: the host's are the host's.
        return;
    }
    let bench = bench();
    let stop = Stop::default();
    let _receipts: Vec<_> =
        (0..66).map(|n| stop.enqueue(&bench, "cron", &format!("k{n}"))).collect();
    (0..66).for_each(|_| stop.arrived());
    let runs = bench.settled_book().find(|event| match event {
        Event::RunStarted { run, .. } => Some(*run),
        _ => None,
    });
    runs[..64].iter().for_each(|run| bench.engine.abandon(*run).expect("it is live"));
    let full = bench.engine.abandon(runs[64]).expect_err("the bound is reached");
    assert!(matches!(&full, Error::Full(text) if text.contains("64")), "{full:?}");
    assert_eq!(lane(&bench.engine, "cron").executing, 2, "what is abandoned holds no slot");
    (0..66).for_each(|_| stop.open());
    until("the threads are gone", || bench.engine.abandon(runs[0]) == Err(Error::Stale(runs[0])));
    bench.finish();
}

#[test]
fn p9_tickets_of_withdrawn_messages_do_not_pile_up_in_a_paused_lane() {
    let bench = bench_quiet();
    let kept: Vec<_> = ["a", "b", "c"]
        .map(|key| bench.engine.submit(Message::new(key, key)).expect("there is room"))
        .into();
    for n in 0..50_000 {
        let message = Message::new(format!("churn {n}"), "x");
        let receipt = bench.engine.submit(message).expect("there is room");
        assert_eq!(bench.engine.withdraw(&receipt), Withdrawn::Withdrawn);
    }
    let ready = lane(&bench.engine, "main").ready;
    assert!(ready <= 8192, "{ready} tickets wait for 3 messages");
    bench.engine.advance(std::time::Duration::from_secs(2));
    let sessions = bench.engine.stats().sessions;
    assert!(sessions <= 8192, "{sessions} sessions are kept by dead tickets");
    one_slot(&bench);
    ["a", "b", "c"].into_iter().for_each(|text| bench.gate.pass(text));
    kept.iter().for_each(|receipt| drop(waits(receipt)));
    bench.finish();
}

/// Nothing starts in it, and no book is kept: the churn would fill it.
fn bench_quiet() -> Bench {
    let config = Config::default().with_lane("main", 0);
    let engine = laneq::Engine::builder(config).clock(laneq::ManualClock::new()).start();
    let engine = engine.expect("the settings are fine");
    let (gate, handler) = super::support::Gate::new();
    let handle = move |run: &laneq::Run| handler.handle(run);
    super::support::DRIVE.lane(&engine, "main", handle);
    Bench { engine, gate, book: std::sync::Arc::default() }
}

#[test]
fn p9_closures_without_a_key_that_are_withdrawn_do_not_pile_up_either() {
    let bench = bench_quiet();
    for _ in 0..20_000 {
        let receipt = bench.engine.enqueue_keyless("main", |_| ()).expect("there is room");
        assert_eq!(bench.engine.withdraw(&receipt), Withdrawn::Withdrawn);
    }
    let ready = lane(&bench.engine, "main").ready;
    assert!(ready <= 8192, "{ready} tickets wait for nothing");
    one_slot(&bench);
    let last = bench.engine.enqueue_keyless("main", |_| 7).expect("there is room");
    assert_eq!(last.wait().expect("a host thread").reply, Some(7));
    until("every ticket is gone", || lane(&bench.engine, "main").ready == 0);
    bench.finish();
}

#[test]
fn p9_live_tickets_outlast_any_number_of_dead_ones_in_their_order() {
    let bench = bench_quiet();
    let live: Vec<_> = (0..3000)
        .map(|n| {
            let dead = Message::new(format!("dead {n}"), "x");
            let more = Message::new(format!("more {n}"), "x");
            let live = bench.engine.submit(Message::new(format!("live {n}"), n.to_string()));
            for message in [dead, more] {
                let receipt = bench.engine.submit(message).expect("there is room");
                assert_eq!(bench.engine.withdraw(&receipt), Withdrawn::Withdrawn);
            }
            live.expect("there is room")
        })
        .collect();
    let ready = lane(&bench.engine, "main").ready;
    assert!(
        (3000..9000).contains(&ready),
        "some of the dead are gone, none of the living: {ready}"
    );
    one_slot(&bench);
    (0..3000).for_each(|n| bench.gate.pass(&n.to_string()));
    waits(&live[2999]);
    bench.finish();
}

#[test]
fn p9_a_session_whose_ticket_was_taken_out_gets_a_new_one() {
    let bench = bench_quiet();
    let stay = bench.engine.session("stays").expect("a fine key");
    let first = stay.submit(Message::new("stays", "first")).expect("there is room");
    assert_eq!(bench.engine.withdraw(&first), Withdrawn::Withdrawn);
    for n in 0..20_000 {
        let message = Message::new(format!("churn {n}"), "x");
        let receipt = bench.engine.submit(message).expect("there is room");
        assert_eq!(bench.engine.withdraw(&receipt), Withdrawn::Withdrawn);
    }
    let second = stay.submit(Message::new("stays", "second")).expect("there is room");
    one_slot(&bench);
    bench.gate.pass("second");
    waits(&second);
    bench.finish();
}

#[test]
fn p9_messages_with_a_time_to_live_leave_nothing_in_the_timer() {
    let bench = still();
    for n in 0..2000 {
        let day = std::time::Duration::from_secs(24 * 3600);
        let message = Message::new(format!("k{}", n % 10), "x").with_ttl(day);
        let receipt = bench.submit(message);
        assert_eq!(bench.engine.withdraw(&receipt), Withdrawn::Withdrawn);
    }
    bench.engine.advance(std::time::Duration::from_secs(2));
    // Ten tickets hold ten sessions; no timer entry holds another.
    assert_eq!(bench.engine.stats().sessions, 10);
    bench.gate.answer(Answer::Done);
    bench.finish();
}

#[test]
fn p9_tokens_with_a_far_deadline_that_are_dropped_leave_the_timer() {
    let bench = bench();
    let before = bench.engine.audit().timers;
    let run = bench.submit(Message::new("k", "x"));
    bench.gate.arrived();
    let kept = bench.gate.ask(|run| {
        let hour = std::time::Duration::from_secs(3600);
        (0..10_000).for_each(|_| drop(run.token_for(hour)));
        let parent = run.token_for(hour);
        // A child alone keeps its parent's deadline.
        parent.child()
    });
    assert!(bench.engine.audit().timers < before + 200, "{:?}", bench.engine.audit());
    bench.engine.advance(std::time::Duration::from_secs(3600));
    assert_eq!(kept.cancelled(), Some(laneq::Cause::Deadline));
    bench.gate.open();
    waits(&run);
    bench.finish();
}
