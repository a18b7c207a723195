//! P2 and mode collect: what merges into one batch, and which window holds it back.

use std::time::Duration;

use laneq::{Config, Event, Fate, Kind, Message, Mode, Placement, Queue, Source};

use super::stage::{collect, followup, interrupt, settles, steer};
use super::support::{Bench, LONG, bench_with, waits};

/// No window: what waits at the end of a run is merged at once.
fn hasty() -> Config {
    Config::default().with_queue(|q| q.debounce = Duration::ZERO)
}

/// The batches, as lists of texts, that the waiting messages became after a first run.
fn batches(config: Config, waiting: Vec<Message>) -> Vec<Vec<String>> {
    let bench = bench_with(config.with_lane("other", 1));
    let first = bench.submit(followup("run"));
    bench.gate.arrived();
    let all: Vec<_> = waiting.into_iter().map(|m| bench.submit(m)).collect();
    bench.gate.open();
    waits(&first);
    let mut batches = Vec::new();
    while all.iter().any(|r| r.settled().is_none()) {
        bench.gate.arrived();
        batches.push(
            bench.gate.ask(|run| {
                run.batch().messages().map(|p| p.text().into_owned()).collect::<Vec<_>>()
            }),
        );
        bench.gate.open();
        let last = batches.last().and_then(|b| b.last()).expect("a batch has messages").clone();
        let told = all.iter().find(|r| r.id().to_string() == last).expect("it is one of ours");
        waits(told);
    }
    assert!(settles(&all).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
    batches
}

/// Its id is its text.
fn named(text: &str) -> Message {
    collect(text).with_id(text)
}

fn from(channel: &str, thread: &str) -> Source {
    Source { channel: channel.into(), thread: thread.into(), ..Source::default() }
}

/// Rows of `FAILURES.md`: C19.
#[test]
fn p2_what_waits_together_and_is_alike_is_one_batch_in_order() {
    let alike = ["a", "b", "c"].map(named).to_vec();
    assert_eq!(batches(hasty(), alike), [["a", "b", "c"]]);
}

/// Rows of `FAILURES.md`: C20.
#[test]
fn p2_messages_merge_only_with_equal_route_authority_lane_attempts_and_deadline() {
    let second = Duration::from_secs(1);
    let peer = |peer: &str| Source { peer: peer.into(), ..from("irc", "") };
    let group = |peer: &str| Source { kind: Kind::Group, group: "g".into(), ..peer_of(peer) };
    let b = || named("b");
    let cases = [
        ("no route equals only no route", named("a"), b().with_source(from("irc", ""))),
        ("channel", named("a").with_source(from("irc", "")), b().with_source(from("web", ""))),
        ("thread", named("a").with_source(from("irc", "1")), b().with_source(from("irc", "2"))),
        ("peer", named("a").with_source(peer("ann")), b().with_source(peer("bob"))),
        ("kind", named("a").with_source(group("ann")), b().with_source(peer("ann"))),
        ("authority", named("a").with_authority("owner"), b().with_authority("guest")),
        ("lane", named("a").with_lane("other"), b()),
        ("attempts", named("a").with_attempts(2), b()),
        ("deadline", named("a").with_deadline(second), b()),
        ("mode", named("a").with_mode(Mode::Followup), b()),
        ("a steer that fell back", named("a").with_mode(Mode::Steer).with_authority("x"), b()),
    ];
    for (what, a, b) in cases {
        let [a, b] = [a, b].map(|m| vec![m]);
        let two = batches(hasty(), [a, b].concat());
        assert_eq!(two, [["a"], ["b"]], "{what}");
    }
    let both = ["a", "b"].map(|t| named(t).with_source(group(t))).to_vec();
    assert_eq!(batches(hasty(), both), [["a", "b"]], "a group answers all its people");
    let same = |t| named(t).with_source(from("irc", "1")).with_authority("x").with_deadline(second);
    assert_eq!(batches(hasty(), ["a", "b"].map(same).to_vec()), [["a", "b"]]);
}

fn peer_of(peer: &str) -> Source {
    Source { channel: "irc".into(), peer: peer.into(), ..Source::default() }
}

/// Rows of `FAILURES.md`: C20.
#[test]
fn p2_only_neighbours_merge() {
    let between = named("b").with_authority("guest");
    let three = vec![named("a"), between, named("c"), named("d")];
    assert_eq!(batches(hasty(), three), [vec!["a"], vec!["b"], vec!["c", "d"]]);
}

#[test]
fn p2_a_batch_has_at_most_max_batch_messages() {
    let config = hasty().with_queue(|q| q.max_batch = 3);
    let seven = ["1", "2", "3", "4", "5", "6", "7"].map(named).to_vec();
    let expected = [vec!["1", "2", "3"], vec!["4", "5", "6"], vec!["7"]];
    assert_eq!(batches(config, seven), expected);
}

/// Rows of `FAILURES.md`: C22.
#[test]
fn p2_one_run_has_one_reply_and_one_lead() {
    let bench = bench_with(hasty());
    let first = bench.submit(followup("run"));
    bench.gate.arrived();
    let three = ["a", "b", "c"].map(|t| bench.submit(collect(t)));
    bench.gate.open();
    waits(&first);
    bench.gate.arrived();
    bench.gate.open();
    let settled = settles(&three);
    assert!(settled.iter().all(|s| s.run == settled[0].run));
    assert_eq!(settled.iter().filter(|s| s.lead).count(), 1);
    assert!(settled.iter().all(|s| s.lead == s.reply.is_some()));
    bench.finish();
}

/// A bench whose session is running "run", with its receipt.
fn running(change: impl FnOnce(&mut Queue)) -> (Bench, laneq::Receipt) {
    let bench = bench_with(Config::default().with_queue(change));
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    (bench, run)
}

/// The run ends; one ticket was issued so far.
fn ends(bench: &Bench, run: &laneq::Receipt) {
    bench.gate.open();
    waits(run);
}

/// Rows of `FAILURES.md`: R24.
#[test]
fn p2_a_quiet_window_beside_the_run_holds_its_messages_until_it_closes() {
    let (bench, run) = running(|_| ());
    let a = bench.submit(collect("a"));
    assert_eq!(a.placement(), Placement::Queued);
    bench.ms(400);
    ends(&bench, &run);
    bench.ms(400);
    let b = bench.submit(collect("b"));
    assert_eq!(b.placement(), Placement::Queued);
    bench.ms(999);
    assert_eq!(bench.tickets(), 1, "not quiet for a second yet");
    bench.ms(1);
    bench.gate.arrived();
    assert_eq!(bench.gate.ask(|run| run.batch().len()), 2);
    bench.gate.open();
    settles(&[a, b]);
    bench.finish();
}

/// Rows of `FAILURES.md`: R24.
#[test]
fn p2_a_window_that_closed_while_the_run_went_on_holds_nothing_at_its_end() {
    let (bench, run) = running(|_| ());
    let a = bench.submit(collect("a"));
    bench.ms(1000);
    ends(&bench, &run);
    bench.gate.pass("a");
    waits(&a);
    bench.finish();
}

/// Rows of `FAILURES.md`: C40, F12.
#[test]
fn p2_a_window_that_is_never_quiet_closes_after_max_wait() {
    let (bench, run) = running(|_| ());
    let mut all = vec![bench.submit(collect("0"))];
    ends(&bench, &run);
    for n in 1..=6 {
        assert_eq!(bench.tickets(), 1, "{n}: held");
        bench.ms(if n == 6 { 499 } else { 900 });
        all.push(bench.submit(collect(&n.to_string())));
    }
    assert_eq!(bench.tickets(), 1, "4,999 ms");
    bench.ms(1);
    bench.gate.arrived();
    assert_eq!(bench.gate.ask(|run| run.batch().len()), 7);
    bench.gate.open();
    settles(&all);
    bench.finish();
}

#[test]
fn p2_without_reset_a_window_lasts_from_its_first_message() {
    let (bench, run) = running(|q| q.reset_on_new_message = false);
    let a = bench.submit(collect("a"));
    bench.ms(900);
    let b = bench.submit(collect("b"));
    ends(&bench, &run);
    bench.ms(99);
    assert_eq!(bench.tickets(), 1);
    bench.ms(1);
    bench.gate.arrived();
    bench.gate.open();
    assert_eq!(waits(&a).run, waits(&b).run);
    bench.finish();
}

#[test]
fn p2_a_full_window_closes_at_once() {
    let (bench, run) = running(|q| q.max_batch = 2);
    let two = ["a", "b"].map(|t| bench.submit(collect(t)));
    ends(&bench, &run);
    bench.gate.arrived();
    bench.gate.open();
    let settled = settles(&two);
    assert_eq!(settled[0].run, settled[1].run);
    bench.finish();
}

#[test]
fn p2_followups_fallbacks_closures_and_strangers_close_a_window_and_steers_do_not() {
    let guest = |m: Message| m.with_authority("guest");
    let closers = [Some(followup("x")), Some(guest(steer("x"))), Some(guest(collect("x"))), None];
    for closer in closers {
        let (bench, run) = running(|_| ());
        let a = bench.submit(collect("a"));
        match closer {
            Some(message) => drop(bench.submit(message)),
            None => drop(bench.engine.enqueue("main", "k", |_| ()).expect("there is room")),
        }
        ends(&bench, &run);
        bench.gate.pass("a");
        waits(&a);
        bench.finish();
    }
    let (bench, run) = running(|_| ());
    let a = bench.submit(collect("a"));
    let s = bench.submit(steer("s"));
    assert_eq!(bench.gate.ask(|run| run.take_steers().commit()), Ok(()));
    assert_eq!(waits(&s).fate, Fate::Steered);
    ends(&bench, &run);
    bench.ms(999);
    assert_eq!(bench.tickets(), 1, "still held");
    bench.ms(1);
    bench.gate.pass("a");
    waits(&a);
    bench.finish();
}

#[test]
fn p2_a_message_after_a_closed_window_opens_a_new_one_that_holds_only_its_own() {
    let (bench, run) = running(|_| ());
    let a = bench.submit(collect("a"));
    bench.ms(1000);
    let b = bench.submit(collect("b"));
    ends(&bench, &run);
    // `a` is at the head and no longer held; what waits with it and merges goes along.
    bench.gate.arrived();
    bench.gate.open();
    assert_eq!(waits(&a).run, waits(&b).run);
    bench.finish();
}

#[test]
fn p2_an_interrupt_is_not_held_by_a_window() {
    let (bench, run) = running(|_| ());
    let a = bench.submit(collect("a"));
    ends(&bench, &run);
    let urgent = bench.submit(interrupt("urgent"));
    bench.gate.pass("urgent");
    waits(&urgent);
    bench.gate.pass("a");
    waits(&a);
    bench.finish();
}

#[test]
fn p2_a_drain_closes_every_window() {
    let (bench, run) = running(|_| ());
    let a = bench.submit(collect("a"));
    ends(&bench, &run);
    assert_eq!(bench.tickets(), 1);
    bench.gate.open();
    let report = bench.engine.drain(LONG).expect("a host thread");
    assert!(report.complete, "{report:?}");
    assert_eq!(waits(&a).fate, Fate::Ran);
    bench.finish();
}

#[test]
fn p2_a_window_whose_messages_are_withdrawn_leaves_the_session_idle() {
    let (bench, run) = running(|_| ());
    let a = bench.submit(collect("a"));
    ends(&bench, &run);
    assert_eq!(bench.engine.withdraw(&a), laneq::Withdrawn::Withdrawn);
    let idle = |e: &Event| matches!(e, Event::SessionIdle { .. });
    assert_eq!(bench.settled_book().names(idle).len(), 1);
    let b = bench.submit(collect("b"));
    assert_eq!(b.placement(), Placement::Scheduled, "from idle there is no window");
    bench.gate.pass("b");
    waits(&b);
    bench.finish();
}
