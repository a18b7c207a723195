//! Names that are one or are not: agents, channels; and words for the queue that come at once.

use std::time::Duration;

use laneq::{Fallback, Fate, Knobs, Level, Message, Mode, Placement, Source};

use crate::stage::followup;
use crate::support::{bench, bench_with, waits};

fn source(channel: &str, peer: &str) -> Source {
    let (channel, peer) = (channel.to_owned(), peer.to_owned());
    Source { channel, peer, ..Source::default() }
}

#[test]
fn two_agents_never_share_a_run_though_they_share_a_session_and_a_lane() {
    let bench = bench();
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let to = |agent: &str, text: &str| {
        let source = Source { agent: agent.to_owned(), ..source("irc", "ann") };
        Message::new("k", text).with_source(source)
    };
    let receipts = [to("ops", "one"), to("OPS ", "two"), to("support", "three")]
        .map(|message| bench.submit(message));
    bench.gate.open();
    bench.engine.advance(Duration::from_secs(1));
    let text = bench.gate.arrived();
    assert!(text.contains("one") && text.contains("two") && !text.contains("three"), "{text}");
    bench.gate.open();
    assert_eq!(bench.gate.arrived(), "three");
    let steer = bench.submit(to("ops", "not yours").with_mode(Mode::Steer));
    assert_eq!(steer.fallback(), Some(Fallback::Route));
    bench.gate.open();
    bench.gate.pass("not yours");
    [run, steer].iter().chain(&receipts).for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    bench.finish();
}

#[test]
fn the_settings_of_a_channel_are_found_however_a_source_writes_its_name() {
    let mut config = laneq::Config::default();
    let knobs = Knobs { mode: Some(Mode::Followup), ..Knobs::default() };
    config.queue.channels.insert("Discord".to_owned(), knobs);
    config.inbound.channels.insert("sms".to_owned(), Duration::from_millis(500));
    let bench = bench_with(config);
    for name in ["discord", "Discord", " DISCORD "] {
        let message = Message::new("k", "x").with_source(source(name, "ann"));
        let force = bench.engine.explain(&message).expect("it has a key");
        assert_eq!((force.mode.value, force.mode.level), (Mode::Followup, Level::Channel));
    }
    let held = bench.submit(Message::new("k", "held").with_source(source("SMS", "ann")));
    assert_eq!(held.placement(), Placement::Queued);
    bench.engine.advance(Duration::from_millis(500));
    bench.gate.pass("held");
    waits(&held);
    bench.finish();
}

#[test]
fn p9_directives_at_once_lose_none_of_their_knobs() {
    let bench = bench();
    for _ in 0..500 {
        std::thread::scope(|scope| {
            for words in ["/queue cap:7", "/queue drop:old", "/queue debounce:3s"] {
                let engine = bench.engine.clone();
                scope.spawn(move || engine.submit(Message::new("k", words)).expect_err("control"));
            }
        });
        let own = bench.engine.knobs("k");
        assert!(own.cap.is_some() && own.drop.is_some() && own.debounce.is_some(), "{own:?}");
        bench.engine.set_knobs("k", Knobs::default()).expect("in range");
    }
    bench.finish();
}
