//! P4: a message with an id is accepted once; a duplicate is refused, with the first receipt.

use std::time::Duration;

use laneq::{
    Config, Drop, Fate, Kind, Message, MessageId, Reason, Receipt, Reply, Source, Withdrawn,
};

use super::stage::{bench_doing, followup, running, steer};
use super::support::{Answer, Bench, bench, bench_with, waits};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn message(id: &str) -> Message {
    followup(id).with_id(id)
}

/// Refused as a duplicate and handed back unchanged; answers the first receipt.
fn duplicate(bench: &Bench, message: &Message) -> Receipt {
    let refused = bench.engine.stats().refused;
    let no = bench.engine.submit(message.clone()).expect_err("it came before");
    assert_eq!((no.reason, &no.message), (Reason::Duplicate, message), "{no}");
    assert_eq!(no.reason.as_str(), "duplicate");
    assert_eq!(bench.engine.stats().refused, refused + 1);
    let first = no.first.expect("a duplicate comes with the first receipt");
    let id = MessageId::Given(message.id().expect("it has an id").into());
    assert_eq!((first.id(), first.key()), (id, message.key()));
    *first
}

fn known(bench: &Bench, message: &Message) {
    drop(duplicate(bench, message));
}

/// Accepted, and done at once.
fn runs(bench: &Bench, message: &Message) {
    assert_eq!(waits(&bench.submit(message.clone())).fate, Fate::Ran);
}

/// Every run is done at once.
fn quick(config: Config) -> Bench {
    bench_doing(config, |run| Ok(Reply::new(format!("re: {}", run.batch().text()))))
}

fn quick_with(window: Duration, entries: usize) -> Bench {
    let mut config = Config::default();
    (config.inbound.dedupe_window, config.inbound.dedupe_entries) = (window, entries);
    quick(config)
}

#[test]
fn p4_the_duplicate_of_a_message_that_waits_has_a_receipt_for_it() {
    let (bench, run) = running();
    let receipt = bench.submit(message("x"));
    let first = duplicate(&bench, &message("x"));
    assert_eq!((first.placement(), first.position()), (receipt.placement(), receipt.position()));
    assert_eq!(first.message(), Some(&message("x")));
    assert_eq!(first.settled(), None);
    bench.gate.open();
    bench.gate.pass("x");
    assert_eq!(waits(&first), waits(&receipt));
    waits(&run);
    bench.finish();
}

/// Rows of `FAILURES.md`: C26.
#[test]
fn p4_the_duplicate_of_a_message_that_ran_learns_what_became_of_it() {
    let bench = quick(Config::default());
    let receipt = bench.submit(message("x"));
    let told = waits(&receipt);
    bench.engine.advance(MINUTE);
    let first = duplicate(&bench, &message("x"));
    assert_eq!(first.settled(), Some(told.clone()));
    assert_eq!((waits(&first), told.fate), (told, Fate::Ran));
    assert_eq!(bench.engine.withdraw(&first), Withdrawn::Settled);
    // The first receipt of the host has its message still.
    assert_eq!(receipt.message(), Some(&message("x")));
    let other = message("x").with_mode(laneq::Mode::Interrupt).with_sender("ann");
    known(&bench, &other);
    bench.finish();
}

#[test]
fn p4_an_id_is_forgotten_when_its_message_is_withdrawn_by_any_receipt() {
    let (bench, run) = running();
    bench.send(message("x"));
    let first = duplicate(&bench, &message("x"));
    assert_eq!(bench.engine.withdraw(&first), Withdrawn::Withdrawn);
    let again = bench.submit(message("x"));
    assert_eq!(bench.engine.stop("k").withdrawn, 1);
    let third = bench.submit(message("x"));
    known(&bench, &message("x"));
    bench.gate.open();
    bench.gate.pass("x");
    assert_eq!(waits(&again).fate, Fate::Withdrawn);
    assert_eq!((waits(&run).fate, waits(&third).fate), (Fate::Ran, Fate::Ran));
    bench.finish();
}

#[test]
fn p4_an_id_is_forgotten_when_its_message_is_refused_or_expired() {
    let config = Config::default().with_queue(|q| (q.cap, q.drop) = (1, Drop::New));
    let bench = bench_with(config);
    let run = bench.submit(message("run"));
    bench.gate.arrived();
    let short = bench.submit(message("short").with_ttl(SECOND));
    for _ in 0..2 {
        let no = bench.engine.submit(message("x")).expect_err("the cap is reached");
        assert_eq!((no.reason, no.first.is_none()), (Reason::Full, true));
    }
    known(&bench, &message("short"));
    bench.engine.advance(SECOND);
    assert_eq!(waits(&short).fate, Fate::Expired);
    let long = bench.submit(message("short"));
    assert_eq!(bench.engine.withdraw(&long), Withdrawn::Withdrawn);
    let accepted = bench.submit(message("x"));
    bench.gate.open();
    bench.gate.pass("x");
    waits(&accepted);
    waits(&run);
    bench.finish();
}

