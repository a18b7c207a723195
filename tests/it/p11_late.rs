//! P11: what a passing error left unwritten is written by itself, and until then it is told.

use laneq::{Config, ManualClock, Reason, Table};

use crate::p11_errors::{ends_under_a_failing_commit, failed, first_life};
use crate::paper::{life, said};
use crate::stage::followup;

#[test]
fn p11_what_has_ended_is_written_once_the_disk_is_well_however_quiet_it_is() {
    let (paper, bench) = first_life(Config::default());
    ends_under_a_failing_commit(&paper, &bench);
    bench.engine.settle_journal();
    assert_eq!(paper.len(Table::Messages), 1, "it could not be taken out yet");
    bench.ms(1_000);
    bench.engine.settle_journal();
    assert_eq!((paper.len(Table::Messages), paper.len(Table::Marks)), (0, 0));
    bench.finish();
}

#[test]
fn p11_a_refused_message_that_is_still_in_the_file_is_told_so_and_goes_when_the_disk_is_well() {
    let mut config = Config::default();
    (config.queue.cap, config.queue.drop) = (2, laneq::Drop::New);
    let (paper, bench) = first_life(config);
    bench.send(followup("run"));
    bench.gate.arrived();
    paper.hold();
    let send = |text| bench.engine.submit_nowait(followup(text)).expect("into the line");
    let first = send("first");
    paper.until_waiting();
    // These two share a commit, and it is the last before the trouble.
    let (second, third) = (send("second"), send("third"));
    let own = paper.clone();
    second.on_decided(move || own.fail(failed()));
    paper.release();
    let refused = third.wait().expect_err("the backlog is full");
    assert_eq!(refused.reason, Reason::Full);
    assert!(refused.detail.contains("may come back: a passing trouble"), "{}", refused.detail);
    assert_eq!((first.wait().is_ok(), second.wait().is_ok()), (true, true));
    assert_eq!(paper.len(Table::Messages), 4, "it is still there");
    bench.engine.settle_journal();
    bench.ms(1_000);
    bench.engine.settle_journal();
    let left = paper.crash();
    let again = life(&left, Config::default(), &ManualClock::new());
    bench.finish();
    let (_, receipts) = again.back();
    assert_eq!(said(&receipts), ["run", "first", "second"]);
    ["run", "first", "second"].iter().for_each(|text| again.gate.pass(text));
    left.until_len(Table::Messages, 0);
    again.finish();
}
