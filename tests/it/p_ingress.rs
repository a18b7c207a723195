//! From a source to the right session and lane; words that are for the queue; the leading window.

use std::time::Duration;

use laneq::{
    Agent, Concurrency, Config, Event, Fallback, Fate, Knobs, Level, Message, Mode, Outcome,
    Placement, Reason, Scope, Source,
};

use crate::stage::followup;
use crate::support::{Bench, bench, bench_with, lane, until, waits};

fn source(channel: &str, peer: &str) -> Source {
    let mut source = Source::default();
    (source.channel, source.peer) = (channel.to_owned(), peer.to_owned());
    source
}

fn from(channel: &str, peer: &str, text: &str) -> Message {
    Message::from_source(source(channel, peer), text)
}

fn scoped(scope: Scope) -> Config {
    let mut config = Config::default();
    config.session.dm_scope = scope;
    config
}

/// The answer for the person who wrote a directive.
fn told(bench: &Bench, message: Message) -> String {
    let answer = bench.engine.submit(message).expect_err("a directive is not admitted");
    assert_eq!(answer.reason, Reason::Directive, "{}", answer.detail);
    answer.detail
}

/// Rows of `FAILURES.md`: C42.
#[test]
fn a_source_becomes_a_key_and_an_empty_peer_is_an_error() {
    let bench = bench_with(scoped(Scope::PerChannelPeer));
    let receipt = bench.submit(from("IRC", " Ann ", "hello"));
    assert_eq!(receipt.key(), "agent:main:irc:direct:ann");
    bench.gate.pass("hello");
    waits(&receipt);
    let refused = bench.engine.submit(from("irc", " ", "x")).expect_err("nobody");
    assert_eq!(refused.reason, Reason::Invalid);
    assert!(refused.detail.contains("source.peer"), "{}", refused.detail);
    assert_eq!(refused.message.text(), "x", "it comes home");
    bench.finish();
}

#[test]
fn a_second_person_in_the_session_of_all_direct_messages_is_warned_of_once() {
    let bench = bench();
    bench.engine.pause("main").expect("a lane of ours");
    for peer in ["ann", "ANN ", "bob", "cleo"] {
        drop(bench.submit(from("irc", peer, "x")));
    }
    let shared = bench.settled_book().find(|event| match event {
        Event::SessionShared { key, peers } => Some((key.to_string(), *peers)),
        _ => None,
    });
    assert_eq!(shared, [("agent:main:main".to_owned(), 2)]);
    bench.finish();
}

fn agents() -> Config {
    let agent = |id: &str, figure| {
        let mut agent = Agent::default();
        (agent.id, agent.lane) = (id.to_owned(), Some(format!("{}-lane", id.to_lowercase())));
        agent.lane_concurrency = figure;
        agent
    };
    let mut config = scoped(Scope::PerPeer).with_lane("main", 1);
    config.agents = vec![agent("Ops", Some(Concurrency::Limit(10))), agent("support", None)];
    config
}

fn to_agent(agent: &str, peer: &str) -> Message {
    let mut source = source("irc", peer);
    source.agent = agent.to_owned();
    Message::from_source(source, format!("{agent} {peer}"))
}

/// Rows of `FAILURES.md`: C28.
#[test]
fn p3_agents_with_lanes_start_at_once_while_main_is_full() {
    let bench = bench_with(agents());
    let busy = bench.submit(Message::new("busy", "busy"));
    bench.gate.arrived();
    let waiting = bench.submit(to_agent("", "ann"));
    let laned = [bench.submit(to_agent("ops", "ann")), bench.submit(to_agent("SUPPORT", "bob"))];
    let mut arrived = [bench.gate.arrived(), bench.gate.arrived()];
    arrived.sort();
    assert_eq!(arrived, ["SUPPORT bob", "ops ann"]);
    assert!(bench.gate.nobody(), "an agent without a lane uses main");
    assert_eq!(lane(&bench.engine, "ops-lane").concurrency, 10);
    assert_eq!(lane(&bench.engine, "support-lane").concurrency, 1, "that of main");
    (0..3).for_each(|_| bench.gate.open());
    bench.gate.pass(" ann");
    [busy, waiting].iter().chain(&laned).for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    bench.finish();
}

