//! P11: a journal that fails loses nothing that was acknowledged, and nobody waits for ever.

use std::time::Duration;

use laneq::{
    Closed, Config, Error, Event, Fate, JournalError, ManualClock, MessageId, Reason, Table,
};

use crate::paper::{Paper, life};
use crate::stage::followup;
use crate::support::{Answer, Bench, LONG, fates, until, waits};

const MS: Duration = Duration::from_millis(1);

fn full() -> JournalError {
    JournalError::Full("no space left".into())
}

pub fn failed() -> JournalError {
    JournalError::Failed("a passing trouble".into())
}

pub fn first_life(config: Config) -> (Paper, Bench) {
    let paper = Paper::default();
    let bench = life(&paper, config, &ManualClock::new());
    bench.back();
    // The next commit is a test's own.
    paper.until_len(Table::About, 1);
    (paper, bench)
}

fn again(paper: &Paper) -> (Paper, Bench) {
    let paper = paper.crash();
    let bench = life(&paper, Config::default(), &ManualClock::new());
    (paper, bench)
}

#[test]
fn p11_where_no_message_fits_runs_still_start_and_end() {
    let (paper, bench) = first_life(Config::default());
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let next = bench.submit(followup("next"));
    paper.hold();
    let refused = bench.engine.submit_nowait(followup("no room")).expect("into the line");
    paper.until_waiting();
    bench.gate.open();
    assert_eq!(waits(&run).fate, Fate::Ran);
    paper.fail(full());
    paper.release();
    let refused = refused.wait().expect_err("there is no room");
    assert_eq!((refused.reason, refused.message.text()), (Reason::Journal, "no room"));
    bench.gate.pass("next");
    assert_eq!(waits(&next).fate, Fate::Ran);
    paper.until_len(Table::Messages, 0);
    bench.finish();
    assert_eq!(paper.len(Table::Marks), 0);
}

/// A run ends, and the commit that would take its message out fails, once.
pub fn ends_under_a_failing_commit(paper: &Paper, bench: &Bench) {
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    paper.fail(failed());
    bench.gate.open();
    assert_eq!(waits(&run).fate, Fate::Ran);
    until("the failing commit", || {
        bench.settled_book().names(|e| matches!(e, Event::JournalFailed { .. })).len() == 1
    });
    assert_eq!(paper.len(Table::Messages), 1, "it could not be taken out yet");
}

#[test]
fn p11_after_a_passing_error_submits_succeed_and_what_has_ended_does_not_come_back() {
    let (paper, bench) = first_life(Config::default());
    ends_under_a_failing_commit(&paper, &bench);
    let next = bench.submit(followup("next"));
    bench.gate.pass("next");
    assert_eq!(waits(&next).fate, Fate::Ran);
    paper.until_len(Table::Messages, 0);
    paper.fail(failed());
    let refused = bench.engine.submit(followup("refused")).expect_err("it fails");
    assert!(refused.detail.contains("passing trouble"), "{}", refused.detail);
    let next = bench.submit(followup("next"));
    bench.gate.pass("next");
    waits(&next);
    assert_eq!(bench.engine.journal_error(), None);
    bench.finish();
    assert_eq!((paper.len(Table::Messages), paper.len(Table::Marks)), (0, 0));
}

#[test]
fn p11_what_is_refused_gives_its_room_in_the_file_back() {
    let mut config = Config::default();
    config.journal.max_bytes = 256 << 10;
    config.queue.cap = 1;
    config.queue.drop = laneq::Drop::New;
    let (paper, bench) = first_life(config);
    let long = || followup(&"x".repeat(8 << 10));
    for _ in 0..20 {
        paper.fail(failed());
        assert_eq!(bench.engine.submit(long()).expect_err("it fails").reason, Reason::Journal);
    }
    bench.send(followup("run"));
    bench.gate.arrived();
    bench.send(followup("waits"));
    for _ in 0..20 {
        let refused = bench.engine.submit(long()).expect_err("the backlog is full");
        assert_eq!(refused.reason, Reason::Full, "{}", refused.detail);
        assert!(refused.detail.contains("in this session"), "{}", refused.detail);
    }
    // What was refused was out of the file before anybody was told.
    assert_eq!(paper.len(Table::Messages), 2);
    bench.finish();
}

/// Rows of `FAILURES.md`: C12.
#[test]
fn p2_a_run_whose_start_fails_is_tried_again_in_its_place_and_has_lost_no_attempt() {
    let (paper, bench) = first_life(Config::default().with_queue(|q| q.backoff = MS));
    let twice = bench.submit(followup("twice").with_attempts(2));
    bench.gate.arrived();
    let after = bench.submit(followup("after"));
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    paper.fail(failed());
    bench.ms(1);
    bench.until_retries(2);
    assert_eq!(fates(&[twice.clone(), after.clone()]), [None, None]);
    bench.ms(1);
    // Its second attempt, and its last.
    bench.gate.pass("twice");
    assert_eq!(waits(&twice).fate, Fate::Ran);
    bench.gate.pass("after");
    assert_eq!(waits(&after).fate, Fate::Ran);
    paper.until_len(Table::Messages, 0);
    bench.finish();
    assert_eq!(paper.len(Table::Marks), 0);
}