#[test]
fn p4_an_id_is_remembered_when_its_message_was_dropped_parked_or_steered() {
    let config = Config::default().with_queue(|q| (q.cap, q.drop) = (1, Drop::Old));
    let bench = bench_with(config);
    let parked = bench.submit(message("parked").with_attempts(2));
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    bench.ms(1000);
    assert_eq!(bench.gate.arrived(), "parked");
    let steered = bench.submit(steer("steered").with_id("steered"));
    assert_eq!(bench.gate.ask(|run| run.take_steers().commit()), Ok(()));
    let dropped = bench.submit(message("dropped"));
    let ran = bench.submit(message("ran"));
    bench.gate.answer(Answer::Fail);
    bench.gate.pass("ran");
    let all = [parked, steered, dropped, ran];
    let fates = all.each_ref().map(|receipt| waits(receipt).fate);
    assert_eq!(fates, [Fate::Parked, Fate::Steered, Fate::Dropped, Fate::Ran]);
    for (id, fate) in ["parked", "steered", "dropped", "ran"].into_iter().zip(fates) {
        let first = duplicate(&bench, &message(id));
        assert_eq!(waits(&first).fate, fate);
    }
    // Requeueing a parked message is a wish of the host's, not a duplicate.
    let again = bench.submit(message("parked").with_requeued_from("parked"));
    bench.gate.pass("parked");
    assert_eq!(waits(&again).fate, Fate::Ran);
    bench.finish();
}

#[test]
fn p4_the_same_id_over_another_route_or_under_another_key_is_another_message() {
    let bench = quick(Config::default());
    let source = |channel: &str, kind, peer: &str| Source {
        channel: channel.into(),
        kind,
        peer: peer.into(),
        ..Source::default()
    };
    let from = |source: Source| message("x").with_source(source);
    let others = [
        message("x"),
        from(Source::default()),
        from(source("irc", Kind::Direct, "ann")),
        from(source("irc", Kind::Direct, "bob")),
        from(source("irc", Kind::Group, "ann")),
        from(source("discord", Kind::Direct, "ann")),
        from(Source { account: "a".into(), ..source("irc", Kind::Direct, "ann") }),
        from(Source { group: "a".into(), ..source("irc", Kind::Direct, "ann") }),
        from(Source { thread: "a".into(), ..source("irc", Kind::Direct, "ann") }),
        Message::new("other", "x").with_id("x"),
        message("y"),
    ];
    others.iter().for_each(|message| runs(&bench, message));
    for message in &others {
        known(&bench, message);
    }
    // Whoever writes it, a group is one route; and what is no part of a route does not matter.
    known(&bench, &from(source("irc", Kind::Group, "bob")));
    known(&bench, &from(source("irc", Kind::Channel, "bob")));
    known(&bench, &from(Source { agent: "b".into(), ..Source::default() }));
    bench.finish();
}

#[test]
fn p4_an_id_is_remembered_for_the_window_of_its_first_message_and_not_longer() {
    let bench = quick(Config::default());
    runs(&bench, &message("x"));
    for _ in 0..2 {
        bench.engine.advance(2 * MINUTE);
        known(&bench, &message("x"));
    }
    bench.engine.advance(MINUTE);
    runs(&bench, &message("x"));
    bench.ms(299_999);
    known(&bench, &message("x"));
    bench.ms(1);
    runs(&bench, &message("x"));
    bench.finish();
}

#[test]
fn p9_at_most_so_many_ids_are_remembered_and_the_oldest_goes_first() {
    let bench = quick_with(MINUTE, 2);
    for id in ["a", "b", "c"] {
        runs(&bench, &message(id));
    }
    known(&bench, &message("b"));
    known(&bench, &message("c"));
    runs(&bench, &message("a"));
    known(&bench, &message("c"));
    runs(&bench, &message("b"));
    bench.finish();
}

#[test]
fn p4_nothing_is_a_duplicate_without_an_id_or_with_the_window_or_the_entries_at_zero() {
    let plain = quick(Config::default());
    (0..3).for_each(|_| runs(&plain, &followup("x")));
    plain.finish();
    for (window, entries) in [(Duration::ZERO, 10), (MINUTE, 0)] {
        let bench = quick_with(window, entries);
        (0..3).for_each(|_| runs(&bench, &message("x")));
        bench.finish();
    }
}

/// Rows of `FAILURES.md`: C27.
#[test]
fn p4_every_way_in_knows_the_same_ids() {
    let bench = bench();
    let session = bench.engine.session("k").expect("the key is fine");
    let run = session.submit(message("run")).expect("there is room");
    bench.gate.arrived();
    known(&bench, &message("run"));
    bench.send(message("x"));
    let no = session.submit(message("x")).expect_err("it came before");
    assert_eq!((no.reason, no.first.is_some()), (Reason::Duplicate, true));
    let no = bench.gate.ask(|run| run.spawn(message("x")).expect_err("it came before"));
    assert_eq!((no.reason, no.first.is_some()), (Reason::Duplicate, true));
    bench.gate.open();
    bench.gate.pass("x");
    waits(&run);
    bench.finish();
}
