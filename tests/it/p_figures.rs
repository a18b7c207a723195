//! The figures of an engine: counters, histograms, sentinels; and its events as log lines.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use laneq::{Concurrency, Config, Engine, Fate, ManualClock, Message, Mode, Withdrawn};

use crate::support::{Answer, LONG, bench, bench_with, lane, near, until, waits};

/// Rows of `FAILURES.md`: C8.
#[test]
fn waits_and_runs_are_measured_by_the_engines_clock() {
    let bench = bench_with(Config::default().with_lane("main", 0));
    let receipt = bench.submit(Message::new("k", "x"));
    bench.engine.advance(Duration::from_secs(3));
    bench.engine.set_lane("main", Concurrency::Limit(1)).expect("in range");
    bench.gate.arrived();
    bench.engine.advance(Duration::from_secs(7));
    bench.gate.open();
    waits(&receipt);
    let main = lane(&bench.engine, "main");
    assert_eq!((main.lane_wait.count, main.message_wait.count, main.run.count), (1, 1, 1));
    near(main.lane_wait.p50, Duration::from_secs(3));
    near(main.message_wait.max, Duration::from_secs(3));
    near(main.run.p99, Duration::from_secs(7));
    assert_eq!(lane(&bench.engine, "subagent").run.count, 0, "each lane has its own");
    bench.finish();
}

#[test]
fn closures_with_a_receipt_are_timed_each_and_fired_ones_one_in_sixteen() {
    let bench = bench();
    for _ in 0..32 {
        let receipt = bench.engine.enqueue("main", "timed", |_| ()).expect("there is room");
        receipt.wait().map(drop).expect("a host thread");
    }
    assert_eq!(lane(&bench.engine, "main").message_wait.count, 32);
    for n in 0..160 {
        bench.engine.fire("main", "fired", |_| {}).expect("there is room");
        until("it has run", || bench.engine.stats().fate(Fate::Ran) == 33 + n);
    }
    assert_eq!(lane(&bench.engine, "main").message_wait.count, 42);
    assert!(bench.engine.stats().sampled);
    bench.finish();
}

#[test]
fn closures_that_share_a_reading_of_the_clock_are_timed_from_one_of_their_own() {
    const LONG_RUN: Duration = Duration::from_micros(10);
    let config = Config::default().with_lane("main", 0);
    // Nobody listens, so that they follow each other by the short way.
    let engine = Engine::builder(config).clock(ManualClock::new()).start().expect("it starts");
    for n in 0..200 {
        let (clock, key) = (engine.clone(), format!("k{}", n % 10));
        let work = move |_: &laneq::Run| clock.advance(LONG_RUN);
        engine.fire("main", &key, work).expect("there is room");
    }
    engine.set_lane("main", Concurrency::Limit(1)).expect("in range");
    until("they have run", || engine.stats().fate(Fate::Ran) == 200);
    let measured = lane(&engine, "main").run;
    assert_eq!(measured.count, 10, "the first that is drawn of each key");
    near(measured.p50, LONG_RUN);
    near(measured.max, LONG_RUN);
}

/// It starts by the short way, behind a slow one that nobody timed, and ends a slice that has taken too long.
#[test]
fn a_closure_that_ends_its_slice_is_timed_from_its_own_start() {
    const OWN: Duration = Duration::from_micros(10);
    let config = Config::default().with_lane("main", 1);
    let engine = Engine::builder(config).clock(ManualClock::new()).start().expect("it starts");
    let fire = |engine: &Engine, work: Box<dyn FnOnce() + Send>| {
        engine.fire("main", "k", move |_| work()).expect("there is room");
    };
    fire(&engine, Box::new(|| {}));
    until("the first has run", || engine.stats().fate(Fate::Ran) == 1);
    engine.pause("main").expect("it is there");
    (1..15).for_each(|_| fire(&engine, Box::new(|| {})));
    let clock = engine.clone();
    fire(
        &engine,
        Box::new(move || {
            // The seventeenth is drawn, as the first was.
            let timed = clock.clone();
            fire(&clock, Box::new(move || timed.advance(OWN)));
            clock.advance(Duration::from_millis(2));
        }),
    );
    engine.resume("main").expect("it is there");
    until("they have run", || engine.stats().fate(Fate::Ran) == 17);
    let measured = lane(&engine, "main").run;
    assert_eq!(measured.count, 2);
    near(measured.max, OWN);
}

