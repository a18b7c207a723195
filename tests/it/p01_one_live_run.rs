//! P1: at most one live run per session key, whatever happens.

use laneq::{Fate, Message, Mode, Outcome, Placement};

use super::support::{Answer, bench, waits};

fn followup(text: &str) -> Message {
    Message::new("k", text).with_mode(Mode::Followup)
}

#[test]
fn p1_a_followup_waits_for_the_run_in_progress() {
    let bench = bench();
    let first = bench.submit(followup("first"));
    assert_eq!(first.placement(), Placement::Scheduled);
    assert_eq!(bench.gate.arrived(), "first");
    let second = bench.submit(followup("second"));
    assert_eq!((second.placement(), second.position()), (Placement::Queued, 0));
    assert!(bench.gate.nobody());
    bench.gate.open();
    bench.gate.pass("second");
    let settled = waits(&second);
    assert_eq!((settled.fate, settled.outcome), (Fate::Ran, Some(Outcome::Done)));
    assert_eq!(settled.reply.map(|r| r.text().to_owned()), Some("re: second".to_owned()));
    bench.finish();
}

/// Rows of `FAILURES.md`: C7.
#[test]
fn p1_a_panicking_handler_gives_its_session_and_its_slot_back() {
    let bench = bench();
    let first = bench.submit(followup("first"));
    let second = bench.submit(followup("second"));
    bench.gate.arrived();
    bench.gate.answer(Answer::Panic);
    bench.gate.pass("second");
    assert_eq!(waits(&first).outcome, Some(Outcome::Panicked));
    assert_eq!(waits(&second).outcome, Some(Outcome::Done));
    bench.finish();
}