#[test]
fn p11_two_started_batches_of_a_key_come_back_the_last_one_first() {
    let (paper, bench) = first_life(Config::default());
    bench.engine.pause("main").expect("a lane of ours");
    let sent = ["twice", "after", "last"].map(|text| bench.submit(followup(text)));
    for (receipt, run) in sent.iter().zip([5, 7]) {
        let MessageId::Made(_, number) = receipt.id() else { panic!("no id was given") };
        let key = [&number.to_be_bytes()[..], &[0]].concat();
        let mark = format!(
            "\x01{{\"Started\":{{\"run\":{run},\"attempt\":1,\"interrupted\":0,\"at\":{run}}}}}"
        );
        paper.scribble(Table::Marks, &key, mark.as_bytes());
    }
    let (paper, bench) = again(&paper);
    let (came, receipts) = bench.back();
    assert_eq!((came.pending, came.retried, receipts.len()), (3, 2, 3));
    for text in ["after", "twice", "last"] {
        bench.gate.pass(text);
    }
    paper.until_len(Table::Messages, 0);
    bench.finish();
    assert_eq!(paper.len(Table::Marks), 0);
}

#[test]
fn p11_an_entry_that_cannot_be_read_is_an_error_and_nothing_is_skipped() {
    let number = 1u64.to_be_bytes();
    let mark = [&number[..], &[0]].concat();
    let garbage: [(Table, &[u8], &[u8], &str); 9] = [
        (Table::Messages, &number, b"\x01{}", "cannot be read"),
        (Table::Messages, &number, b"\x02{}", "format 2"),
        (Table::Messages, &number, b"", "an empty entry"),
        (Table::Messages, b"odd", b"\x01{}", "3 bytes"),
        (Table::Marks, &mark, b"\x01\"Sideways\"", "cannot be read"),
        (Table::Ids, &number, b"\x01[]", "cannot be read"),
        (Table::Knobs, b"k", b"\x01nonsense", "cannot be read"),
        (Table::Lines, b"\xFF", b"\x01[]", "not UTF-8"),
        (Table::About, b"next", b"\x01-1", "cannot be read"),
    ];
    let (good, bench) = first_life(Config::default());
    bench.engine.pause("main").expect("a lane of ours");
    ["one", "two"].iter().for_each(|text| bench.send(followup(text)));
    for (table, key, value, words) in garbage {
        let (paper, bench) = again(&good);
        paper.scribble(table, key, value);
        let error = bench.engine.recover(|_| panic!("nothing comes back")).expect_err("damaged");
        assert!(matches!(&error, Error::Journal(text) if text.contains(words)), "{error}");
        let refused = bench.engine.submit(followup("x")).expect_err("nothing is acknowledged");
        assert_eq!(refused.reason, Reason::Journal);
        assert!(refused.detail.contains(words), "{}", refused.detail);
        assert!(bench.engine.recover(|_| ()).is_err(), "the second time, too");
        assert_eq!(bench.engine.stats().pending, 0);
        assert!(bench.gate.nobody());
        bench.finish();
    }
}

#[test]
fn p11_a_journal_that_panics_is_poisoned_and_nobody_waits_for_it() {
    let (paper, bench) = first_life(Config::default());
    paper.panic();
    let refused = bench.engine.submit(followup("x")).expect_err("it panics");
    assert!(refused.detail.contains("planned panic"), "{}", refused.detail);
    let later = bench.engine.submit(followup("x")).expect_err("it stays so");
    assert_eq!(later.reason, Reason::Journal);
    bench.finish();
    let (paper, bench) = again(&Paper::default());
    paper.panic();
    assert!(matches!(bench.engine.recover(|_| ()), Err(Error::Journal(_))));
    assert!(bench.engine.submit(followup("x")).is_err());
    bench.finish();
}

#[test]
fn p11_once_poisoned_every_admission_is_decided() {
    let (paper, bench) = first_life(Config::default());
    paper.hold();
    let first = bench.engine.submit_nowait(followup("first")).expect("into the line");
    paper.until_waiting();
    let all: Vec<_> = (0..50)
        .map(|n| bench.engine.submit_nowait(followup(&n.to_string())).expect("into the line"))
        .collect();
    paper.fail(JournalError::Poisoned("fsync".into()));
    paper.release();
    for admission in std::iter::once(first).chain(all) {
        assert_eq!(admission.wait().expect_err("nothing is").reason, Reason::Journal);
    }
    assert_eq!(bench.engine.stats().pending, 0);
    bench.finish();
}

#[test]
fn p11_a_close_does_not_wait_for_a_stuck_journal_beyond_its_deadline() {
    let (paper, bench) = first_life(Config::default());
    paper.hold();
    let admission = bench.engine.submit_nowait(followup("x")).expect("into the line");
    paper.until_waiting();
    let closed = bench.engine.close(Duration::from_millis(20));
    assert_eq!(closed, Ok(Closed::Stuck(Vec::new())), "its thread is alive");
    assert!(!admission.is_decided());
    paper.release();
    assert_eq!(admission.wait().expect_err("too late").reason, Reason::Closed);
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed));
    assert_eq!(paper.len(Table::Messages), 0, "it was refused, and is the host's");
    let late = bench.engine.submit(followup("late")).expect_err("it is closed");
    assert_eq!(late.reason, Reason::Closed);
    bench.finish();
}

#[test]
fn p11_what_is_abandoned_while_its_start_is_committed_does_not_begin() {
    let (paper, bench) = first_life(Config::default());
    bench.engine.pause("main").expect("a lane of ours");
    let (next, after) = (bench.submit(followup("next")), bench.submit(followup("after")));
    paper.hold();
    bench.engine.resume("main").expect("a lane of ours");
    paper.until_waiting();
    let live = bench.settled_book().find(|event| match event {
        Event::RunStarted { run, .. } => Some(*run),
        _ => None,
    });
    assert_eq!(bench.engine.abandon(*live.last().expect("one")), Ok(()));
    assert_eq!(waits(&next).fate, Fate::Ran);
    paper.release();
    bench.gate.pass("after");
    waits(&after);
    paper.until_len(Table::Messages, 0);
    assert!(bench.gate.nobody(), "the abandoned one never began");
    bench.finish();
    assert_eq!(paper.len(Table::Marks), 0);
}
