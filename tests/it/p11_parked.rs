//! P11: a parked message is kept until another takes its place.

use std::time::Duration;

use laneq::{Config, Fate, JournalError, ManualClock, Message, Reason, Table};

use crate::paper::{Paper, life, said};
use crate::support::{Answer, Bench, waits};

const MS: Duration = Duration::from_millis(1);

/// Two parked messages of one id, in two sessions.
fn parked() -> (Paper, Bench) {
    let paper = Paper::default();
    let config = Config::default().with_queue(|q| q.backoff = MS);
    let bench = life(&paper, config, &ManualClock::new());
    for (n, key) in (1..).zip(["a", "b"]) {
        let message = Message::new(key, key).with_id("same").with_attempts(2);
        let receipt = bench.submit(message);
        for _ in 0..2 {
            assert_eq!(bench.gate.arrived(), key);
            bench.gate.answer(Answer::Fail);
            bench.until_retries(n);
            bench.ms(1);
        }
        assert_eq!(waits(&receipt).fate, Fate::Parked);
    }
    paper.until_len(Table::Marks, 4);
    (paper, bench)
}

#[test]
fn p11_a_requeued_message_takes_the_place_of_its_own_and_only_if_it_is_accepted() {
    let (paper, bench) = parked();
    let requeued = || Message::new("a", "a").with_id("same").with_requeued_from("same");
    paper.fail(JournalError::Failed("a passing trouble".into()));
    assert!(bench.engine.submit(requeued()).is_err());
    let stale = requeued().with_expect_run(laneq::RunId::new(99));
    assert_eq!(bench.engine.submit(stale).expect_err("no such run").reason, Reason::Mismatch);
    assert_eq!(paper.len(Table::Messages), 2, "both are still parked");
    let receipt = bench.submit(requeued());
    assert_eq!(bench.gate.arrived(), "a");
    paper.until_len(Table::Messages, 2);
    let after = paper.crash();
    let again = life(&after, Config::default(), &ManualClock::new());
    let (came, receipts) = again.back();
    assert_eq!((came.retried, came.held), (1, 1));
    assert_eq!(said(&receipts), ["a", "b"]);
    again.gate.pass("a");
    after.until_len(Table::Messages, 1);
    again.finish();
    bench.gate.open();
    assert_eq!(waits(&receipt).fate, Fate::Ran);
    bench.finish();
}