#[test]
fn counters_balance_and_sentinels_read_zero() {
    let bench = bench();
    let outcomes = [Answer::Done, Answer::Fail, Answer::Panic];
    for answer in outcomes {
        let receipt = bench.submit(Message::new("k", "x"));
        bench.gate.arrived();
        bench.gate.answer(answer);
        waits(&receipt);
    }
    let running = bench.submit(Message::new("k", "running"));
    bench.gate.arrived();
    let waiting = bench.submit(Message::new("k", "abc").with_mode(Mode::Followup));
    assert!(bench.engine.submit(Message::new("", "x")).is_err());
    // A receipt is told just before the books are closed.
    until("the third is booked", || bench.engine.stats().pending == 2);
    let stats = bench.engine.stats();
    assert_eq!((stats.accepted, stats.refused, stats.pending), (5, 1, 2));
    assert_eq!((stats.pending_bytes, stats.sessions), (10, 1));
    assert!(stats.balances());
    assert_eq!(bench.engine.audit().pending, 2);
    assert_eq!(bench.engine.withdraw(&waiting), Withdrawn::Withdrawn);
    assert!(bench.engine.interrupt("k").is_some());
    bench.gate.answer(Answer::Fail);
    waits(&running);
    until("all is booked", || bench.engine.stats().pending == 0);
    let stats = bench.engine.stats();
    assert_eq!(stats.runs, [1, 1, 1, 1], "done, failed, stopped, panicked");
    assert_eq!((stats.fate(Fate::Ran), stats.fate(Fate::Withdrawn)), (4, 1));
    assert_eq!((stats.pending, stats.pending_bytes), (0, 0));
    assert_eq!((stats.order_violations, stats.double_runs), (0, 0));
    bench.finish();
}

#[test]
fn the_figures_of_lanes_come_in_the_order_of_their_making_and_main_is_the_first() {
    let bench = bench_with(Config::default().with_lane("a", 2));
    bench.engine.set_lane("b", Concurrency::Unlimited).expect("a fine name");
    let lanes = bench.engine.stats().lanes;
    let lanes: Vec<_> = lanes.iter().map(|l| (l.name.as_str(), l.concurrency)).collect();
    assert_eq!(lanes, [("main", 4), ("a", 2), ("cron", 256), ("subagent", 8), ("b", 256)]);
    bench.finish();
}

/// One log line, with its key-values.
type Line = (log::Level, String, BTreeMap<String, String>);

/// Keeps what is logged under the target `laneq`.
struct Keeper(Mutex<Vec<Line>>);

struct Pairs(BTreeMap<String, String>);

impl<'kvs> log::kv::VisitSource<'kvs> for Pairs {
    fn visit_pair(
        &mut self,
        key: log::kv::Key<'kvs>,
        value: log::kv::Value<'kvs>,
    ) -> Result<(), log::kv::Error> {
        self.0.insert(key.to_string(), value.to_string());
        Ok(())
    }
}

impl log::Log for Keeper {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.target() == "laneq"
    }

    fn log(&self, record: &log::Record) {
        let mut pairs = Pairs(BTreeMap::new());
        record.key_values().visit(&mut pairs).expect("no visit fails");
        let line = (record.level(), record.args().to_string(), pairs.0);
        self.0.lock().expect("no panic under it").push(line);
    }

    fn flush(&self) {}
}

/// Rows of `FAILURES.md`: S1, S4.
#[test]
fn s1_s4_events_are_log_lines_with_key_values_escaped_and_without_text() {
    static KEEPER: OnceLock<Keeper> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| Keeper(Mutex::new(Vec::new())));
    log::set_logger(keeper).expect("the only logger of this binary");
    log::set_max_level(log::LevelFilter::Debug);
    let bench = bench_with(Config::default().with_lane("main", 1));
    bench.engine.log_events().expect("a thread");
    let receipt = bench.submit(Message::new("evil\n\u{1b}[31mkey", "canary9c41"));
    bench.gate.pass("canary9c41");
    waits(&receipt);
    bench.send(Message::new("first", "x"));
    bench.gate.arrived();
    bench.send(Message::new("late", "x"));
    bench.engine.advance(Duration::from_secs(3));
    bench.gate.open();
    bench.gate.arrived();
    assert!(bench.engine.settle_events(LONG));
    let lines = keeper.0.lock().expect("no panic under it").clone();
    let named = |name: &str| lines.iter().find(|line| line.2["event"] == name).expect("logged");
    let (level, text, pairs) = named("run.started");
    assert_eq!((*level, pairs["key"].as_str()), (log::Level::Debug, "evil\\n\\u{1b}[31mkey"));
    assert_eq!(pairs["run"], receipt.settled().expect("it ran").run.expect("a run").to_string());
    assert!(pairs["seq"].parse::<u64>().is_ok());
    assert!(text.starts_with("run.started evil\\n"), "{text}");
    assert_eq!(named("queue.lane.wait_exceeded").0, log::Level::Warn, "it needs a look");
    let seqs: Vec<u64> = lines.iter().map(|l| l.2["seq"].parse().expect("a number")).collect();
    assert!(seqs.is_sorted(), "in the order of the events");
    for (_, text, pairs) in &lines {
        let line = format!("{text} {pairs:?}");
        assert!(!line.contains('\n') && !line.contains('\u{1b}'), "one event, one line: {line}");
        assert!(!line.contains("canary9c41"), "{line}");
    }
    bench.finish();
}