/// Rows of `FAILURES.md`: C33.
#[test]
fn what_an_agents_run_spawns_uses_the_lane_of_the_agent() {
    let bench = bench_with(agents());
    let run = bench.submit(to_agent("ops", "ann"));
    bench.gate.arrived();
    let child = bench.gate.ask(|run| run.spawn(Message::new("child", "child")));
    assert_eq!(bench.gate.arrived(), "child");
    let lanes = bench.settled_book().find(|event| match event {
        Event::Accepted { lane, .. } => Some(lane.to_string()),
        _ => None,
    });
    assert_eq!(lanes, ["ops-lane", "ops-lane"]);
    (0..2).for_each(|_| bench.gate.open());
    [run, child.expect("there is room")].iter().for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    bench.finish();
}

#[test]
fn every_run_of_an_agent_uses_its_lane_and_an_explicit_lane_goes_first() {
    let bench = bench_with(agents());
    let accepted = |bench: &Bench| {
        bench.settled_book().find(|event| match event {
            Event::Accepted { lane, .. } => Some(lane.to_string()),
            _ => None,
        })
    };
    let first = bench.submit(to_agent("ops", "ann").with_mode(Mode::Followup));
    bench.gate.arrived();
    let later = bench.submit(to_agent("ops", "ann").with_mode(Mode::Followup));
    let explicit = bench.submit(to_agent("ops", "eve").with_lane("cron"));
    assert_eq!(bench.gate.arrived(), "ops eve");
    assert_eq!(accepted(&bench), ["ops-lane", "ops-lane", "cron"]);
    (0..2).for_each(|_| bench.gate.open());
    bench.gate.pass("ops ann");
    [first, later, explicit].iter().for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    bench.finish();
}

/// Rows of `FAILURES.md`: C38.
#[test]
fn p6_stop_as_a_text_stops_and_answers_in_words() {
    let bench = bench();
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let waiting = bench.submit(followup("waiting"));
    let words = told(&bench, Message::new("k", " /STOP "));
    assert_eq!(words, "Stopped. Waiting messages taken back: 1.");
    assert_eq!(waits(&waiting).fate, Fate::Withdrawn);
    bench.gate.answer(crate::support::Answer::Fail);
    assert_eq!(waits(&run).outcome, Some(Outcome::Stopped));
    assert_eq!(told(&bench, Message::new("k", "/stop")), "Nothing to stop.");
    assert_eq!(bench.engine.stats().refused, 0, "a directive is no refusal");
    bench.finish();
}

#[test]
fn a_queue_directive_sets_shows_and_resets_its_own_session_only() {
    let bench = bench();
    let words = told(&bench, Message::new("k", "/queue followup cap:3"));
    let set = "Queue: followup (session), debounce 1s (built-in), cap 3 (session), \
               drop summarize (built-in).";
    assert_eq!(words, set);
    assert_eq!(bench.engine.knobs("other"), Knobs::default());
    // A second directive leaves open what it does not name.
    assert!(told(&bench, Message::new("k", "/queue drop:old")).contains("cap 3 (session)"));
    let run = bench.submit(Message::new("k", "run"));
    bench.gate.arrived();
    let two = ["one", "two"].map(|text| bench.submit(Message::new("k", text)));
    assert!(told(&bench, Message::new("k", "/queue")).ends_with("Waiting: 2."));
    let before = bench.engine.knobs("k");
    let wrong = told(&bench, Message::new("k", "/queue foo"));
    assert!(wrong.contains("\"foo\"") && wrong.contains("collect|followup"), "{wrong}");
    assert_eq!(bench.engine.knobs("k"), before, "a wrong word changes nothing");
    bench.gate.open();
    bench.gate.pass("one");
    bench.gate.pass("two");
    assert!(told(&bench, Message::new("k", "/queue reset")).starts_with("Reset. Queue: collect"));
    assert_eq!(bench.engine.knobs("k"), Knobs::default());
    [&run].into_iter().chain(&two).for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    bench.finish();
}

