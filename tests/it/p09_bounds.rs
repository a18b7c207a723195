//! P9: every bound is exact, and reaching it is a refusal that hands the message back.

use laneq::{Config, Drop, Knobs, Limits, Message, Mode, Priority, Reason, Source, Withdrawn};

use super::support::{Bench, bench_with, waits};

/// An engine in which nothing starts.
fn still(change: impl FnOnce(&mut Limits)) -> Bench {
    let mut config = Config::default().with_lane("main", 0);
    change(&mut config.limits);
    bench_with(config)
}

/// The message comes home, unchanged, with this reason and a text that names the bound.
fn refused(bench: &Bench, message: Message, reason: Reason, bound: &str) {
    let before = bench.engine.stats();
    let refused = bench.engine.submit(message.clone()).expect_err("the bound is reached");
    assert_eq!((refused.reason, &refused.message), (reason, &message));
    assert!(refused.detail.contains(bound), "{bound}: {}", refused.detail);
    let after = bench.engine.stats();
    assert_eq!(after.refused, before.refused + 1);
    assert_eq!((after.pending, after.pending_bytes), (before.pending, before.pending_bytes));
}

#[test]
fn p9_the_engine_holds_max_pending_messages_and_closures_and_not_one_more() {
    let bench = still(|limits| limits.max_pending = 10);
    let first = bench.submit(Message::new("k0", "x"));
    (1..7).for_each(|n| bench.send(Message::new(format!("k{n}"), "x")));
    (7..9).for_each(|_| bench.engine.fire("main", "k", |_| {}).expect("there is room"));
    bench.engine.fire_keyless("main", |_| {}).expect("there is room");
    refused(&bench, Message::new("k", "x"), Reason::Full, "10 messages");
    let closure = bench.engine.fire_keyless("main", |_| {}).map_err(|r| r.reason);
    assert_eq!(closure, Err(Reason::Full));
    assert_eq!(bench.engine.stats().pending, 10);
    assert_eq!(bench.engine.withdraw(&first), Withdrawn::Withdrawn);
    bench.send(Message::new("k", "x"));
    refused(&bench, Message::new("k", "x"), Reason::Full, "10 messages");
    bench.finish();
}

#[test]
fn p9_the_engine_holds_max_bytes_and_not_one_more() {
    let bench = still(|limits| limits.max_bytes = 2000);
    let first = bench.submit(Message::new("a", "x".repeat(1000)));
    bench.send(Message::new("b", "x".repeat(999)));
    refused(&bench, Message::new("c", "xx"), Reason::Full, "2000 bytes");
    bench.send(Message::new("c", "x"));
    assert_eq!(bench.engine.stats().pending_bytes, 2000);
    refused(&bench, Message::new("d", "x"), Reason::Full, "2000 bytes");
    assert_eq!(bench.engine.withdraw(&first), Withdrawn::Withdrawn);
    assert_eq!(bench.engine.stats().pending_bytes, 1000);
    bench.send(Message::new("d", "x".repeat(1000)));
    bench.finish();
}

/// Rows of `FAILURES.md`: F13.
#[test]
fn p9_a_message_has_message_bytes_with_all_its_parts_and_not_one_more() {
    let bench = still(|limits| limits.message_bytes = 1024);
    bench.send(Message::new("fits", "x".repeat(1024)));
    refused(&bench, Message::new("k", "x".repeat(1025)), Reason::TooLarge, "1024");
    let base = || Message::new("k", "x");
    let long = "y".repeat(1024);
    let source = Source { thread: long.clone(), ..Source::default() };
    let parts = [
        base().with_payload(long.clone()),
        base().with_meta(long.clone()),
        base().with_media(long.clone()),
        base().with_backlog(long.clone()),
        base().with_sender(long.clone()),
        base().with_authority(long.clone()),
        base().with_requeued_from(long),
        base().with_source(source),
    ];
    for message in parts {
        refused(&bench, message, Reason::TooLarge, "1025 bytes");
    }
    bench.finish();
}

/// Rows of `FAILURES.md`: F13.
#[test]
fn p9_a_key_and_an_id_have_their_bounds() {
    let bench = still(|limits| limits.key_bytes = 16);
    bench.send(Message::new("k".repeat(16), "x"));
    refused(&bench, Message::new("k".repeat(17), "x"), Reason::TooLarge, "16");
    refused(&bench, Message::new("", "x"), Reason::Invalid, "1 byte");
    bench.send(Message::new("k", "x").with_id("i".repeat(1024)));
    refused(&bench, Message::new("k", "x").with_id("i".repeat(1025)), Reason::Invalid, "1,024");
    refused(&bench, Message::new("k", "x").with_id(""), Reason::Invalid, "1,024");
    refused(&bench, Message::new("k", ""), Reason::Invalid, "neither text nor payload");
    assert!(bench.engine.session(&"k".repeat(17)).is_err());
    bench.finish();
}

