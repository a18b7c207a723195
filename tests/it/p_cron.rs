//! Jobs of the clock: what a tick submits, and that a job never overlaps itself.

use std::time::{Duration, SystemTime};

use laneq::{
    Closed, Config, CronJob, Engine, Error, Event, Fate, HandlerOptions, Kind, ManualClock,
    Message, Mode, Overlap, Reply,
};

use crate::stage::bench_of;
use crate::support::{Answer, Bench, LONG, bench_with, lane, until};

const MINUTE: u64 = 60_000;
const HOUR: Duration = Duration::from_secs(3600);

fn job(id: &str) -> CronJob {
    CronJob { id: id.to_owned(), text: format!("do {id}"), ..CronJob::default() }
}

fn every_minute(id: &str, overlap: Overlap) -> CronJob {
    CronJob { every: Some(Duration::from_secs(60)), overlap, ..job(id) }
}

fn at(id: &str, schedule: &str) -> CronJob {
    CronJob { schedule: Some(schedule.to_owned()), ..job(id) }
}

fn with(jobs: impl IntoIterator<Item = CronJob>) -> Config {
    Config { cron: jobs.into_iter().collect(), ..Config::default() }
}

/// An engine whose runs are done at once, with the clock that its schedules go by.
fn on_a_clock(jobs: impl IntoIterator<Item = CronJob>, wall: u64) -> (Bench, ManualClock) {
    let clock = ManualClock::new();
    clock.set_wall_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(wall));
    let builder = Engine::builder(with(jobs)).clock(clock.clone());
    let engine = builder.start().expect("the settings are fine");
    (bench_of(engine, |run| Ok(Reply::new(run.batch().text()))), clock)
}

impl Bench {
    fn at_rest(&self) {
        until("everything has its fate", || self.engine.stats().pending == 0);
    }

    /// The details of all ticks that met their own job.
    fn skipped(&self) -> Vec<&'static str> {
        self.settled_book().find(|event| match event {
            Event::CronSkipped { detail, .. } => Some(*detail),
            _ => None,
        })
    }

    /// How many runs there were, once all of them are over.
    fn runs(&self) -> usize {
        self.at_rest();
        self.started().len()
    }
}

#[test]
fn a_tick_submits_the_jobs_text_in_its_own_lane_under_its_own_key() {
    let bench = bench_with(with([every_minute(" Daily:100% ", Overlap::Skip)]));
    bench.ms(MINUTE - 1);
    assert_eq!(bench.engine.stats().accepted, 0, "not before its time");
    bench.ms(1);
    assert_eq!(bench.gate.arrived(), "do  Daily:100% ");
    bench.gate.with(|run| {
        let batch = run.batch();
        let message = batch.messages().next().expect("a batch has a message").message();
        let source = message.source().expect("it has one");
        assert_eq!((run.key(), run.lane()), ("cron:daily%3a100%25", "cron"));
        assert_eq!((message.mode(), source.kind), (Some(Mode::Followup), Kind::Cron));
        assert_eq!(source.id, " Daily:100% ");
    });
    bench.gate.open();
    bench.at_rest();
    bench.ms(MINUTE);
    bench.gate.pass("do  Daily:100% ");
    bench.at_rest();
    assert!(bench.skipped().is_empty());
    bench.finish();
}

/// Rows of `FAILURES.md`: C31.
#[test]
fn p1_a_tick_that_meets_its_own_run_is_skipped() {
    let bench = bench_with(with([every_minute("a", Overlap::Skip)]));
    bench.ms(MINUTE);
    bench.gate.arrived();
    bench.ms(3 * MINUTE);
    assert_eq!(bench.skipped(), ["skipped"; 3]);
    assert_eq!(bench.engine.stats().accepted, 1);
    bench.gate.open();
    bench.at_rest();
    assert!(bench.gate.nobody(), "what was skipped does not come later");
    bench.ms(MINUTE);
    bench.gate.pass("do a");
    assert_eq!(bench.runs(), 2);
    bench.finish();
}

#[test]
fn p1_ticks_that_meet_their_own_run_become_one_more_run() {
    let bench = bench_with(with([every_minute("a", Overlap::Coalesce)]));
    bench.ms(MINUTE);
    bench.gate.arrived();
    bench.ms(3 * MINUTE);
    assert_eq!(bench.skipped(), ["coalesced"; 3]);
    assert_eq!(bench.engine.stats().accepted, 2);
    assert_eq!(lane(&bench.engine, "cron").executing, 1);
    bench.gate.open();
    bench.gate.arrived();
    // The further run is the current one now: a tick that meets it makes one more again.
    bench.ms(2 * MINUTE);
    assert_eq!((bench.skipped().len(), bench.engine.stats().accepted), (5, 3));
    bench.gate.open();
    bench.gate.pass("do a");
    assert_eq!(bench.runs(), 3);
    assert!(bench.gate.nobody());
    bench.finish();
}