#[test]
fn an_inline_directive_is_for_its_message_and_its_words_do_not_reach_the_agent() {
    let bench = bench();
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let steer = bench.submit(Message::new("k", "/steer the other file"));
    assert_eq!(steer.placement(), Placement::Steered);
    let later = bench.submit(Message::new("k", "and then /queue followup this"));
    assert_eq!(later.message().map(Message::text), Some("and then this"));
    bench.gate.open();
    bench.gate.pass("the other file");
    bench.gate.pass("and then this");
    [run, steer, later].iter().for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    bench.finish();
}

#[test]
fn directives_of_others_than_the_listed_are_text() {
    let mut config = Config::default();
    config.inbound.directive_authorities = vec!["owner".to_owned()];
    let bench = bench_with(config);
    let text = bench.submit(Message::new("k", "/stop"));
    bench.gate.pass("/stop");
    waits(&text);
    assert_eq!(
        told(&bench, Message::new("k", "/stop").with_authority("owner")),
        "Nothing to stop."
    );
    bench.finish();
}

#[test]
fn each_level_goes_before_the_next_and_explain_says_which_gave_a_value() {
    let mut config = Config::default().with_queue(|q| q.cap = 9);
    let mut channel = Knobs::default();
    (channel.mode, channel.cap) = (Some(Mode::Collect), Some(8));
    config.queue.channels.insert("irc".to_owned(), channel);
    let bench = bench_with(config);
    let message = Message::new("k", "x").with_source(source("irc", "ann"));
    let why = |message: &Message| {
        let force = bench.engine.explain(message).expect("it has a key");
        (force.mode.value, force.mode.level, force.cap.value, force.cap.level)
    };
    let elsewhere = Message::new("k", "x").with_source(source("sms", "ann"));
    assert_eq!(why(&elsewhere), (Mode::Collect, Level::BuiltIn, 9, Level::Config));
    assert_eq!(why(&message), (Mode::Collect, Level::Channel, 8, Level::Channel));
    let own = Knobs { mode: Some(Mode::Followup), ..Knobs::default() };
    bench.engine.set_knobs("k", own).expect("in range");
    assert_eq!(why(&message), (Mode::Followup, Level::Session, 8, Level::Channel));
    let steer = message.clone().with_mode(Mode::Steer);
    assert_eq!(why(&steer), (Mode::Steer, Level::Message, 8, Level::Channel));
    let one = Knobs { cap: Some(1), ..Knobs::default() };
    assert_eq!(why(&message.with_knobs(one)).2, 1);
    bench.finish();
}

fn leading() -> Bench {
    let mut config = Config::default();
    config.inbound.debounce = Duration::from_millis(500);
    bench_with(config)
}

fn says(text: &str) -> Message {
    Message::new("k", text).with_sender("ann")
}

/// Rows of `FAILURES.md`: C19.
#[test]
fn the_leading_window_merges_plain_text_of_one_sender_whatever_its_mode() {
    let bench = leading();
    let first = bench.submit(says("one").with_mode(Mode::Followup));
    assert_eq!(first.placement(), Placement::Queued, "held back");
    bench.engine.advance(Duration::from_millis(400));
    let second = bench.submit(says("two").with_mode(Mode::Steer));
    assert_eq!(second.fallback(), Some(Fallback::NoRun));
    bench.engine.advance(Duration::from_millis(499));
    assert!(bench.gate.nobody());
    bench.engine.advance(Duration::from_millis(1));
    let text = bench.gate.arrived();
    assert!(text.contains("one") && text.contains("two"), "{text}");
    bench.gate.open();
    [first, second].iter().for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    bench.finish();
}