#[test]
fn p9_figures_of_a_message_have_ranges_that_the_refusal_names() {
    let bench = still(|_| {});
    let base = || Message::new("k", "x");
    refused(&bench, base().with_attempts(0), Reason::Invalid, "1 to 100");
    refused(&bench, base().with_attempts(101), Reason::Invalid, "1 to 100");
    refused(&bench, base().with_ttl(std::time::Duration::ZERO), Reason::Invalid, "1 ms");
    refused(&bench, base().with_ttl(std::time::Duration::MAX), Reason::Invalid, "30 days");
    let foreign = laneq::RunId::new(7);
    refused(&bench, base().with_expect_run(foreign), Reason::Mismatch, "run 7");
    bench.finish();
}

#[test]
fn p9_a_session_holds_its_cap_and_then_refuses_the_newcomer() {
    let config = Config::default().with_lane("main", 0);
    let bench = bench_with(config.with_queue(|queue| (queue.cap, queue.drop) = (3, Drop::New)));
    (0..3).for_each(|_| bench.send(Message::new("k", "x").with_mode(Mode::Followup)));
    refused(&bench, Message::new("k", "one too many"), Reason::Full, "3 of 3");
    bench.send(Message::new("another", "x"));
    bench.finish();
}

#[test]
fn p9_a_full_session_of_others_refuses_the_newcomer_whatever_the_policy() {
    let config = Config::default().with_lane("main", 0);
    let bench = bench_with(config.with_queue(|queue| (queue.cap, queue.drop) = (2, Drop::Old)));
    (0..2).for_each(|_| bench.send(Message::new("k", "x").with_authority("owner")));
    refused(&bench, Message::new("k", "x").with_authority("guest"), Reason::Full, "2 of 2");
    let urgent = Message::new("k", "x").with_authority("guest").with_mode(Mode::Interrupt);
    refused(&bench, urgent, Reason::Full, "2 of 2");
    bench.finish();
}

#[test]
fn p9_a_session_holds_closure_cap_closures_beside_its_messages() {
    let bench = still(|limits| limits.closure_cap = 5);
    (0..5).for_each(|_| bench.engine.fire("main", "k", |_| {}).expect("there is room"));
    let refused = bench.engine.fire("main", "k", |_| {}).expect_err("the bound is reached");
    assert_eq!(refused.reason, Reason::Full);
    assert!(refused.detail.contains("5 closures"), "{}", refused.detail);
    (0..20).for_each(|_| bench.send(Message::new("k", "x").with_mode(Mode::Followup)));
    assert_eq!(bench.engine.stats().pending, 25);
    bench.finish();
}

#[test]
fn p9_a_lane_holds_keyless_cap_closures_without_a_key() {
    let bench = still(|limits| limits.keyless_cap = 5);
    (0..5).for_each(|_| bench.engine.fire_keyless("main", |_| {}).expect("there is room"));
    let refused = bench.engine.fire_keyless("main", |_| {}).expect_err("the bound is reached");
    assert_eq!(refused.reason, Reason::Full);
    assert!(refused.detail.contains("5 closures"), "{}", refused.detail);
    let elsewhere = bench.engine.enqueue_keyless("subagent", |_| 7).expect("a lane of its own");
    assert_eq!(elsewhere.wait().expect("a host thread").reply, Some(7));
    bench.engine.set_lane("main", laneq::Concurrency::Limit(1)).expect("in range");
    let again = bench.engine.enqueue_keyless("main", |_| 7);
    // The five may still be on their way out; then it is refused once more.
    if let Ok(again) = again {
        assert_eq!(again.wait().expect("a host thread").reply, Some(7));
    }
    bench.finish();
}

#[test]
fn p9_sessions_with_settings_of_their_own_are_bounded() {
    let bench = still(|limits| limits.overrides = 2);
    let own = |key: &str, mode| bench.engine.set_knobs(key, Knobs { mode, ..Knobs::default() });
    own("a", Some(Mode::Steer)).expect("there is room");
    own("b", Some(Mode::Steer)).expect("there is room");
    let full = own("c", Some(Mode::Steer)).expect_err("the bound is reached");
    assert!(matches!(&full, laneq::Error::Full(text) if text.contains("2 sessions")), "{full:?}");
    own("b", Some(Mode::Followup)).expect("it has one already");
    own("a", None).expect("a fine key");
    own("c", Some(Mode::Steer)).expect("there is room again");
    bench.finish();
}

#[test]
fn p9_lanes_are_bounded() {
    let bench = still(|_| {});
    let open = |n: u32| bench.engine.set_lane(&format!("lane {n}"), laneq::Concurrency::Limit(0));
    (0..1021).for_each(|n| open(n).expect("there is room"));
    let full = open(1021).expect_err("the bound is reached");
    assert!(matches!(&full, laneq::Error::Full(text) if text.contains("1024 lanes")), "{full:?}");
    bench.finish();
}

/// Rows of `FAILURES.md`: F22.
#[test]
fn p9_a_flood_on_one_key_is_bounded_and_every_loss_is_told() {
    let config = Config::default().with_lane("main", 0);
    let bench = bench_with(config.with_queue(|queue| queue.drop = Drop::Old));
    let receipts: Vec<_> = (0..1000)
        .map(|_| Message::new("k", "x").with_priority(Priority::Background))
        .map(|message| bench.submit(message))
        .collect();
    assert_eq!(bench.engine.stats().pending, 20);
    let dropped = receipts.iter().take(980).map(|r| waits(r).fate);
    assert!(dropped.into_iter().all(|fate| fate == laneq::Fate::Dropped));
    bench.finish();
}