#[test]
fn a_message_that_has_not_started_stands_for_the_ticks_that_meet_it() {
    let jobs = [every_minute("a", Overlap::Skip), every_minute("b", Overlap::Coalesce)];
    let bench = bench_with(with(jobs));
    bench.engine.pause("cron").expect("it exists");
    bench.ms(3 * MINUTE);
    let mut skipped = bench.skipped();
    skipped.sort_unstable();
    assert_eq!(skipped, ["coalesced", "coalesced", "skipped", "skipped"]);
    assert_eq!(bench.engine.stats().pending, 2);
    bench.engine.resume("cron").expect("it exists");
    (0..2).for_each(|_| bench.gate.open());
    assert_eq!(bench.runs(), 2);
    bench.finish();
}

#[test]
fn a_retry_that_waits_is_the_jobs_own() {
    let config = with([every_minute("a", Overlap::Skip)]);
    let bench = bench_with(config.with_queue(|queue| {
        queue.attempts = 2;
        queue.backoff = Duration::from_secs(90);
        queue.backoff_max = Duration::from_secs(90);
    }));
    bench.ms(MINUTE);
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    bench.ms(MINUTE);
    assert_eq!(bench.skipped(), ["skipped"]);
    bench.ms(MINUTE / 2);
    bench.gate.pass("do a");
    bench.at_rest();
    assert_eq!((bench.engine.stats().accepted, bench.started().len()), (1, 2));
    bench.finish();
}

#[test]
fn somebody_elses_message_under_the_key_goes_before_and_skips_nothing() {
    let bench = bench_with(with([every_minute("a", Overlap::Skip)]));
    bench.send(Message::new("cron:a", "by hand").with_lane("cron"));
    bench.gate.arrived();
    bench.ms(MINUTE);
    assert!(bench.skipped().is_empty());
    bench.gate.open();
    bench.gate.pass("do a");
    assert_eq!(bench.runs(), 2);
    bench.finish();
}

#[test]
fn an_expression_goes_by_the_wall_clock_of_its_zone() {
    let nine = CronJob { timezone: Some("Asia/Tokyo".to_owned()), ..at("a", "0 9 * * *") };
    // Midnight in London is nine in Tokyo.
    let (bench, clock) = on_a_clock([nine], 24 * 3600 - 30);
    bench.ms(29_999);
    assert_eq!(bench.runs(), 0);
    bench.ms(1);
    assert_eq!(bench.runs(), 1);
    clock.set_wall_clock(clock.wall_clock() + 24 * HOUR - Duration::from_secs(90));
    bench.ms(89_999);
    assert_eq!(bench.runs(), 1);
    bench.ms(1);
    assert_eq!(bench.runs(), 2);
    bench.finish();
}

#[test]
fn ticks_that_were_missed_fire_once() {
    let (bench, clock) = on_a_clock([at("a", "*/5 * * * *")], 150);
    // As after a suspend of five hours.
    clock.set_wall_clock(clock.wall_clock() + 5 * HOUR);
    bench.ms(MINUTE);
    assert_eq!(bench.runs(), 1, "noticed within a minute");
    bench.ms(MINUTE + MINUTE / 2 - 1);
    assert_eq!(bench.runs(), 1);
    bench.ms(1);
    assert_eq!(bench.runs(), 2, "the next is on time");
    assert!(bench.skipped().is_empty());
    bench.finish();
}

/// Rows of `FAILURES.md`: F11.
#[test]
fn a_clock_that_is_put_back_fires_no_tick_twice() {
    let (bench, clock) = on_a_clock([at("a", "*/2 * * * *")], 60);
    bench.ms(MINUTE);
    assert_eq!(bench.runs(), 1);
    clock.set_wall_clock(clock.wall_clock() - Duration::from_secs(60));
    bench.ms(3 * MINUTE - 1);
    assert_eq!(bench.runs(), 1);
    bench.ms(1);
    assert_eq!(bench.runs(), 2);
    bench.finish();
}

#[test]
fn p12_an_engine_that_drains_or_is_closed_fires_nothing_more() {
    let bench = bench_with(with([every_minute("a", Overlap::Coalesce)]));
    bench.ms(MINUTE);
    bench.gate.arrived();
    bench.gate.open();
    assert!(bench.engine.drain(LONG).expect("a host thread").complete);
    bench.ms(5 * MINUTE);
    let stats = bench.engine.stats();
    assert_eq!((stats.accepted, stats.refused, stats.fate(Fate::Ran)), (1, 0, 1));
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed));
    bench.ms(5 * MINUTE);
    assert_eq!((bench.engine.stats().accepted, bench.engine.stats().refused), (1, 0));
    bench.finish();
}