/// Rows of `FAILURES.md`: C40.
#[test]
fn anything_else_closes_the_leading_window_in_order() {
    let bench = leading();
    let receipts = [says("one"), says("two"), says("picture").with_media("[1]"), says("three")]
        .map(|message| bench.submit(message.with_mode(Mode::Followup)));
    let text = bench.gate.arrived();
    assert!(text.contains("one") && text.contains("two") && !text.contains("picture"), "{text}");
    bench.gate.open();
    bench.gate.pass("picture");
    bench.gate.pass("three");
    receipts.iter().for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    let other = bench.submit(says("mine"));
    let stranger = bench.submit(Message::new("k", "not mine").with_sender("bob"));
    bench.gate.pass("mine");
    bench.gate.pass("not mine");
    [other, stranger].iter().for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    bench.finish();
}

#[test]
fn p9_a_flood_runs_at_most_five_windows_after_its_first_message() {
    let bench = leading();
    for n in 0..6 {
        drop(bench.submit(says(&format!("part {n}"))));
        bench.engine.advance(Duration::from_millis(400));
    }
    assert!(bench.gate.nobody(), "2.4 of 2.5 seconds");
    drop(bench.submit(says("part 6")));
    bench.engine.advance(Duration::from_millis(100));
    assert!(bench.gate.arrived().contains("part 6"));
    bench.gate.open();
    until("the run has ended", || bench.engine.stats().pending == 0);
    bench.finish();
}

#[test]
fn an_interrupt_and_a_stop_are_never_held_and_ttl_counts_in_the_window() {
    let bench = leading();
    let held = bench.submit(says("held"));
    let interrupt = bench.submit(says("now").with_mode(Mode::Interrupt));
    bench.gate.pass("now");
    bench.gate.pass("held");
    [held, interrupt].iter().for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    until("it is idle", || bench.engine.stats().pending == 0);
    let stopped = bench.submit(says("stopped"));
    assert_eq!(told(&bench, says("/stop")), "Waiting messages taken back: 1.");
    assert_eq!(waits(&stopped).fate, Fate::Withdrawn);
    let late = bench.submit(says("late").with_ttl(Duration::from_millis(100)));
    bench.engine.advance(Duration::from_millis(100));
    assert_eq!(waits(&late).fate, Fate::Expired);
    bench.finish();
}

/// Real messages, where somebody has put them beside the project: their sources.
fn real_sources() -> Option<Vec<Source>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/ubuntu-irc.jsonl");
    let path = std::env::var("LANEQ_REAL_INPUT").unwrap_or_else(|_| beside.to_owned());
    let text = std::fs::read_to_string(path).ok()?;
    let source = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        serde_json::from_value(message["source"].clone()).expect("a source")
    };
    Some(text.lines().map(source).collect())
}

#[test]
fn real_nicks_fold_into_sessions_and_nothing_else_does() {
    // Without the file there is nothing real to read; the property test stands in for it.
    let Some(sources) = real_sources() else { return };
    let nicks: std::collections::BTreeSet<&str> = sources.iter().map(|s| s.peer.as_str()).collect();
    let folded: std::collections::BTreeSet<String> =
        nicks.iter().map(|nick| nick.trim().to_lowercase()).collect();
    for (scope, sessions) in [
        (Scope::Main, 1),
        (Scope::PerPeer, folded.len()),
        (Scope::PerChannelPeer, folded.len()),
        (Scope::PerAccountChannelPeer, folded.len()),
    ] {
        let bench = bench_with(scoped(scope));
        let key = |source: &Source| {
            bench.engine.key_of(&Message::from_source(source.clone(), "x")).expect("it has a peer")
        };
        let keys: std::collections::BTreeSet<_> = sources.iter().map(key).collect();
        assert_eq!(keys.len(), sessions, "{scope}: {} nicks", nicks.len());
        bench.finish();
    }
}
