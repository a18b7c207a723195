//! P11: jobs of the clock go through the journal, too.

use std::time::Duration;

use laneq::{Config, CronJob, Fate, ManualClock, Table};

use crate::paper::{Paper, life, said};
use crate::support::{Answer, until, waits};

fn config() -> Config {
    let every = Some(Duration::from_secs(60));
    let job = CronJob { id: "job".into(), text: "tick".into(), every, ..CronJob::default() };
    Config { cron: vec![job], ..Config::default() }
}

#[test]
fn p11_a_tick_that_waits_at_a_crash_comes_back_once_and_its_job_does_not_overlap_it() {
    let (paper, clock) = (Paper::default(), ManualClock::new());
    let bench = life(&paper, config(), &clock);
    bench.ms(60_000);
    assert_eq!(paper.len(Table::Messages), 0, "schedules begin when everything is back");
    bench.back();
    bench.ms(60_000);
    assert_eq!(bench.gate.arrived(), "tick");
    let after = paper.crash();
    let later = life(&after, config(), &ManualClock::new());
    let (came, receipts) = later.back();
    assert_eq!((came.retried, said(&receipts)), (1, vec!["tick"]));
    assert_eq!(later.gate.arrived(), "tick");
    later.ms(60_000);
    let skipped = later.settled_book().names(|e| matches!(e, laneq::Event::CronSkipped { .. }));
    assert_eq!(skipped.len(), 1, "its own run is at work");
    assert_eq!(after.len(Table::Messages), 1);
    later.gate.open();
    assert_eq!(waits(&receipts[0]).fate, Fate::Ran);
    later.ms(60_000);
    assert_eq!(later.gate.arrived(), "tick");
    later.gate.answer(Answer::Done);
    until("it has ended", || later.engine.stats().pending == 0);
    later.finish();
    bench.gate.open();
    bench.finish();
}