#[test]
fn schedules_can_be_ended_and_the_engine_goes_on() {
    let bench = bench_with(with([every_minute("a", Overlap::Coalesce)]));
    bench.ms(MINUTE);
    bench.gate.arrived();
    bench.engine.end_schedules();
    bench.ms(5 * MINUTE);
    assert_eq!(bench.engine.stats().accepted, 1);
    bench.gate.open();
    bench.send(Message::new("k", "by hand"));
    bench.gate.pass("by hand");
    assert_eq!(bench.runs(), 2);
    bench.finish();
}

#[test]
fn schedules_begin_when_their_lane_has_a_handler() {
    let config = with([every_minute("a", Overlap::Skip)]);
    let clock = ManualClock::new();
    let engine = Engine::builder(config).clock(clock).start().expect("the settings are fine");
    engine.on_run("main", |_| Ok(Reply::new(""))).expect("set once");
    engine.advance(Duration::from_secs(150));
    assert_eq!(engine.stats().accepted, 0);
    engine
        .on_run_with("cron", HandlerOptions::unsteerable(), |_| Ok(Reply::new("")))
        .expect("set once");
    engine.advance(Duration::from_secs(59));
    assert_eq!(engine.stats().accepted, 0, "the first tick is a minute after the beginning");
    engine.advance(Duration::from_secs(1));
    assert_eq!(engine.stats().accepted, 1);
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
}

#[test]
fn p10_a_job_between_two_ticks_has_no_session() {
    let (bench, _clock) = on_a_clock([every_minute("a", Overlap::Skip)], 0);
    bench.ms(MINUTE);
    assert_eq!(bench.runs(), 1);
    until("the session goes", || {
        bench.ms(1);
        bench.engine.stats().sessions == 0
    });
    bench.finish();
}

#[test]
fn what_is_wrong_with_a_job_is_said_at_the_start() {
    let error = |job: CronJob| match Engine::new(with([job])) {
        Err(Error::Invalid(error)) => error,
        other => panic!("it is refused: {:?}", other.err()),
    };
    let told = error(at("nightly", "0 25 * * *"));
    assert!(told.starts_with("cron job \"nightly\": schedule \"0 25 * * *\": "), "{told}");
    let told = error(CronJob { timezone: Some("Mars".to_owned()), ..at("x", "@daily") });
    assert!(told.starts_with("cron job \"x\": timezone \"Mars\": "), "{told}");
    assert!(error(at("x", "0 0 31 4 *")).ends_with("it never comes"));
    let long = error(every_minute(&"x".repeat(2000), Overlap::Skip));
    assert!(long.contains("2005 bytes: 1024 is the most"), "{long}");
}

#[test]
fn a_reload_replaces_the_jobs_and_a_job_still_does_not_overlap_itself() {
    let bench = bench_with(with([every_minute("a", Overlap::Skip)]));
    bench.ms(MINUTE);
    assert_eq!(bench.gate.arrived(), "do a");
    let changed = CronJob { text: "do it anew".to_owned(), ..every_minute("a", Overlap::Skip) };
    let both = with([changed, every_minute("b", Overlap::Skip)]);
    let _ = bench.engine.reload(both).expect("it is right");
    bench.ms(MINUTE);
    assert_eq!(bench.gate.arrived(), "do b");
    assert_eq!(bench.skipped(), ["skipped"], "the first run of a goes on");
    (0..2).for_each(|_| bench.gate.open());
    bench.at_rest();
    let bad = bench.engine.reload(with([at("c", "61 * * * *")])).map(drop);
    assert!(bad.is_err_and(|e| e.to_string().contains("\"c\"")), "refused whole");
    bench.ms(MINUTE);
    let mut next = [bench.gate.arrived(), bench.gate.arrived()];
    next.sort();
    assert_eq!(next, ["do b", "do it anew"]);
    (0..2).for_each(|_| bench.gate.open());
    bench.at_rest();
    let _ = bench.engine.reload(Config::default()).expect("it is right");
    bench.ms(10 * MINUTE);
    assert!(bench.gate.nobody(), "no job is left");
    bench.finish();
}

#[test]
fn a_reload_that_leaves_a_schedule_alone_keeps_its_next_tick() {
    let hourly = || CronJob { every: Some(HOUR), ..job("a") };
    let bench = bench_with(with([hourly()]));
    bench.ms(50 * MINUTE);
    let reworded = CronJob { text: "do it anew".to_owned(), ..hourly() };
    let _ = bench.engine.reload(with([reworded, at("b", "0 0 1 1 *")])).expect("it is right");
    bench.ms(10 * MINUTE);
    bench.gate.pass("do it anew");
    bench.at_rest();
    assert!(bench.gate.nobody(), "once");
    bench.finish();
}
